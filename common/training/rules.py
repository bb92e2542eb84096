"""The optimizers and the warm-up of recipes as Keras has them, by which it trains."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class Momentum(keras.optimizers.Optimizer):
    """The update of `optimizers.Momentum`."""

    def __init__(self, learning_rate: Any, *, momentum: float, nesterov: bool) -> None:
        """Takes a rate or a Keras schedule, and the fields of the recipe's value."""
        super().__init__(learning_rate=learning_rate, name="momentum")
        self.momentum = momentum
        self.nesterov = nesterov

    def build(self, variables: list[Any]) -> None:
        """Creates the velocities, unless they are there."""
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable and its velocity."""
        velocity = self.velocities[self._get_variable_index(variable)]
        gradient = ops.cast(gradient, variable.dtype)
        moved = self.momentum * velocity + gradient
        self.assign(velocity, moved)
        if self.nesterov:
            moved = gradient + self.momentum * moved
        rate = ops.cast(learning_rate, variable.dtype)
        self.assign_sub(variable, rate * moved)


class RMSProp(keras.optimizers.Optimizer):
    """The update of `optimizers.RMSProp`."""

    def __init__(
        self, learning_rate: Any, *, decay: float, momentum: float, epsilon: float
    ) -> None:
        """Takes a rate or a Keras schedule, and the fields of the recipe's value."""
        super().__init__(learning_rate=learning_rate, name="rmsprop")
        self.decay, self.momentum, self.epsilon = decay, momentum, epsilon

    def build(self, variables: list[Any]) -> None:
        """Creates the mean squares and the moves, unless they are there."""
        if self.built:
            return
        super().build(variables)
        self.squares, self.moves = self.add_optimizer_variables(
            variables, ["mean_square", "move"], ["ones", "zeros"]
        )

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable, its mean square and its move."""
        index = self._get_variable_index(variable)
        square, move = self.squares[index], self.moves[index]
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        mean = self.decay * square + (1.0 - self.decay) * ops.square(gradient)
        step = rate * gradient * ops.rsqrt(mean + self.epsilon)
        moved = self.momentum * move + step
        self.assign(square, mean)
        self.assign(move, moved)
        self.assign_sub(variable, moved)


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """The rate of `schedules.Warmup`."""

    def __init__(self, schedule: Any, *, num_steps: int, start: float) -> None:
        """Takes a Keras schedule, and the fields of the recipe's value."""
        self.schedule, self.num_steps, self.start = schedule, num_steps, start

    def __call__(self, step: Any) -> Any:
        """Returns the rate after so many updates."""
        share = ops.cast(step, "float32") / self.num_steps
        warming = self.start + (self.schedule(0) - self.start) * share
        return ops.where(share < 1.0, warming, self.schedule(step))
