"""Optimizers with the papers' semantics, as parts of a recipe."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class Momentum:
    """SGD with momentum as TensorFlow 1 and PyTorch apply it.

    `velocity <- momentum * velocity + gradient; w <- w - rate * velocity`, with
    `rate * (gradient + momentum * velocity)` for Nesterov. Keras folds the rate into
    the velocity instead, which differs for some steps after each drop of the rate.

    Attributes:
      momentum: factor of the velocity, in [0, 1).
      nesterov: look ahead.
    """

    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check_share("momentum", self.momentum)

    def build(self, schedule: Any) -> keras.optimizers.Optimizer:
        """Returns the Keras optimizer; `schedule` is a rate or a Keras schedule."""
        return _Momentum(schedule, self.momentum, self.nesterov)


@dataclasses.dataclass(frozen=True)
class RMSProp:
    """RMSProp with momentum as TensorFlow 1 applies it.

    From `ms = 1` and `mom = 0`: `ms <- decay * ms + (1 - decay) * gradient^2;
    mom <- momentum * mom + rate * gradient / sqrt(ms + epsilon); w <- w - mom`. Keras
    starts from `ms = 0`, so that its first steps are longer.

    Attributes:
      decay: share of the old mean square that an update keeps, in [0, 1).
      momentum: factor of the step before, in [0, 1).
      epsilon: added to the mean square, under the root; positive.
    """

    decay: float = 0.9
    momentum: float = 0.9
    epsilon: float = 1.0

    def __post_init__(self) -> None:
        _check_share("decay", self.decay)
        _check_share("momentum", self.momentum)
        if not 0.0 < self.epsilon < math.inf:
            raise ValueError(
                f"epsilon must be positive. Received: epsilon={self.epsilon}"
            )

    def build(self, schedule: Any) -> keras.optimizers.Optimizer:
        """Returns the Keras optimizer; `schedule` is a rate or a Keras schedule."""
        return _RMSProp(schedule, self)


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1). Received: {name}={value}")


class _Momentum(keras.optimizers.Optimizer):
    def __init__(self, learning_rate: Any, momentum: float, nesterov: bool) -> None:
        super().__init__(learning_rate=learning_rate, name="momentum")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        velocity = self.velocities[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        moved = self.momentum * velocity + gradient
        self.assign(velocity, moved)
        if self.nesterov:
            moved = gradient + self.momentum * moved
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * moved)


class _RMSProp(keras.optimizers.Optimizer):
    def __init__(self, learning_rate: Any, numbers: RMSProp) -> None:
        super().__init__(learning_rate=learning_rate, name="rmsprop")
        self.numbers = numbers

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        self.squares, self.moves = self.add_optimizer_variables(
            variables, ["mean_square", "move"], ["ones", "zeros"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        index, numbers = self._get_variable_index(variable), self.numbers
        square, move = self.squares[index], self.moves[index]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        mean = numbers.decay * square + (1.0 - numbers.decay) * ops.square(gradient)
        step = rate * gradient * ops.rsqrt(mean + numbers.epsilon)
        moved = numbers.momentum * move + step
        self.assign(square, mean)
        self.assign(move, moved)
        self.assign_sub(variable, moved)
