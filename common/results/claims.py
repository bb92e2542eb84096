"""A paper's qualitative statements as checks with a margin fixed beforehand.

A `Claim` lists comparisons. A `Difference` subtracts two accuracies on the same images
and takes the 95 % interval of the paired difference: it holds if the whole interval is
on the right side of the margin, fails if the whole interval is on the wrong side, and
is inconclusive otherwise. A `TimeRatio` divides training times. The interval speaks
about the two networks at hand, not about another seed.

    Claim(
        name="as_robust_as_pgd",
        statement="Free training is about as robust as 7-step PGD training.",
        source="Table 1",
        comparisons=(
            Difference(("free_8", "pgd_20"), ("pgd_7", "pgd_20"), at_least=-2.0),
            TimeRatio("free_8", "pgd_7", at_most=0.3),
        ),
    )
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Mapping

from common import recipe
from common.results import intervals, measured, packages

HOLDS, FAILS = "holds", "fails"
INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"

Pair = tuple[str, str]  # names of a recipe and of an evaluation
Answer = tuple[str, str]  # verdict, and the numbers behind it


@dataclasses.dataclass(frozen=True)
class Difference:
    """Accuracy of `left` minus accuracy of `right`, in points, against a margin.

    Attributes:
      left: recipe and evaluation.
      right: recipe and evaluation, on the same images.
      at_least: lower bound of `left - right` in points; give this or `at_most`.
      at_most: upper bound of `left - right` in points.
    """

    left: Pair
    right: Pair
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        _check_one_bound(self)

    @property
    def needs(self) -> tuple[Pair, ...]:
        """The evaluations that are compared."""
        return (self.left, self.right)

    def check(self, runs: Mapping[str, measured.Run]) -> Answer:
        """Returns the verdict and a line with the difference and its interval."""
        title = f"{' '.join(self.left)} - {' '.join(self.right)}"
        missing = [" ".join(p) for p in self.needs if not _has(runs, p)]
        if missing:
            return NOT_RUN, f"{title}: not run: {', '.join(dict.fromkeys(missing))}"
        left, right = (runs[r].survived(e) for r, e in self.needs)
        if len(left) != len(right):
            return INCONCLUSIVE, (
                f"{title}: {len(left)} against {len(right)} images: "
                "evaluate both on the same images"
            )
        found = intervals.paired_difference(left, right)
        verdict = _verdict(self, found.low, found.high)
        return verdict, (
            f"{title} = {found.value:+.2f} points [{found.low:+.2f}, "
            f"{found.high:+.2f}] on {len(left)} images; "
            f"claimed {_bound(self, '+g', ' points')}: {verdict}"
        )


@dataclasses.dataclass(frozen=True)
class TimeRatio:
    """Training minutes of one recipe over those of another, against a bound.

    Attributes:
      numerator: recipe.
      denominator: recipe, trained on the same machine.
      at_least: lower bound of the ratio; give this or `at_most`.
      at_most: upper bound of the ratio.
    """

    numerator: str
    denominator: str
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        _check_one_bound(self)

    @property
    def needs(self) -> tuple[Pair, ...]:
        """No evaluation is needed."""
        return ()

    def check(self, runs: Mapping[str, measured.Run]) -> Answer:
        """Returns the verdict and a line with both times."""
        title = f"minutes of {self.numerator} / {self.denominator}"
        top, bottom = (_minutes(runs, r) for r in (self.numerator, self.denominator))
        if not top or not bottom:
            missing = [self.numerator] * (not top) + [self.denominator] * (not bottom)
            return NOT_RUN, f"{title}: not trained: {', '.join(missing)}"
        verdict = _verdict(self, top / bottom, top / bottom)
        return verdict, (
            f"{title} = {top:.2f} / {bottom:.2f} = {top / bottom:.2f}; "
            f"claimed {_bound(self, 'g', '')}: {verdict}"
        )


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a paper.

    Attributes:
      name: as on the command line.
      statement: the claim in a sentence.
      source: where the paper makes it.
      comparisons: `Difference` and `TimeRatio` values; all must hold.
      expected_at: scales at which the paper's effect is expected to show. Elsewhere
        the claim is checked and shown all the same, but does not count as outside.
    """

    name: str
    statement: str
    source: str
    comparisons: tuple[Difference | TimeRatio, ...]
    expected_at: tuple[str, ...] = ("paper",)

    def __post_init__(self) -> None:
        if not self.comparisons:
            raise ValueError(
                "A claim needs a comparison. "
                f"Received: name={self.name}, comparisons=()"
            )

    @property
    def needs(self) -> tuple[Pair, ...]:
        """Every (recipe, evaluation) that the comparisons read."""
        return tuple(dict.fromkeys(p for c in self.comparisons for p in c.needs))


@dataclasses.dataclass(frozen=True)
class ClaimResult:
    """The answer to a claim.

    Attributes:
      claim: what was checked.
      verdict: `holds`, `fails`, `inconclusive` or `not run`.
      details: one line per comparison, with its numbers.
    """

    claim: Claim
    verdict: str
    details: tuple[str, ...]


def check(claim: Claim, runs: Mapping[str, measured.Run]) -> ClaimResult:
    """Returns the answer of the records to a claim.

    It fails if any comparison fails; else it is not run if a record is missing; else it
    holds if every comparison holds.

    Args:
      claim: what to check.
      runs: recipe name to run, as `measured.find` gives them.
    """
    answers = [comparison.check(runs) for comparison in claim.comparisons]
    verdicts = {verdict for verdict, _ in answers}
    verdict = next((v for v in (FAILS, NOT_RUN, INCONCLUSIVE) if v in verdicts), HOLDS)
    return ClaimResult(claim, verdict, tuple(line for _, line in answers))


def check_claims(
    paper: str | recipe.Paper, scale: str, workdir: str | pathlib.Path
) -> list[ClaimResult]:
    """Returns the answers to all claims of a paper at a scale, in their order.

    Args:
      paper: name of the paper package, or its `Paper`.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
    """
    paper = packages.find(paper)
    runs = measured.find(workdir, paper.name, scale)
    return [check(claim, runs) for claim in paper.claims]


def exit_status(results: Iterable[ClaimResult], scale: str) -> int:
    """Returns 1 if a claim fails at a scale where it is expected to hold, else 0."""
    return int(
        any(r.verdict == FAILS and scale in r.claim.expected_at for r in results)
    )


def _has(runs: Mapping[str, measured.Run], pair: Pair) -> bool:
    name, evaluation = pair
    return name in runs and runs[name].evaluation(evaluation) is not None


def _minutes(runs: Mapping[str, measured.Run], name: str) -> float | None:
    return runs[name].training_minutes if name in runs else None


def _check_one_bound(comparison: Difference | TimeRatio) -> None:
    if (comparison.at_least is None) == (comparison.at_most is None):
        raise ValueError(
            f"{type(comparison).__name__} needs at_least or at_most, not both. "
            f"Received: at_least={comparison.at_least}, at_most={comparison.at_most}"
        )


def _verdict(comparison: Difference | TimeRatio, low: float, high: float) -> str:
    bound = comparison.at_least
    if bound is not None:
        holds, fails = low >= bound, high < bound
    else:
        bound = comparison.at_most or 0.0
        holds, fails = high <= bound, low > bound
    return HOLDS if holds else FAILS if fails else INCONCLUSIVE


def _bound(comparison: Difference | TimeRatio, form: str, unit: str) -> str:
    if comparison.at_least is not None:
        return f"at least {comparison.at_least:{form}}{unit}"
    return f"at most {comparison.at_most:{form}}{unit}"
