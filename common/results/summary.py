"""The one screen on which a reproduction ends: what was judged, and what it cost.

Of each paper it has the claims that the scale judges, each with its verdict and its
numbers, how many reported numbers were met, and how many warnings the report has. The
report opens on the same.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from common.results import cells, claims, metrics, text
from common.results.answers import Results
from common.results.margins import Comparison
from common.results.measured import Runs
from common.seeds import of_seed

WIDTH = 80  # columns of a terminal
MOST_SHOWN = 2  # comparisons of a claim
_SPACE = "\N{NO-BREAK SPACE}"  # inside what stays on one line


class Answer(NamedTuple):
    """A claim as it stands on the screen.

    Attributes:
      verdict: such as `holds`.
      statement: a sentence.
      numbers: a line of each comparison, and what is claimed of all.
    """

    verdict: str
    statement: str
    numbers: list[str]


def answers(results: Results) -> list[Answer]:
    """Returns the claims that the records answer, in their order.

    Those that were not run are left out, and those that the scale does not judge.
    """
    return [
        Answer(result.verdict, result.claim.statement, _numbers(result, results.runs))
        for result in results.claims
        if result.is_judged and result.verdict != claims.NOT_RUN
    ]


def counts(results: Results) -> dict[str, str]:
    """Returns how many cells got each verdict; none where cells are not judged.

    Returns:
      Verdict -> how many, in words.
    """
    if results.at.scale != cells.FULL:
        return {}
    found = cells.counts(results.cells)
    return {verdict: f"{count} {verdict}" for verdict, count in found.items()}


def warnings(results: Results) -> str:
    """Returns in words how many warnings the report has, or nothing."""
    found = results.findings
    if not found:
        return ""
    names = len({finding.recipe for finding in found})
    return (
        f"{len(found)} warning{'s'[: len(found) > 1]} about {names} of "
        f"{len(results.trained)} networks: see the report."
    )


def others(papers: Sequence[Results]) -> str:
    """Returns in words how many claims have no answer, and why."""
    found = [result.verdict for results in papers for result in results.claims]
    kinds = (claims.NOT_RUN, claims.NOT_JUDGED)
    counted = [f"{found.count(v)} {v}" for v in kinds if v in found]
    return f"Further claims: {', '.join(counted)}." if counted else ""


def cost(papers: Sequence[Results]) -> str:
    """Returns in words what the networks of the records cost, and on which machine."""
    runs = [run for results in papers for run in results.distinct.values()]
    minutes = sum(run.training_minutes or 0.0 for run in runs)
    records = [r for run in runs for r in run.records if not r.is_beginning]
    seconds = sum(record.seconds for record in records)
    machines = dict.fromkeys(str(run.manifest.get("hardware", "")) for run in runs)
    places = " and ".join(filter(None, machines))
    return (
        f"Cost: {len(runs)} networks, {minutes:.1f} minutes of updates; "
        f"{len(records)} evaluations, {seconds / 60:.1f} minutes"
        f"{f'; {places}' if places else ''}."
    )


def screen(papers: Sequence[Results], *closing: str) -> str:
    """Returns the screen as plain text.

    Args:
      papers: of each paper its results, all at the same scale.
      *closing: lines below it, left as they are, such as where the report is.
    """
    blocks = []
    for results in papers:
        title, *_ = re.split(r"(?<=[.!?]) ", results.at.paper.title)  # no authors
        lines = [line for answer in answers(results) for line in _claim(answer)]
        found = ", ".join(counts(results).values())
        numbers = f"Reported numbers: {found}." if found else ""
        remarks = filter(None, (numbers, warnings(results)))
        blocks.append(
            [
                f"{results.at.name}: {title.removesuffix('.')}",
                *(lines or ["  no answer"]),
                *(line for remark in remarks for line in _indented(remark)),
            ]
        )
    below = filter(None, (others(papers), cost(papers)))
    blocks.append([*(textwrap.fill(line, WIDTH) for line in below), *closing])
    return "\n\n".join("\n".join(lines) for lines in blocks)


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _claim(answer: Answer) -> list[str]:
    """Returns a claim in lines: verdict and statement, then the numbers."""
    indent = " " * (len(claims.INCONCLUSIVE) + 4)  # the longest verdict
    first = f"  {answer.verdict}".ljust(len(indent))
    wrapped = [
        *textwrap.wrap(
            answer.statement,
            WIDTH,
            initial_indent=first,
            subsequent_indent=indent,
            break_on_hyphens=False,
        ),
        *textwrap.wrap(
            "; ".join(map(_together, answer.numbers)),
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,  # which are signs
        ),
    ]
    return [line.replace(_SPACE, " ") for line in wrapped]


def _together(numbers: str) -> str:
    """Returns an equation that stays in one line, but for what is claimed of it."""
    return numbers.replace(" ", _SPACE).replace(f",{_SPACE}claimed", ", claimed")


def _numbers(result: claims.ClaimResult, runs: Runs) -> list[str]:
    """Returns the comparisons of a claim in numbers, with what is claimed of them."""
    # Those that decide the verdict come first.
    comparisons = sorted(
        result.claim.comparisons,
        key=lambda comparison: comparison.check(runs)[0] != result.verdict,
    )
    shown = comparisons[:MOST_SHOWN]
    bounds = {comparison.bound for comparison in comparisons}
    parts = [
        _equation(comparison, runs)
        + (f", claimed {comparison.bound}" if len(bounds) > 1 else "")
        for comparison in shown
    ]
    if more := len(comparisons) - len(shown):
        parts.append(f"and {more} more")
    if len(bounds) == 1:
        parts.append(f"claimed {comparisons[0].bound}")
    return parts


def _equation(comparison: Comparison, runs: Runs) -> str:
    """Returns such as `54.2 - 41.0 = +13.2 [+9.8, +16.6]`, or why there is none.

    What is counted stands before it, unless that is accuracy.
    """
    estimate, words, obstacle = comparison.finding(runs)
    if estimate is None or obstacle or not comparison.needs:
        return words
    total = _total(comparison, runs)
    sign = "+" if len(comparison.terms) > 1 else ""
    number, low, high = (
        text.number(part, comparison.metric, total, sign) for part in estimate
    )
    terms = [
        text.number(mean, comparison.metric, total)
        for mean in comparison.numbers(runs).mean(axis=0)
    ]
    left = f"{comparison.written(terms)} = " if sign else ""
    is_accuracy = comparison.metric is metrics.METRICS["accuracy"]
    label = "" if is_accuracy else f"{comparison.metric.label.removesuffix(', %')}: "
    return f"{label}{left}{number} [{low}, {high}]"


def _total(comparison: Comparison, runs: Runs) -> int | None:
    """Returns the images of the first number, which are those of all."""
    term = comparison.terms[0]
    run = runs[of_seed(term.recipe, comparison.seeds[0])]
    found = metrics.of(term.cell).measure(run, term.cell)
    return found.total if found else None
