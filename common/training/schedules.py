"""Learning-rate schedules, as parts of a recipe; all count updates of the weights."""

from __future__ import annotations

import dataclasses
import math

import keras


@dataclasses.dataclass(frozen=True)
class PiecewiseConstant:
    """`values[i]` until update `boundaries[i]`, exclusive; the last value afterwards.

    Attributes:
      boundaries: increasing numbers of updates.
      values: rates, one more than boundaries.
    """

    boundaries: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.boundaries or len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                "PiecewiseConstant needs boundaries and one value more. Received: "
                f"boundaries={self.boundaries}, values={self.values}"
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(
                "PiecewiseConstant needs increasing boundaries. Received: "
                f"boundaries={self.boundaries}"
            )

    def build(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """Returns the Keras schedule."""
        # Keras keeps the old value at the boundary itself; the drop belongs there.
        return keras.optimizers.schedules.PiecewiseConstantDecay(
            [boundary - 1 for boundary in self.boundaries], list(self.values)
        )


@dataclasses.dataclass(frozen=True)
class ExponentialDecay:
    """`rate * factor ** (step // every)` at each step, the number of updates done.

    Attributes:
      rate: of the first updates; positive.
      factor: of each drop, in (0, 1].
      every: updates between two drops.
    """

    rate: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        if not 0.0 < self.rate < math.inf:
            raise ValueError(f"rate must be positive. Received: rate={self.rate}")
        if not 0.0 < self.factor <= 1.0:
            raise ValueError(
                f"factor must be in (0, 1]. Received: factor={self.factor}"
            )
        if self.every < 1:
            raise ValueError(f"every must be at least 1. Received: every={self.every}")

    def build(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """Returns the Keras schedule."""
        return keras.optimizers.schedules.ExponentialDecay(
            self.rate, self.every, self.factor, staircase=True
        )
