"""Learning-rate schedules, as parts of a recipe; all count updates of the weights."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

from common import lazy
from common.lazy import keras

_rules = lazy.module("common.training.rules")  # they derive from Keras's


@dataclasses.dataclass(frozen=True)
class PiecewiseConstant:
    """`values[i]` until update `boundaries[i]`, exclusive; the last value afterwards.

    Attributes:
      boundaries: increasing numbers of updates.
      values: rates, one more than boundaries.
    """

    boundaries: tuple[int, ...]
    values: tuple[float, ...]
    rates: ClassVar[str] = "values"  # the field that says how large the steps are

    def __post_init__(self) -> None:
        if not self.boundaries or len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                "PiecewiseConstant needs boundaries and one value more. Received: "
                f"boundaries={self.boundaries}, values={self.values}"
            )
        if list(self.boundaries) != sorted({b for b in self.boundaries if b > 0}):
            raise ValueError(
                "PiecewiseConstant needs increasing boundaries from 1 on. Received: "
                f"boundaries={self.boundaries}"
            )
        if not all(0.0 < value < math.inf for value in self.values):
            raise ValueError(f"values must be positive. Received: values={self.values}")

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
    rates: ClassVar[str] = "rate"

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


@dataclasses.dataclass(frozen=True)
class Warmup:
    """Linear from `start` to the first rate of a schedule, and then that schedule.

    The rate grows by the same amount at every update: it is `start` at update 0 and the
    schedule's from update `num_steps` on. The schedule counts the updates of the
    warm-up, too, so that its boundaries are where they would be without.

    Source: Goyal 2017, Sec. 2.2.

    Attributes:
      schedule: a part of this module.
      num_steps: updates of the warm-up.
      start: the rate of the first update.
    """

    schedule: Any
    num_steps: int
    start: float

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(
                f"num_steps must be at least 1. Received: num_steps={self.num_steps}"
            )
        if not 0.0 <= self.start < math.inf:
            raise ValueError(f"start must be at least 0. Received: start={self.start}")

    @property
    def rates(self) -> str:
        """The field that has the rates, as `--set` reaches it through this schedule."""
        return f"schedule.{self.schedule.rates}"

    def build(self) -> keras.optimizers.schedules.LearningRateSchedule:
        """Returns the Keras schedule."""
        return _rules.Warmup(
            self.schedule.build(), num_steps=self.num_steps, start=self.start
        )
