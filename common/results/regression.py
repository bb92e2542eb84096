"""Compares measured numbers with an earlier run of the suite itself."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable
from typing import Any

from common import intervals, overrides, recipe
from common.intervals import Ratio
from common.results import comparison, measured, metrics, packages


@dataclasses.dataclass(frozen=True)
class RegressedCell:
    """One cell of a table: measured beside an earlier run of the suite.

    Attributes:
      table: name of the table.
      row: heading of the row.
      column: heading of the column.
      metric: a key of `metrics.METRICS`, which says the unit.
      baseline: the earlier number, or None.
      measured: the new number, or None.
      verdict: `within`, `above`, `below`, `not run` or `shown only`.
      evidence: the test behind the verdict, with its numbers.
      note: the first field in which the recipes or the attacks differ, or "".
    """

    table: str
    row: str
    column: str
    metric: str
    baseline: float | None
    measured: float | None
    verdict: str
    evidence: str = ""
    note: str = ""


def regress(
    paper: str | recipe.Paper,
    scale: str,
    workdir: str | pathlib.Path,
    baseline_workdir: str | pathlib.Path,
) -> list[RegressedCell]:
    """Returns every cell against an earlier run of the suite itself.

    The same recipe and seed should give the same network, so the spread over seeds is
    no excuse here: on the same images McNemar's test (mid-p below 0.05) decides, and
    for ratios and different numbers of images the interval of the difference.

    Args:
      paper: name of the paper package, or its `Paper`.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder of the new records.
      baseline_workdir: folder of the earlier records.
    """
    paper = packages.find(paper)
    new = measured.runs_of(paper, scale, workdir)
    old = measured.runs_of(paper, scale, baseline_workdir)
    known = {recipe.TRAINING_TIME: recipe.Evaluation(), **paper.at(scale).evaluations}
    return [
        _regressed(
            table.name,
            cell,
            new.get(cell.recipe),
            old.get(cell.recipe),
            here=(paper.at(scale).recipe(cell.recipe), known[cell.evaluation].attack),
        )
        for table in paper.tables
        for cell in paper.at(scale).cells(table)
    ]


def exit_status(cells: Iterable[RegressedCell]) -> int:
    """Returns 1 if a cell moved beyond chance, else 0."""
    moved = (comparison.ABOVE, comparison.BELOW)
    return int(any(cell.verdict in moved for cell in cells))


def _regressed(
    table: str,
    cell: recipe.Cell,
    new: measured.Run | None,
    old: measured.Run | None,
    *,
    here: tuple[recipe.Recipe, Any],
) -> RegressedCell:
    """Returns a cell; `here` are its recipe and attack, which complete the records."""
    regressed = RegressedCell(
        table=table,
        row=cell.row,
        column=cell.column,
        metric=metrics.name_of(cell),
        baseline=None,
        measured=None,
        verdict=comparison.NOT_RUN,
    )
    if new is None or old is None:
        return regressed
    made = (run.manifest.get("recipe") for run in (old, new))
    note = _difference("recipes", *made, here=here[0])
    regressed = dataclasses.replace(regressed, note=note)
    metric = metrics.of(cell)
    before, after = (metric.measure(run, cell) for run in (old, new))
    if before is None or after is None:
        return regressed
    regressed = dataclasses.replace(
        regressed,
        baseline=before.number,
        measured=after.number,
        verdict=comparison.SHOWN,
    )
    if not metric.arrays:
        return regressed
    records = (run.evaluation(cell.evaluation) for run in (old, new))
    attacks = (record.attack if record else None for record in records)
    return dataclasses.replace(
        _judged(regressed, cell, old, new),
        note=note or _difference("attacks", *attacks, here=here[1]),
    )


def _judged(
    regressed: RegressedCell, cell: recipe.Cell, old: measured.Run, new: measured.Run
) -> RegressedCell:
    """Adds the verdict and its evidence."""
    metric = metrics.of(cell)
    verdict, evidence = _changed(
        metric.images(new, cell), metric.images(old, cell), metric.unit
    )
    return dataclasses.replace(regressed, verdict=verdict, evidence=evidence)


def _changed(after: Ratio | None, before: Ratio | None, unit: str) -> tuple[str, str]:
    """Returns the verdict and the evidence for it."""
    if after is None or before is None or math.isnan(after.value + before.value):
        return comparison.SHOWN, ""
    sizes = len(after.among), len(before.among)
    if sizes[0] == sizes[1] and after.among.all() and before.among.all():
        test = intervals.mcnemar(after.counted, before.counted)
        chance = test.p_value >= 0.05
        verdict = comparison.side(test.gained - test.lost, math.inf if chance else 0)
        return verdict, (
            f"{test.gained} images gained, {test.lost} lost of {sizes[0]}, "
            f"p = {test.p_value:.2g}"
        )
    if sizes[0] == sizes[1]:
        difference = intervals.ratio_difference(after, before)
        difference = difference.scaled(100) if unit == "%" else difference
    elif unit == "%":
        counts = [(int(sum(r.counted)), int(sum(r.among))) for r in (after, before)]
        difference = intervals.separate_difference(*counts)
    else:
        return comparison.SHOWN, f"on {sizes[0]} and {sizes[1]} images"
    form, points = ("+.2f", " points") if unit == "%" else ("+.3f", "")
    value, low, high = (f"{part:{form}}" for part in difference)
    chance = difference.low <= 0 <= difference.high
    return (
        comparison.side(difference.value, math.inf if chance else 0),
        f"{value}{points} [{low}, {high}] on {sizes[0]} and {sizes[1]} images",
    )


def _difference(what: str, old: Any, new: Any, *, here: Any) -> str:
    """Returns a note of the first field in which two records of `here` differ."""
    records = (overrides.completed(record or {}, here) for record in (old, new))
    found = overrides.first_difference(*records)
    return f"{what} differ: {found}" if found else ""
