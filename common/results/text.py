"""Numbers, comparisons and claims as plain text.

One place decides how a number is written: with as many decimals as its count supports,
with its interval, and, if it is a reported one, with the mark of its confidence. Pages
and figures use these functions as well.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from common.recipe import Table
from common.results.answers import Results
from common.results.cells import CLAIMS_ONLY, Compared, Tables
from common.results.metrics import Metric

MARKS = {  # of the confidences of reported numbers
    "paper": "",
    "author_code": "code",
    "figure": "figure",
    "secondary": "secondary",
    "unverified": "unverified",
}
WIDE = 8  # columns; a table of more is turned if it has fewer rows


def measured(compared: Compared) -> str:
    """Returns such as `46.12`, `12.5 min`, `0.947`, or `-` where nothing is known."""
    value = compared.measured
    return "-" if value is None else number(value.number, compared.metric, value.total)


def interval(compared: Compared, counted: bool = True) -> str:
    """Returns such as `[45.15, 47.10] of 10000`, or nothing without a count.

    Args:
      compared: a cell.
      counted: with the number of images.
    """
    value = compared.measured
    if value is None or value.interval is None:
        return ""
    low, high = (number(v, compared.metric, value.total) for v in value.interval)
    return f"[{low}, {high}]" + (f" of {value.total}" if counted else "")


def reported(compared: Compared, marked: bool = True) -> str:
    """Returns such as `46.19 (code)`, or nothing without a reported number.

    Args:
      compared: a cell beside the paper's number.
      marked: with the mark of the confidence behind the number.
    """
    if compared.reference is None:
        return ""
    number = f"{compared.reference.printed}{_unit(compared.metric)}"
    mark = MARKS[compared.reference.confidence] if marked else ""
    return f"{number} ({mark})" if mark else number


def layout(
    table: Table, cells: Iterable[Compared]
) -> tuple[list[str], list[tuple[str, list[Compared | None]]]]:
    """Returns the headings of the columns, and each row's heading with its cells.

    Headings without a cell are left out, and the others keep the order of the table.
    The longer side of a wide table runs down, so that it stays readable.
    """
    found = {(c.cell.row, c.cell.column): c for c in cells}
    rows = [row for row in table.rows if any(row == r for r, _ in found)]
    columns = [column for column in table.columns if any(column == c for _, c in found)]
    if len(columns) > WIDE and len(columns) > len(rows):
        rows, columns = columns, rows
        found = {(column, row): cell for (row, column), cell in found.items()}
    return columns, [(row, [found.get((row, c)) for c in columns]) for row in rows]


def comparison(tables: Tables) -> str:
    """Returns tables beside the reported numbers for a terminal, a line per cell."""
    head = ("row", "column", "measured", "95 % interval", "reported", "verdict")
    blocks = [
        f"{name}\n{aligned([head, *map(_compared, cells)])}"
        for name, cells in tables.items()
    ]
    if any(c.verdict == CLAIMS_ONLY for cells in tables.values() for c in cells):
        blocks.append("Not the paper's scale: only claims are judged.")
    return "\n\n".join(blocks)


def regression(tables: Tables) -> str:
    """Returns tables beside an earlier run for a terminal, a line per cell."""
    head = ("row", "column", "baseline", "measured", "verdict", "evidence")
    return "\n\n".join(
        f"{name}\n{aligned([head, *map(_regressed, cells)])}"
        for name, cells in tables.items()
    )


def claims(results: Results) -> str:
    """Returns the answers to claims for a terminal, each with its numbers.

    Those that the scale does not judge come last.
    """
    blocks = []
    for result in sorted(results.claims, key=lambda found: not found.is_judged):
        lines = [f"{result.verdict.upper()}  {result.claim.name}"]
        lines += [f"  {result.claim.statement} ({result.claim.source})"]
        lines += [f"  {line}" for line in result.details]
        lines += [f"  {result.claim.note}"] if result.claim.note else []
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def number(value: float, metric: Metric, total: int | None, sign: str = "") -> str:
    """Returns a number with as many decimals as its kind and its count support.

    Args:
      value: in the unit of the metric.
      metric: what is counted.
      total: images among which it was counted, or None.
      sign: `+` for a difference, which shows it.
    """
    if not math.isfinite(value):
        return "-"
    return f"{value:{sign}.{metric.decimals(value, total)}f}{_unit(metric)}"


def aligned(lines: Iterable[Sequence[str]]) -> str:
    """Returns lines of fields as columns, each as wide as its longest field."""
    grid = Grid.grid(padding=(0, 2))
    for line in lines:
        grid.add_row(*(Text(field, no_wrap=True) for field in line))
    file = io.StringIO()
    Console(file=file, width=10_000, color_system=None).print(grid)
    return "\n".join(f"  {line.rstrip()}" for line in file.getvalue().splitlines())


def _compared(compared: Compared) -> tuple[str, ...]:
    verdict = compared.verdict
    if compared.tolerance is not None:
        verdict += f" (+-{compared.tolerance:.2f})"
    return (
        compared.cell.row,
        compared.cell.column,
        measured(compared),
        interval(compared),
        reported(compared),
        verdict,
    )


def _regressed(compared: Compared) -> tuple[str, ...]:
    numbers = (
        "-" if value is None else number(value.number, compared.metric, value.total)
        for value in (compared.reference, compared.measured)
    )
    cell = compared.cell
    return (cell.row, cell.column, *numbers, compared.verdict, compared.evidence)


def _unit(metric: Metric) -> str:
    return " min" if metric.unit == "min" else ""
