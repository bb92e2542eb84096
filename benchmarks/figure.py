"""One figure for all benchmarks: ratios round by round, medians and bounds."""

from __future__ import annotations

import functools
import pathlib
import statistics
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks import questions, records
from common.results import canvas

WIDTH = 7.5  # inches
ROW_HEIGHT, PANEL_HEIGHT = 0.27, 0.75
MEASURED, BOUND = canvas.color(0), canvas.color(1)


def save(found: Mapping[str, records.Record | None], stem: pathlib.Path) -> None:
    """Writes `STEM-light.png` and `STEM-dark.png`, if anything was run."""
    canvas.save(functools.partial(draw, found), stem)


def draw(found: Mapping[str, records.Record | None]) -> Figure | None:
    """Returns a panel for each comparison, one below the other."""
    drawn = [
        (letter, comparison)
        for letter, record in found.items()
        if record
        for comparison in record.comparisons
    ]
    if not drawn:
        return None
    heights = [PANEL_HEIGHT + ROW_HEIGHT * len(_rows(c)) for _, c in drawn]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), layout="constrained")
    panels = figure.subplots(
        len(drawn), squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for panel, (letter, comparison) in zip(panels.flatten(), drawn, strict=True):
        _draw(panel, letter, comparison)
    kinds = {
        "a round": {"color": MEASURED, "marker": "o", "alpha": 0.4},
        "median": {"color": MEASURED, "marker": "|", "markersize": 12},
        "bound": {"color": BOUND, "linestyle": "--", "marker": ""},
    }
    handles = [
        Line2D([], [], **{"linestyle": "", **style}, label=name)
        for name, style in kinds.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw(panel: Axes, letter: str, comparison: records.Comparison) -> None:
    question = questions.QUESTIONS[letter]
    rows = _rows(comparison)
    panel.set_title(f"{letter}. {question.title}", loc="left")
    panel.set_xlabel(f"ratio to: {comparison.reference}")
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    ends = [1.0]
    for index, row in enumerate(rows):
        ratios = comparison.ratios(row)
        heights = [index] * len(ratios)
        panel.plot(ratios, heights, "o", color=MEASURED, alpha=0.4)
        middle = statistics.median(ratios)
        panel.plot([middle], [index], "|", color=MEASURED, markersize=12, mew=2)
        ends += ratios
        if question.bound is not None and row == question.row:
            low, high = 1 - (index + 0.9) / len(rows), 1 - (index + 0.1) / len(rows)
            panel.axvline(question.bound, low, high, color=BOUND, linestyle="--")
            ends.append(question.bound)
    margin = 0.06 * (max(ends) - min(ends))
    panel.set_xlim(min(ends) - margin, max(ends) + margin)


def _rows(comparison: records.Comparison) -> list[str]:
    """Returns the rows that were measured, but for the reference."""
    return [row for row in comparison.samples if row != comparison.reference]
