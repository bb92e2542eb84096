"""A paper's qualitative statements as checks with a margin fixed beforehand.

A `Claim` lists comparisons, which the functions of `common.results.margins` build:

    Claim(
        name="as_robust_as_pgd",
        statement="Free training is about as robust as 7-step PGD training.",
        source="Table 1",
        comparisons=(
            gain("free_8", "pgd_7", "pgd_20", at_least=-2.0),
            time_ratio("free_8", "pgd_7", at_most=0.3),
        ),
    )
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from common.results.margins import FAILS, HOLDS, Comparison
from common.results.measured import Runs
from common.results.sums import INCONCLUSIVE, NOT_RUN, Pair

NOT_JUDGED = "not judged at this scale"


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a paper.

    Attributes:
      name: as on the command line.
      statement: the claim in a sentence.
      source: where the paper makes it.
      comparisons: all must hold.
      expected_at: scales at which the paper's effect is expected to show, and which
        therefore judge the claim. Other scales show its numbers without a verdict.
      note: why it is expected where it is, shown with the answer.
      instead: scale to its comparisons, where radii, recipes or margins are others.
      seeds: scale to the seeds over which its comparisons take means; one elsewhere.
      every_seed: scale to the seeds of which each network takes every one in turn, so
        that a comparison of two networks is made for every pair.
    """

    name: str
    statement: str
    source: str
    comparisons: tuple[Comparison, ...]
    expected_at: tuple[str, ...] = ("paper",)
    note: str = ""
    instead: Mapping[str, tuple[Comparison, ...]] = dataclasses.field(
        default_factory=dict
    )
    seeds: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    every_seed: Mapping[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not all((self.comparisons, *self.instead.values())):
            raise ValueError(
                "A claim needs a comparison. "
                f"Received: name={self.name}, comparisons=()"
            )

    def at(self, scale: str) -> Claim:
        """Returns the claim with the comparisons of a scale."""
        found = self.instead.get(scale, self.comparisons)
        if seeds := self.seeds.get(scale):
            found = tuple(dataclasses.replace(each, seeds=seeds) for each in found)
        if seeds := self.every_seed.get(scale):
            found = tuple(one for each in found for one in each.crossed(seeds))
        return dataclasses.replace(
            self, comparisons=found, instead={}, seeds={}, every_seed={}
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
      verdict: `holds`, `fails`, `inconclusive`, `not run` or `NOT_JUDGED`.
      details: one line per comparison, with its numbers.
      deciding: of the comparisons with the verdict of the claim, the one whose number
        lies least far on the right side of its bound, or farthest on the wrong one.
    """

    claim: Claim
    verdict: str
    details: tuple[str, ...]
    deciding: Comparison

    @property
    def is_judged(self) -> bool:
        """Whether the scale can judge the claim."""
        return self.verdict != NOT_JUDGED


def check(claim: Claim, runs: Runs, scale: str) -> ClaimResult:
    """Returns the answer of the records to a claim.

    It fails if any comparison fails; else it is not run if a record is missing; else it
    holds if every comparison holds. Where the effect is not expected to show, there is
    no verdict, whatever the numbers are.

    Args:
      claim: what to check, with the comparisons of the scale.
      runs: recipe name to run, as `Results.runs` gives them.
      scale: of the runs.
    """
    claim = claim.at(scale)
    if scale not in claim.expected_at:
        lines = tuple(comparison.line(runs) for comparison in claim.comparisons)
        return ClaimResult(claim, NOT_JUDGED, lines, claim.comparisons[0])
    answers = [comparison.check(runs) for comparison in claim.comparisons]
    verdicts = {verdict for verdict, _ in answers}
    verdict = next((v for v in (FAILS, NOT_RUN, INCONCLUSIVE) if v in verdicts), HOLDS)
    deciding = min(
        (
            comparison
            for comparison, (found, _) in zip(claim.comparisons, answers, strict=True)
            if found == verdict
        ),
        key=lambda comparison: comparison.slack(runs),
    )
    lines = tuple(line for _, line in answers)
    return ClaimResult(claim, verdict, lines, deciding)


def exit_status(results: Iterable[ClaimResult]) -> int:
    """Returns 1 if a claim fails, else 0."""
    return int(any(result.verdict == FAILS for result in results))
