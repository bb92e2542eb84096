"""All papers at a glance: what was compared, and how their claims were answered.

A claim speaks of numbers, such as the difference of two accuracies. What the paper
reports of it is put together from reported cells, as what was measured is from records.
"""

from __future__ import annotations

import pathlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from common import recipe
from common.results import (
    claims,
    comparison,
    measured,
    metrics,
    packages,
    reported,
    text,
)
from common.results.margins import Comparison, Pair

FULL = "paper"  # the scale at which cells are compared with reported ones
_CELLS = {
    "within": (comparison.WITHIN,),
    "outside": (comparison.ABOVE, comparison.BELOW),
    "not run": (comparison.NOT_RUN,),
}
_VERDICTS = (claims.HOLDS, claims.FAILS, claims.INCONCLUSIVE, claims.NOT_RUN)


def markdown(
    papers: Iterable[str | recipe.Paper], scale: str, workdir: str | pathlib.Path
) -> str:
    """Returns two tables: counts by paper, and the claims expected at a scale.

    Args:
      papers: names of the paper packages, or their `Paper`s.
      scale: whose claims are shown, such as `small`.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
    """
    kinds = [" / ".join(names) for names in (_CELLS, _VERDICTS)]
    head = ["paper", "reported cells", kinds[0], "claims", f"expected at `{scale}`"]
    counts = [[*head, kinds[1]]]
    answers = [["paper", "claim", "reported", "measured", "verdict"]]
    for paper in map(packages.find, papers):
        link = f"[`{paper.name}`]({paper.name}/README.md)"
        expected = [
            result
            for result in claims.check_claims(paper, scale, workdir)
            if scale in result.claim.expected_at
        ]
        counts.append([link, *_counts(paper, expected, workdir)])
        answers += [[link, *row] for row in _rows(paper, expected, scale, workdir)]
    return (
        f"{_table(counts)}\n\nCells are compared at scale `{FULL}` alone. The claims "
        f"that are expected to show at scale `{scale}`, with the numbers of which they "
        "speak (differences in points, or ratios). Reported ones are of the paper's "
        "own scale; their mark says where the least certain of them was read:\n\n"
        f"{_table(answers)}\n\nMade by `python reproduce.py --scale={scale}`."
    )


def reported_pairs(paper: recipe.Paper) -> list[dict[Pair, reported.Reported]]:
    """Returns reported accuracies and minutes by recipe and evaluation, by table.

    Tables stay apart: the sources of two need not be of one training.
    """
    cells = reported.by_cell(paper)
    return [
        {
            (cell.recipe, cell.evaluation): record
            for cell in table.cells
            if (record := cells.get((table.name, cell.row, cell.column)))
            and metrics.name_of(cell) in ("accuracy", "minutes")
        }
        for table in paper.tables
    ]


def _counts(
    paper: recipe.Paper,
    expected: Sequence[claims.ClaimResult],
    workdir: str | pathlib.Path,
) -> list[str]:
    cells = [
        cell
        for cell in comparison.compare(paper, FULL, workdir)
        if cell.reported is not None
    ]
    found = Counter(cell.verdict for cell in cells)
    judged = Counter(result.verdict for result in expected)
    return [
        str(len(cells)),
        " / ".join(str(sum(found[v] for v in kinds)) for kinds in _CELLS.values()),
        str(len(paper.claims)),
        str(len(expected)),
        " / ".join(str(judged[verdict]) for verdict in _VERDICTS),
    ]


def _rows(
    paper: recipe.Paper,
    expected: Sequence[claims.ClaimResult],
    scale: str,
    workdir: str | pathlib.Path,
) -> Iterable[list[str]]:
    runs = measured.runs_of(paper, scale, workdir)
    by_table = reported_pairs(paper)
    for result in expected:
        comparisons = result.claim.comparisons
        yield [
            result.claim.statement,
            _quoted(comparisons, by_table),
            _joined(comparisons, [of.number(runs) for of in comparisons]),
            f"**{result.verdict}**",
        ]


def _quoted(
    of: Sequence[Comparison], by_table: Sequence[Mapping[Pair, reported.Reported]]
) -> str:
    """Returns the reported numbers, and how far the least sure one can be trusted."""
    found = [_reported(comparison_, by_table) for comparison_ in of]
    records = [record for _, records in found for record in records]
    sureness = [record.confidence for record in records]
    worst = max(sureness, key=list(reported.CONFIDENCES).index, default="paper")
    mark = f" ({text.MARKS[worst]})" if text.MARKS[worst] else ""
    return _joined(of, [number for number, _ in found]) + mark


def _reported(
    of: Comparison, by_table: Sequence[Mapping[Pair, reported.Reported]]
) -> tuple[float | None, list[reported.Reported]]:
    """Returns the number, of the first table that gives it, and what it is made of."""
    for records in by_table:
        number = of.reported({pair: record.value for pair, record in records.items()})
        if number is not None:
            return number, [records[pair] for pair in of.quoted]
    return None, []


def _joined(of: Sequence[Comparison], numbers: Sequence[float | None]) -> str:
    """Returns the numbers in their forms; nothing if there is none."""
    if all(number is None for number in numbers):
        return ""
    return ", ".join(
        "-" if number is None else f"{number:{comparison_.form}}"
        for comparison_, number in zip(of, numbers, strict=True)
    )


def _table(lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(lines[0])
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))
