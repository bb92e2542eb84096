"""Sums of metrics that are held against bounds, of which claims are made.

A `Comparison` holds if its whole 95 % interval is within its bounds, fails if the whole
interval is beyond one, and is inconclusive otherwise. These functions build every kind
that the papers use:

    level("pgd_7", "fgsm", at_most=39.0)  # accuracy in percent
    difference(("free_8", "pgd_20"), ("free_8", "pgd_100"), at_most=1.5)
    difference_of_differences((a, b), (c, d), at_least=0.0)  # of four such pairs
    gain("free_8", "pgd_7", "pgd_20", at_least=-2.0)  # of one network over another
    gain("silu", "relu", "pgd_50", at_least=0.0, seeds=(0, 1, 2))
    time_ratio("free_8", "pgd_7", at_most=0.3)
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from common.recipe import TRAINING_TIME
from common.results.measured import Runs
from common.results.sums import INCONCLUSIVE, Finding, Pair, Side, Sum, Term

HOLDS, FAILS = "holds", "fails"

Answer = tuple[str, str]  # verdict, and the numbers behind it


@dataclasses.dataclass(frozen=True)
class Comparison(Sum):
    """A sum of metrics, against a lower bound, an upper one, or both.

    Attributes:
      at_least: lower bound, or None.
      at_most: upper bound, or None.
    """

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self._ends
        if (low, high) == (-math.inf, math.inf) or low >= high:
            raise ValueError(
                "A comparison needs at_least or at_most, or both in this order. "
                f"Received: at_least={self.at_least}, at_most={self.at_most}"
            )

    @property
    def bound(self) -> str:
        """What is claimed of the number, such as `at least +2 points`."""
        sign = "+" if len(self.terms) > 1 else ""
        low, high = (f"{end:{sign}g}{self.unit}" for end in self._ends)
        if self.at_most is None:
            return f"at least {low}"
        if self.at_least is None:
            return f"at most {high}"
        return f"from {low.removesuffix(self.unit)} to {high}"

    def check(self, runs: Runs) -> Answer:
        """Returns the verdict and a line with the numbers behind it.

        Args:
          runs: recipe name to run, as `Results.runs` gives them.
        """
        found = self.finding(runs)
        if found.estimate is None or found.obstacle:
            return found.obstacle, self._line(found)
        verdict = self.verdict(found.estimate.low, found.estimate.high)
        return verdict, f"{self._line(found)}: {verdict}"

    def line(self, runs: Runs) -> str:
        """Returns the line of `check` without its verdict."""
        return self._line(self.finding(runs))

    def slack(self, runs: Runs) -> float:
        """Returns how far the number lies on the right side of the bound.

        It is counted in half-widths of its interval, since units differ; negative on
        the wrong side, and infinite without a number or an interval, as of times.

        Args:
          runs: as for `check`.
        """
        estimate = self.finding(runs).estimate
        if estimate is None:
            return math.inf
        low, high = self._ends
        ahead = min(estimate.value - low, high - estimate.value)
        half = (estimate.high - estimate.low) / 2
        return ahead / half if half else math.copysign(math.inf, ahead)

    def verdict(self, low: float, high: float) -> str:
        """Returns the verdict on an interval."""
        floor, ceiling = self._ends
        if high < floor or low > ceiling:
            return FAILS
        return HOLDS if floor <= low and high <= ceiling else INCONCLUSIVE

    @property
    def _ends(self) -> tuple[float, float]:
        """The bounds, infinite where there is none."""
        low = -math.inf if self.at_least is None else self.at_least
        return low, math.inf if self.at_most is None else self.at_most

    def _line(self, found: Finding) -> str:
        if found.estimate is None or found.obstacle:
            return f"{self.title}: {found.words}"
        return f"{self.title} = {found.words}; claimed {self.bound}"


def level(*side: str, metric: str = "accuracy", **bound: Any) -> Comparison:
    """Returns the comparison of one number of one network.

    Args:
      *side: recipe and evaluation; for a ratio the evaluation whose accuracy divides,
        for leaked labels that without the label.
      metric: a key of `metrics.METRICS`.
      **bound: `at_least`, `at_most` or both, and `seeds`.
    """
    return Comparison((Term(1, metric, *side),), **bound)


def difference(
    left: Side, right: Side, *, metric: str = "accuracy", **bound: Any
) -> Comparison:
    """Returns the comparison of a metric of `left` minus the same of `right`.

    Args:
      left: as the side of `level`.
      right: the same, on the same images.
      metric: a key of `metrics.METRICS`.
      **bound: `at_least`, `at_most` or both, and `seeds`.
    """
    return Comparison((Term(1, metric, *left), Term(-1, metric, *right)), **bound)


def gain(recipe: str, over: str, evaluation: str, **bound: Any) -> Comparison:
    """Returns the comparison of the accuracies of two networks under one evaluation."""
    left, right = (recipe, evaluation), (over, evaluation)
    return difference(left, right, metric="accuracy", **bound)


def difference_of_differences(
    left: tuple[Pair, Pair], right: tuple[Pair, Pair], **bound: Any
) -> Comparison:
    """Returns the comparison of one difference of accuracies minus another.

    Args:
      left: two pairs: the accuracy of the first minus that of the second.
      right: the same, on the same images.
      **bound: `at_least`, `at_most` or both, and `seeds`.
    """
    pairs = zip((1, -1, -1, 1), (*left, *right), strict=True)
    return Comparison(
        tuple(Term(sign, "accuracy", *pair) for sign, pair in pairs), **bound
    )


def time_ratio(numerator: str, denominator: str, **bound: Any) -> Comparison:
    """Returns the comparison of the training times of two recipes on one machine."""
    return level(numerator, TRAINING_TIME, denominator, metric="minutes", **bound)
