"""The figure of accuracy against robustness: a point for each network.

As the figures of `common.results.plots`, and beside them in a report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.results import canvas
from common.results.comparison import ComparedCell

CLEAN = "clean"  # heading of the column on the abscissa
Point = tuple[ComparedCell, ComparedCell]  # on clean images, and under attack


def against_clean(cells: Sequence[ComparedCell], scale: str) -> Figure | None:
    """Draws each row as a point: accuracy under attack against clean accuracy.

    The attack is that of the last column which has two measured points, in a table the
    strongest. Without such a column there is no tradeoff to draw.

    Args:
      cells: of one table, with a column `clean`.
      scale: reported numbers are drawn, hollow, at scale `paper` only.
    """
    columns = dict.fromkeys(cell.column for cell in cells if cell.column != CLEAN)
    for attack in reversed(columns):
        points = _points(cells, attack)
        if sum(_is_measured(point) for point in points.values()) > 1:
            return _drawn(points, attack, with_reported=scale == "paper")
    return None


def _points(cells: Sequence[ComparedCell], attack: str) -> dict[str, Point]:
    found = {(cell.row, cell.column): cell for cell in cells}
    return {
        row: (found[row, CLEAN], found[row, attack])
        for row in dict.fromkeys(cell.row for cell in cells)
        if (row, CLEAN) in found and (row, attack) in found
    }


def _drawn(points: Mapping[str, Point], attack: str, *, with_reported: bool) -> Figure:
    figure, (panel,) = canvas.panels(1, width=5.2, height=3.6)
    panel.set_xlabel("accuracy on clean images, %")
    panel.set_ylabel(f"accuracy under {attack}, %")
    entries: dict[str, Any] = {}
    for index, (row, point) in enumerate(points.items()):
        style = {"color": canvas.color(index), "marker": canvas.marker(index)}
        if _is_measured(point):
            entries[row] = _draw_measured(panel, point, **style)
        if with_reported and _is_reported(point):
            entries.setdefault(row, _draw_reported(panel, point, **style))
    known = [p for p in points.values() if with_reported and _is_reported(p)]
    notes = ["filled: measured, 95 % intervals"]
    notes += ["hollow: reported"] if known else []
    notes += ["?: unverified"] if any(_is_unverified(point) for point in known) else []
    canvas.legend(figure, entries, "; ".join(notes))
    return figure


def _is_measured(point: Point) -> bool:
    return all(cell.interval is not None for cell in point)


def _is_reported(point: Point) -> bool:
    return all(cell.reported is not None for cell in point)


def _is_unverified(point: Point) -> bool:
    return any(cell.confidence == "unverified" for cell in point)


def _draw_measured(panel: Axes, point: Point, **style: Any) -> Any:
    (x, xerr), (y, yerr) = (_with_error(cell) for cell in point)
    return panel.errorbar(
        x, y, xerr=xerr, yerr=yerr, markersize=6, elinewidth=1, **style
    )


def _with_error(cell: ComparedCell) -> tuple[float, list[list[float]]]:
    """Returns a measured number, and how far its interval reaches down and up."""
    value, (low, high) = cell.measured or 0.0, cell.interval or (0.0, 0.0)
    return value, [[value - low], [high - value]]


def _draw_reported(panel: Axes, point: Point, *, color: str, **style: Any) -> Any:
    """Draws and returns a hollow marker, with a line to it from what was measured."""
    x, y = (cell.reported for cell in point)
    if _is_measured(point):
        xs, ys = ((cell.measured, cell.reported) for cell in point)
        panel.plot(xs, ys, "--", color=color, alpha=0.6, linewidth=1)
    fill = "none"
    if _is_unverified(point):
        style["marker"], fill = "$?$", "full"
    (marker,) = panel.plot(
        x, y, linestyle="none", markersize=6, fillstyle=fill, color=color, **style
    )
    return marker
