"""Numbers, comparisons and claims as plain text.

One place decides how a number is written: with as many decimals as its count supports,
with its interval, and, if it is a reported one, with the mark of its confidence.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from common.recipe import Table
from common.results.claims import ClaimResult
from common.results.comparison import CLAIMS_ONLY, ComparedCell
from common.results.metrics import METRICS
from common.results.regression import RegressedCell

MARKS = {
    "paper": "",
    "author_code": "code",
    "figure": "figure",
    "secondary": "secondary",
    "unverified": "unverified",
}


def measured(cell: ComparedCell) -> str:
    """Returns such as `46.12`, `12.5 min`, `0.947`, or `-` where nothing is known."""
    return _number(cell.measured, cell.metric, cell.total)


def interval(cell: ComparedCell) -> str:
    """Returns such as `[45.15, 47.10] of 10000`, or nothing without a count."""
    if cell.interval is None:
        return ""
    low, high = (_number(v, cell.metric, cell.total) for v in cell.interval)
    return f"[{low}, {high}] of {cell.total}"


def reported(cell: ComparedCell, marked: bool = True) -> str:
    """Returns such as `46.19 (code)`, or nothing without a reported number.

    Args:
      cell: a compared cell.
      marked: with the mark of the confidence behind the number.
    """
    if cell.reported is None:
        return ""
    number = f"{cell.printed}{_unit(cell.metric)}"
    mark = MARKS[cell.confidence] if marked else ""
    return f"{number} ({mark})" if mark else number


def headings(
    table: Table, cells: Iterable[ComparedCell]
) -> tuple[list[str], list[str]]:
    """Returns the rows and columns that have a cell, in the order of the table."""
    cells = list(cells)
    used = {cell.row for cell in cells}, {cell.column for cell in cells}
    rows, columns = (
        [name for name in names if name in present]
        for names, present in zip((table.rows, table.columns), used, strict=True)
    )
    return rows, columns


def text_table(cells: Sequence[ComparedCell]) -> str:
    """Returns a comparison for a terminal, one line per cell, table by table."""
    blocks = []
    for name, group in itertools.groupby(cells, key=lambda cell: cell.table):
        lines = [("row", "column", "measured", "95 % interval", "reported", "verdict")]
        lines += [
            (c.row, c.column, measured(c), interval(c), reported(c), _verdict(c))
            for c in group
        ]
        blocks.append(f"{name}\n{aligned(lines)}")
    if any(cell.verdict == CLAIMS_ONLY for cell in cells):
        blocks.append(
            "Not the paper's scale: its numbers are context and only claims are judged."
        )
    return "\n\n".join(blocks)


def text_regression(cells: Sequence[RegressedCell]) -> str:
    """Returns a regression for a terminal, one line per cell, table by table."""
    blocks = []
    for name, group in itertools.groupby(cells, key=lambda cell: cell.table):
        lines = [("row", "column", "baseline", "measured", "verdict", "evidence")]
        for c in group:
            before, after = (_number(v, c.metric) for v in (c.baseline, c.measured))
            evidence = "; ".join(part for part in (c.evidence, c.note) if part)
            lines.append((c.row, c.column, before, after, c.verdict, evidence))
        blocks.append(f"{name}\n{aligned(lines)}")
    return "\n\n".join(blocks)


def text_claims(results: Iterable[ClaimResult], scale: str) -> str:
    """Returns the answers to claims for a terminal, each with its numbers."""
    blocks = []
    for result in results:
        expected = "" if scale in result.claim.expected_at else " (not expected here)"
        lines = [f"{result.verdict.upper()}{expected}  {result.claim.name}"]
        lines += [f"  {result.claim.statement} ({result.claim.source})"]
        lines += [f"  {line}" for line in result.details]
        lines += [f"  {result.claim.note}"] if result.claim.note else []
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Returns lines of fields as columns of equal width."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  " + "  ".join(f.ljust(w) for f, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _verdict(cell: ComparedCell) -> str:
    if cell.tolerance is None:
        return cell.verdict
    return f"{cell.verdict} (+-{cell.tolerance:.2f})"


def _number(value: float | None, metric: str, total: int | None = None) -> str:
    """Returns a number with as many decimals as its kind and its count support."""
    if value is None or not math.isfinite(value):
        return "-"
    few = total is not None and 0 < total < 1000
    decimals = {
        "%": 1 if few else 2,
        "min": 1 if value >= 1 else 2,
        "": 2 if few else 3,
    }[METRICS[metric].unit]
    return f"{value:.{decimals}f}{_unit(metric)}"


def _unit(metric: str) -> str:
    return " min" if METRICS[metric].unit == "min" else ""
