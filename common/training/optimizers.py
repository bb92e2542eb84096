"""Optimizers with the papers' semantics, as parts of a recipe."""

from __future__ import annotations

import dataclasses
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
        if not 0.0 <= self.momentum < 1.0:
            raise ValueError(
                f"momentum must be in [0, 1). Received: momentum={self.momentum}"
            )

    def build(self, schedule: Any) -> keras.optimizers.Optimizer:
        """Returns the Keras optimizer; `schedule` is a rate or a Keras schedule."""
        return _Momentum(schedule, self.momentum, self.nesterov)


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
