"""Compares measured numbers with the reported ones, cell by cell.

At scale `paper` a cell is *within*, *above* or *below*, with a tolerance that says what
it is made of, or *not run*. At every other scale another network learned from other
data, so the reported number is context and only claims are judged (*claims only*).
"""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable

from common import intervals, recipe
from common.results import measured, metrics, packages, reported

WITHIN, ABOVE, BELOW = "within", "above", "below"
NOT_RUN = "not run"
CLAIMS_ONLY = "claims only"  # another scale than the paper's
NOT_REPORTED = "not reported"  # measured, and the paper gives no number
SHOWN = "shown only"  # minutes depend on the machine, ratios are of two accuracies
NO_IMAGES = "no images"  # none to count among, as in transfer if nothing was fooled

# Half-widths in points of the spread between trainings that differ in their seed only.
# Public reruns of one recipe lie 2 to 3 points apart in robust accuracy, mostly for
# reasons of code, version and evaluation; a tolerance that wide would call exactly the
# failures "within" that this suite looks for. Seeds alone move robust accuracy by about
# one point and clean accuracy by about half of that. Of labels that leak, which may be
# less than a point altogether, no spread is known, and none is granted.
SEED_SPREAD = {"robust": 1.0, "clean": 0.5, "leaked": 0.0}


@dataclasses.dataclass(frozen=True)
class ComparedCell:
    """One cell of a table: reported beside measured.

    Attributes:
      table: name of the table.
      row: heading of the row.
      column: heading of the column.
      recipe: name of the recipe.
      evaluation: name of the evaluation, or `TRAINING_TIME`.
      metric: a key of `metrics.METRICS`, which says the unit.
      reported: the paper's number, or None.
      measured: the suite's number, or None.
      verdict: one of the constants of this module.
      tolerance: half-width in points, None where nothing is judged.
      tolerance_parts: what the tolerance is made of, in words.
      interval: 95 % interval of the measured number, in its unit, or None.
      total: images among which it was counted.
      confidence: of the reported number, a key of `reported.CONFIDENCES`, or "".
      source: of the reported number, or "".
      printed: the reported number with the decimals of its source, or "".
    """

    table: str
    row: str
    column: str
    recipe: str
    evaluation: str
    metric: str
    reported: float | None
    measured: float | None
    verdict: str
    tolerance: float | None = None
    tolerance_parts: str = ""
    interval: tuple[float, float] | None = None
    total: int | None = None
    confidence: str = ""
    source: str = ""
    printed: str = ""


def compare(
    paper: str | recipe.Paper, scale: str, workdir: str | pathlib.Path
) -> list[ComparedCell]:
    """Returns every cell of the paper's tables at a scale, table by table.

    Args:
      paper: name of the paper package, or its `Paper`.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.

    Raises:
      ValueError: unknown paper or scale, or a broken record; names the file.
    """
    paper = packages.find(paper)
    runs = measured.runs_of(paper, scale, workdir)
    known = reported.by_cell(paper)
    cells = [
        _filled(
            _blank(table.name, cell, known.get((table.name, cell.row, cell.column))),
            cell,
            runs.get(cell.recipe),
        )
        for table in paper.tables
        for cell in paper.at(scale).cells(table)
    ]
    return cells if scale != "paper" else [_judged(cell, paper) for cell in cells]


def exit_status(cells: Iterable[ComparedCell]) -> int:
    """Returns 1 if a cell is above or below its reference, else 0."""
    return int(any(cell.verdict in (ABOVE, BELOW) for cell in cells))


def tolerance(value: float, reference: float, total: int, kind: str) -> float:
    """Returns the half-width in points within which two shares agree.

    Args:
      value: measured share in percent.
      reference: reported share in percent, counted on as many images.
      total: images.
      kind: a key of `SEED_SPREAD`.
    """
    return math.hypot(
        intervals.Z95 * intervals.standard_error(value, total),
        intervals.Z95 * intervals.standard_error(reference, total),
        SEED_SPREAD[kind],
    )


def _blank(
    table: str, cell: recipe.Cell, record: reported.Reported | None
) -> ComparedCell:
    return ComparedCell(
        table=table,
        row=cell.row,
        column=cell.column,
        recipe=cell.recipe,
        evaluation=cell.evaluation,
        metric=metrics.name_of(cell),
        reported=record.value if record else None,
        measured=None,
        verdict=NOT_RUN,
        confidence=record.confidence if record else "",
        source=record.source if record else "",
        printed=record.printed if record else "",
    )


def _filled(
    compared: ComparedCell, cell: recipe.Cell, run: measured.Run | None
) -> ComparedCell:
    """Adds what the run measured, if it did."""
    metric = metrics.of(cell)
    value = metric.measure(run, cell) if run else None
    if value is None:
        return compared
    if math.isnan(value.number):
        verdict = NO_IMAGES
    elif not metric.judged:
        verdict = SHOWN
    else:
        verdict = NOT_REPORTED if compared.reported is None else CLAIMS_ONLY
    return dataclasses.replace(
        compared,
        measured=value.number,
        interval=value.interval,
        total=value.total,
        verdict=verdict,
    )


def _judged(cell: ComparedCell, paper: recipe.Paper) -> ComparedCell:
    """Adds verdict and tolerance to a share that is both measured and reported."""
    value, reference, total = cell.measured, cell.reported, cell.total
    if value is None or reference is None or total is None:
        return cell
    if cell.verdict != CLAIMS_ONLY:
        return cell
    kind = _kind(cell, paper)
    width = tolerance(value, reference, total, kind)
    parts = (
        f"{_binomial(value, total)} binomial error of the measured and "
        f"{_binomial(reference, total)} of the reported number on {total} images, "
        f"{SEED_SPREAD[kind]} spread over seeds ({kind}), added in quadrature"
    )
    return dataclasses.replace(
        cell,
        verdict=side(value - reference, width),
        tolerance=width,
        tolerance_parts=parts,
    )


def _kind(cell: ComparedCell, paper: recipe.Paper) -> str:
    """Returns the key of `SEED_SPREAD` for what a cell counts."""
    if cell.metric in SEED_SPREAD:
        return cell.metric
    attack = paper.at("paper").evaluations[cell.evaluation].attack
    return "clean" if attack is None else "robust"


def _binomial(accuracy: float, total: int) -> str:
    return f"{intervals.Z95 * intervals.standard_error(accuracy, total):.2f}"


def side(difference: float, width: float) -> str:
    """Returns `within`, `above` or `below` for a difference and its half-width."""
    if abs(difference) <= width:
        return WITHIN
    return ABOVE if difference > 0 else BELOW
