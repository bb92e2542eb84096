"""What a cell of a table counts: metrics by name.

A metric divides images counted by images among which they are counted, both taken from
the outcomes of one evaluation or of two on the same images. A share is in percent with
the Wilson interval; a ratio of two accuracies has the interval of `intervals.ratio`.
A `Mean` is of a number that each image has, with the normal interval. Minutes are read
from the end of the training, without an interval.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from common import intervals, recipe
from common.intervals import Ratio
from common.names import lookup
from common.results import measured


class Value(NamedTuple):
    """A measured number.

    Attributes:
      number: in the unit of its metric; NaN where there was no image to count among.
      interval: 95 % interval in the same unit, or None.
      total: images among which it was counted, or None.
    """

    number: float
    interval: tuple[float, float] | None = None
    total: int | None = None


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a cell counts.

    Attributes:
      label: of an axis, with the unit.
      unit: `%`, `min` or nothing.
      arrays: outcomes of the cell's evaluation that it reads, keys of
        `measured.COUNTS`; none for minutes.
      other_arrays: outcomes of the cell's other evaluation, if it relates two.
      combine: makes the `Ratio` from those outcomes, in that order.
    """

    label: str
    unit: str
    arrays: tuple[str, ...] = ()
    other_arrays: tuple[str, ...] = ()
    combine: Callable[..., Ratio] = Ratio

    @property
    def judged(self) -> bool:
        """Whether a reported number is compared with it: only shares are."""
        return self.unit == "%"

    def decimals(self, value: float, total: int | None) -> int:
        """Returns how many decimals a number gets, which few images do not support.

        Args:
          value: in the unit.
          total: images among which it was counted, or None.
        """
        few = total is not None and 0 < total < 1000
        if self.unit == "min":
            return 1 if value >= 1 else 2
        return (2 if self.unit else 3) - few

    def measure(self, run: measured.Run, cell: recipe.Cell) -> Value | None:
        """Returns the number of a cell, or None if it was not run.

        Raises:
          ValueError: as `images`.
        """
        if not self.arrays:
            minutes = run.training_minutes
            return None if minutes is None else Value(minutes)
        images = self.images(run, cell)
        if images is None:
            return None
        if math.isnan(images.value):
            return Value(math.nan, None, 0)
        if self.unit != "%":
            number, low, high = intervals.ratio(images)
            return Value(number, (low, high), len(images.counted))
        counted, total = (int(np.sum(part)) for part in images)
        return Value(100 * counted / total, intervals.wilson(counted, total), total)

    def images(self, run: measured.Run, cell: recipe.Cell) -> Ratio | None:
        """Returns which images a cell counts, or None if its evaluations were not run.

        Raises:
          ValueError: a broken record, two evaluations on different images, or a cell
            with one evaluation where the metric needs two, or with two for one.
        """
        if bool(cell.other) != bool(self.other_arrays):
            raise ValueError(
                f"A cell names a second evaluation if its metric relates two. "
                f"Received: metric={cell.metric}, other={cell.other!r}"
            )
        found = [run.evaluation(name) for name in cell.evaluations]
        wanted = [self.arrays, self.other_arrays][: len(found)]
        outcomes = []
        for record, arrays in zip(found, wanted, strict=True):
            if record is None or any(
                measured.COUNTS[array] not in record.record for array in arrays
            ):
                return None
            if not record.same_images(found[0] or record):
                raise ValueError(
                    f"{run.path}: a {cell.metric} needs two evaluations of the same "
                    f"images. Received: {cell.evaluation} and {cell.other}"
                )
            outcomes += [run.outcomes(record.name, array) for array in arrays]
        return self.combine(*outcomes)


@dataclasses.dataclass(frozen=True)
class Mean(Metric):
    """The mean of a number that each image has, the one of `arrays`."""

    def measure(self, run: measured.Run, cell: recipe.Cell) -> Value | None:
        """Returns the number of a cell, or None if it was not run."""
        numbers = self.numbers(run, cell)
        if numbers is None:
            return None
        number, low, high = intervals.mean(numbers)
        return Value(number, (low, high), len(numbers))

    def images(self, run: measured.Run, cell: recipe.Cell) -> Ratio | None:
        """Returns None: no image is counted."""
        del run, cell
        return None

    def numbers(self, run: measured.Run, cell: recipe.Cell) -> np.ndarray | None:
        """Returns float [total], or None if the evaluation was not run."""
        return run.numbers(cell.evaluation, *self.arrays)


def _share(counted: np.ndarray) -> Ratio:
    return Ratio(counted, np.ones_like(counted))


def _error(right: np.ndarray) -> Ratio:
    return _share(~right)


def _transferred(right: np.ndarray, fooled: np.ndarray) -> Ratio:
    return Ratio(fooled & ~right, fooled)


def _leaked(with_label: np.ndarray, without_label: np.ndarray) -> Ratio:
    return _share(with_label & ~without_label)


SURVIVED, TOP5, HIT = ("survived",), ("top5",), ("hit",)
METRICS = {
    "accuracy": Metric("accuracy, %", "%", SURVIVED, (), _share),
    "top5": Metric("top-5 accuracy, %", "%", TOP5, (), _share),
    "success": Metric("attack success, %", "%", HIT, (), _share),
    "ratio": Metric("robustness ratio", "", SURVIVED, SURVIVED),
    "ratio_top5": Metric("top-5 robustness ratio", "", TOP5, TOP5),
    "transfer": Metric(
        "transfer rate, %", "%", ("survived", "fooled"), (), _transferred
    ),
    "transfer_top5": Metric(
        "top-5 transfer rate, %",
        "%",
        ("survived_top5", "fooled_top5"),
        (),
        _transferred,
    ),
    "error": Metric("error, %", "%", SURVIVED, (), _error),
    "error_top5": Metric("top-5 error, %", "%", TOP5, (), _error),
    "target_error": Metric("error of the target, %", "%", SURVIVED, (), _error),
    "target_error_top5": Metric(
        "top-5 error of the target, %", "%", ("survived_top5",), (), _error
    ),
    "leaked": Metric("leaked labels, %", "%", SURVIVED, SURVIVED, _leaked),
    "loss_share": Mean("share of the largest loss found", "", ("loss_share",)),
    "cosine": Mean("cosine between one step and many", "", ("cosine",)),
    "gradient_norm": Mean("norm of the gradient", "", ("gradient_norm",)),
    "minutes": Metric("training time, min", "min"),
}


def name_of(cell: recipe.Cell) -> str:
    """Returns the name of what a cell counts; training time is in minutes."""
    return "minutes" if cell.evaluation == recipe.TRAINING_TIME else cell.metric


def of(cell: recipe.Cell) -> Metric:
    """Returns what a cell counts.

    Raises:
      ValueError: unknown metric; names the nearest.
    """
    return lookup(METRICS, name_of(cell), "metric")
