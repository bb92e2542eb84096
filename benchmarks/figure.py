"""One figure for all benchmarks: ratios round by round, medians and bounds."""

from __future__ import annotations

import functools
import pathlib
import statistics
from collections.abc import Mapping
from typing import Any

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks import questions, records
from common.results import canvas

WIDTH = 7.5  # inches
ROW_HEIGHT, PANEL_HEIGHT = 0.27, 0.75
FAR = 3.0  # times the smallest ratio
MEASURED, BOUND = canvas.color(0), canvas.color(1)


def save(found: Mapping[str, records.Record | None], stem: pathlib.Path) -> None:
    """Writes `STEM-light.png` and `STEM-dark.png`, if anything was run."""
    canvas.save(functools.partial(draw, found), stem)


def draw(found: Mapping[str, records.Record | None]) -> Figure | None:
    """Returns a panel for each comparison, one below the other."""
    drawn = [
        (letter, comparison, len(record.comparisons) > 1)
        for letter, record in found.items()
        if record
        for comparison in record.comparisons
    ]
    if not drawn:
        return None
    heights = [PANEL_HEIGHT + ROW_HEIGHT * len(_rows(c)) for _, c, _ in drawn]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.4), layout="constrained")
    panels = figure.subplots(
        len(drawn), squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for panel, (letter, comparison, is_one_of_several) in zip(
        panels.flatten(), drawn, strict=True
    ):
        name = f", {comparison.name}" if is_one_of_several else ""
        panel.set_title(
            f"{letter}. {questions.QUESTIONS[letter].title}{name}", loc="left"
        )
        _draw(panel, questions.QUESTIONS[letter], comparison)
    kinds: dict[str, dict[str, Any]] = {
        "a round": {"color": MEASURED, "marker": "o", "alpha": 0.5},
        "median": {"color": MEASURED, "marker": "|", "markersize": 12},
        "bound": {"color": BOUND, "linestyle": "--", "marker": ""},
    }
    handles = [
        Line2D([], [], **{"linestyle": "", **style}, label=name)
        for name, style in kinds.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw(
    panel: Axes, question: questions.Question, comparison: records.Comparison
) -> None:
    rows = _rows(comparison)
    bounds = {row.name: row.bound for row in question.rows}
    panel.set_xlabel(f"ratio to: {comparison.reference}")
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    ends = [1.0]
    for index, row in enumerate(rows):
        ratios = comparison.ratios(row)
        heights = [index] * len(ratios)
        panel.plot(ratios, heights, "o", color=MEASURED, alpha=0.5)
        middle = statistics.median(ratios)
        panel.plot([middle], [index], "|", color=MEASURED, markersize=12, mew=2)
        ends += ratios
        if (bound := bounds.get(row)) is not None:
            low, high = 1 - (index + 0.9) / len(rows), 1 - (index + 0.1) / len(rows)
            panel.axvline(bound, low, high, color=BOUND, linestyle="--")
            ends.append(bound)
    _scale(panel, min(ends), max(ends))


def _scale(panel: Axes, low: float, high: float) -> None:
    """Shows low to high, on a logarithmic axis where that is far."""
    if high / low < FAR:
        margin = 0.06 * (high - low)
        panel.set_xlim(low - margin, high + margin)
        return
    panel.set_xscale("log")
    panel.set_xlim(low / 1.1, high * 1.1)
    panel.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    panel.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    panel.xaxis.set_minor_locator(ticker.NullLocator())


def _rows(comparison: records.Comparison) -> list[str]:
    """Returns the rows that were measured, but for the reference."""
    return [row for row in comparison.samples if row != comparison.reference]
