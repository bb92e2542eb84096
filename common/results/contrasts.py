"""A comparison of two differences: whether one side falls further than the other.

As the comparisons of `common.results.margins`, for statements such as "more steps cost
this network more than that one".
"""

from __future__ import annotations

import dataclasses

from common.results import intervals
from common.results.intervals import Estimate
from common.results.margins import Pair, Paired, Runs


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
