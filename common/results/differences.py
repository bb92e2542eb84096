"""Comparisons of differences on the same images, in points or as ratios.

They are `common.results.margins` of two sides: of a metric, or of two differences, for
statements such as "more steps cost this network more than that one".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

from common import intervals, recipe
from common.intervals import Estimate
from common.results import metrics
from common.results.margins import Pair, Paired, Runs


@dataclasses.dataclass(frozen=True)
class MetricDifference(Paired):
    """A metric of `left` minus the same of `right`, against a margin.

    Attributes:
      left: recipe and the evaluations that the metric reads.
      right: the same, on the same images.
    """

    left: tuple[str, ...]
    right: tuple[str, ...]
    metric: ClassVar[str]
    prefix: ClassVar[str] = ""  # of the title

    @property
    def needs(self) -> tuple[Pair, ...]:
        """The evaluations of both sides."""
        sides = (self.left, self.right)
        return tuple((recipe, name) for recipe, *names in sides for name in names)

    @property
    def title(self) -> str:
        """Both sides."""
        sides = (self.left, self.right)
        words = (f"{recipe} {'/'.join(names)}" for recipe, *names in sides)
        return f"{self.prefix}{' - '.join(words)}"

    def estimate(self, runs: Runs) -> Estimate | None:
        """Returns the difference with the interval of pairs of its kind."""
        left, right = (
            metrics.METRICS[self.metric].images(
                runs[side[0]], _cell(self.metric, *side)
            )
            for side in (self.left, self.right)
        )
        if left is None or right is None or math.isnan(left.value + right.value):
            return None
        if left.among.all() and right.among.all():
            return intervals.paired_difference(left.counted, right.counted)
        found = intervals.ratio_difference(left, right)
        return found if self.unit == "" else found.scaled(100)


@dataclasses.dataclass(frozen=True)
class Difference(MetricDifference):
    """Accuracy of `left` minus accuracy of `right`, in points, against a margin.

    The accuracy of a transfer evaluation is the target's.

    Attributes:
      left: recipe and evaluation.
      right: recipe and evaluation, on the same images.
    """

    left: Pair
    right: Pair
    metric: ClassVar[str] = "accuracy"

    @classmethod
    def of(cls, left: str, right: str, **bound: float) -> Difference:
        """Returns that of two sides in words, each `RECIPE EVALUATION`."""
        recipe, evaluation, other_recipe, other = f"{left} {right}".split()
        return cls((recipe, evaluation), (other_recipe, other), **bound)

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the difference of the reported accuracies."""
        left, right = numbers.get(self.left), numbers.get(self.right)
        return None if left is None or right is None else left - right


@dataclasses.dataclass(frozen=True)
class RatioDifference(MetricDifference):
    """Robustness ratio of `left` minus that of `right`, against a margin.

    Attributes:
      left: recipe, evaluation and the evaluation whose accuracy divides.
      right: the same, on the same images.
    """

    left: tuple[str, str, str]
    right: tuple[str, str, str]
    metric: ClassVar[str] = "ratio"
    form: ClassVar[str] = "+.3f"
    unit: ClassVar[str] = ""


@dataclasses.dataclass(frozen=True)
class TransferDifference(MetricDifference):
    """Transfer rate of `left` minus that of `right`, in points, against a margin.

    Each rate counts among the images that fooled its own source, so that the two are
    ratios on the same images.

    Attributes:
      left: recipe and transfer evaluation.
      right: recipe and transfer evaluation, on the same images.
    """

    left: Pair
    right: Pair
    metric: ClassVar[str] = "transfer"
    prefix: ClassVar[str] = "transfer of "


@dataclasses.dataclass(frozen=True)
class LeaksDifference(MetricDifference):
    """Percent of labels leaked in `left` minus that in `right`, in points.

    Attributes:
      left: recipe, evaluation with the label and evaluation without it.
      right: the same, on the same images.
    """

    left: tuple[str, str, str]
    right: tuple[str, str, str]
    metric: ClassVar[str] = "leaked"
    prefix: ClassVar[str] = "leaks of "


@dataclasses.dataclass(frozen=True)
class DifferenceOfDifferences(Paired):
    """A difference of accuracies minus another one, in points, against a margin.

    Attributes:
      left: two pairs of recipe and evaluation: the accuracy of the first minus that of
        the second.
      right: the same, on the same images.
    """

    left: tuple[Pair, Pair]
    right: tuple[Pair, Pair]

    @property
    def needs(self) -> tuple[Pair, ...]:
        """The evaluations of both differences."""
        return (*self.left, *self.right)

    @property
    def title(self) -> str:
        """Both differences."""
        sides = (
            " - ".join(" ".join(pair) for pair in side)
            for side in (self.left, self.right)
        )
        return " - ".join(f"({side})" for side in sides)

    def estimate(self, runs: Runs) -> Estimate:
        """Returns the difference of the differences, all four on the same images."""
        a, b, c, d = (runs[name].outcomes(key, "survived") for name, key in self.needs)
        return intervals.difference_of_differences((a, b), (c, d))

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the difference of the differences of the reported accuracies."""
        if not all(pair in numbers for pair in self.needs):
            return None
        a, b, c, d = (numbers[pair] for pair in self.needs)
        return (a - b) - (c - d)


def _cell(metric: str, name: str, evaluation: str, *other: str) -> recipe.Cell:
    return recipe.Cell("", "", name, evaluation, metric, *other)
