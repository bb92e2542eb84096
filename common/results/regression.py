"""Compares measured numbers with an earlier run of the suite itself."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections.abc import Iterable
from typing import Any

from common import recipe
from common.results import comparison, intervals, measured, packages


@dataclasses.dataclass(frozen=True)
class RegressedCell:
    """One cell of a table: measured beside an earlier run of the suite.

    Attributes:
      table: name of the table.
      row: heading of the row.
      column: heading of the column.
      metric: `accuracy` in percent, or `minutes`.
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
    no excuse here: on the same images McNemar's test (mid-p below 0.05) decides, on
    different numbers of images the interval of the difference.

    Args:
      paper: name of the paper package, or its `Paper`.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder of the new records.
      baseline_workdir: folder of the earlier records.
    """
    paper = packages.find(paper)
    new = measured.find(workdir, paper.name, scale)
    old = measured.find(baseline_workdir, paper.name, scale)
    return [
        _regressed(table.name, cell, new.get(cell.recipe), old.get(cell.recipe))
        for table in paper.tables
        for cell in paper.cells(scale, table)
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
) -> RegressedCell:
    regressed = RegressedCell(
        table=table,
        row=cell.row,
        column=cell.column,
        metric=comparison.metric(cell),
        baseline=None,
        measured=None,
        verdict=comparison.NOT_RUN,
    )
    if new is None or old is None:
        return regressed
    note = _difference(
        "recipes", old.manifest.get("recipe"), new.manifest.get("recipe")
    )
    regressed = dataclasses.replace(regressed, note=note)
    if cell.evaluation == recipe.TRAINING_TIME:
        minutes = (old.training_minutes, new.training_minutes)
        verdict = comparison.NOT_RUN if None in minutes else comparison.SHOWN
        return dataclasses.replace(
            regressed, baseline=minutes[0], measured=minutes[1], verdict=verdict
        )
    before, after = (run.evaluation(cell.evaluation) for run in (old, new))
    if before is None or after is None:
        return regressed
    verdict, evidence = _changed(old, new, before, after)
    note = note or _difference("attacks", before.attack, after.attack)
    return dataclasses.replace(
        regressed,
        baseline=before.accuracy,
        measured=after.accuracy,
        verdict=verdict,
        evidence=evidence,
        note=note,
    )


def _changed(
    old: measured.Run,
    new: measured.Run,
    before: measured.Measured,
    after: measured.Measured,
) -> tuple[str, str]:
    """Returns the verdict and the evidence for it."""
    if before.total == after.total:
        test = intervals.mcnemar(new.survived(after.name), old.survived(before.name))
        chance = test.p_value >= 0.05
        verdict = comparison.side(test.gained - test.lost, math.inf if chance else 0)
        evidence = (
            f"{test.gained} images gained, {test.lost} lost of {after.total}, "
            f"p = {test.p_value:.2g}"
        )
        return verdict, evidence
    difference = intervals.separate_difference(
        (after.correct, after.total), (before.correct, before.total)
    )
    evidence = (
        f"{difference.value:+.2f} points [{difference.low:+.2f}, "
        f"{difference.high:+.2f}] on {after.total} and {before.total} images"
    )
    chance = difference.low <= 0 <= difference.high
    return comparison.side(difference.value, math.inf if chance else 0), evidence


def _difference(what: str, old: Any, new: Any) -> str:
    found = recipe.first_difference(old or {}, new or {})
    return f"{what} differ: {found}" if found else ""
