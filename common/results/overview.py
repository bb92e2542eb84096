"""All papers at a glance: what was compared, and how their claims were answered.

A claim speaks of numbers, such as the difference of two accuracies. What the paper
reports of it is put together from reported cells, as what was measured is from records.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from common import recipe
from common.results import cells, claims, metrics, pages, reported, text
from common.results.answers import Results
from common.results.margins import Comparison
from common.results.measured import Runs
from common.results.sums import Pair

_CELLS = {
    "within": (cells.WITHIN,),
    "outside": (cells.ABOVE, cells.BELOW),
    "not run": (cells.NOT_RUN,),
}
_ERRORS = ("error", "target_error")
_VERDICTS = (claims.HOLDS, claims.FAILS, claims.INCONCLUSIVE, claims.NOT_RUN)


def markdown(papers: Iterable[tuple[Results, Results]]) -> str:
    """Returns two tables: counts by paper, and the claims that a scale judges.

    Args:
      papers: of each paper the results whose claims are shown, all at one scale, and
        those at scale `paper`, whose cells are counted.
    """
    papers = list(papers)
    scale = papers[0][0].at.scale
    kinds = [" / ".join(names) for names in (_CELLS, _VERDICTS)]
    head = ["paper", "reported cells", kinds[0], "claims", f"judged at `{scale}`"]
    counts = [[*head, kinds[1]]]
    answers = [["paper", "claim", "what decides", "reported", "measured", "verdict"]]
    for results, full in papers:
        name = results.at.name
        link = f"[`{name}`]({name}/README.md)"
        judged = [r for r in results.claims if r.is_judged]
        counts.append([link, *_counts(full, judged)])
        answers += [[link, *row] for row in _rows(results, judged)]
    return pages.render("overview.md", scale=scale, counts=counts, answers=answers)


def reported_pairs(paper: recipe.Paper) -> list[dict[Pair, reported.Reported]]:
    """Returns reported accuracies and minutes by recipe and evaluation, by table.

    An error is reported accuracy, too: 100 % less the error. Tables stay apart: the
    sources of two need not be of one training.
    """
    known = reported.by_cell(paper)
    return [
        {
            (cell.recipe, cell.evaluation): _as_accuracy(record, metrics.name_of(cell))
            for cell in table.cells
            if (record := known.get((table.name, cell.row, cell.column)))
            and metrics.name_of(cell) in ("accuracy", "minutes", *_ERRORS)
            and not cell.among
        }
        for table in paper.tables
    ]


def _as_accuracy(record: reported.Reported, metric: str) -> reported.Reported:
    if metric not in _ERRORS:
        return record
    return dataclasses.replace(record, value=100.0 - record.value)


def _counts(full: Results, judged: Sequence[claims.ClaimResult]) -> list[str]:
    found = cells.counts(full.cells)
    answers = Counter(result.verdict for result in judged)
    return [
        str(found.total()),
        " / ".join(str(sum(found[v] for v in kinds)) for kinds in _CELLS.values()),
        str(len(full.at.paper.claims)),
        str(len(judged)),
        " / ".join(str(answers[verdict]) for verdict in _VERDICTS),
    ]


def _rows(
    results: Results, judged: Sequence[claims.ClaimResult]
) -> Iterable[list[str]]:
    by_table = reported_pairs(results.at.paper)
    for result in judged:
        deciding = result.deciding
        yield [
            result.claim.statement,
            f"{deciding.title}, {deciding.bound}",
            _quoted(deciding, by_table),
            _measured(deciding, results.runs),
            f"**{result.verdict}**",
        ]


def _measured(comparison: Comparison, runs: Runs) -> str:
    """Returns the number with its interval, which times do not have."""
    estimate = comparison.finding(runs).estimate
    if estimate is None:
        return ""
    value, low, high = (f"{part:{comparison.form()}}" for part in estimate)
    return f"{value} [{low}, {high}]" if comparison.needs else value


def _quoted(
    comparison: Comparison, by_table: Sequence[Mapping[Pair, reported.Reported]]
) -> str:
    """Returns the reported number, and how far its least sure part can be trusted."""
    number, records = _reported(comparison, by_table)
    if number is None:
        return ""
    sureness = [record.confidence for record in records]
    worst = max(sureness, key=list(reported.CONFIDENCES).index)
    mark = f" ({text.MARKS[worst]})" if text.MARKS[worst] else ""
    return f"{number:{comparison.form()}}{mark}"


def _reported(
    comparison: Comparison, by_table: Sequence[Mapping[Pair, reported.Reported]]
) -> tuple[float | None, list[reported.Reported]]:
    """Returns the number, of the first table that gives it, and what it is made of."""
    for records in by_table:
        values = {pair: record.value for pair, record in records.items()}
        number = comparison.reported(values)
        if number is not None:
            return number, [records[pair] for pair in comparison.quoted_in(records)]
    return None, []
