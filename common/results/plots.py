"""Figures of a report.

Every function takes records and returns a matplotlib figure, or None when there is
nothing measured to draw; `canvas.save` writes it. Reported numbers are drawn where they
are compared, at scale `paper`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.recipe import Plot
from common.results import canvas, measured
from common.results.cells import FULL, Compared
from common.results.metrics import Value

STROKES = ("-", "--", ":", "-.")
WIDE = 50  # abscissae whose largest is so many times the smallest are spaced by ratio
CLEAN = "clean"  # heading of the column that is the abscissa of a tradeoff

Line = Sequence[Compared]
Point = tuple[Compared, Compared]  # on clean images, and under attack


def reported_and_measured(cells: Sequence[Compared], scale: str) -> Figure | None:
    """Draws one panel per column: measured with its interval, reported as a diamond.

    Args:
      cells: of one table.
      scale: at which they were measured.
    """
    cells = [compared for compared in cells if compared.metric.unit == "%"]
    if not any(_is_drawn(compared) for compared in cells):
        return None
    rows = list(dict.fromkeys(c.cell.row for c in cells))
    columns = list(dict.fromkeys(c.cell.column for c in cells if _is_drawn(c)))
    figure, panels = canvas.panels(
        len(columns), width=2.2, height=0.5 + 0.34 * len(rows)
    )
    for panel, column in zip(panels, columns, strict=True):
        panel.set_title(f"{column}, %")
        panel.set_yticks(range(len(rows)), rows)
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.set_xlim(-3, 103)
        panel.grid(axis="y", visible=False)
        for compared in (c for c in cells if c.cell.column == column):
            _draw_cell(panel, rows.index(compared.cell.row), compared, scale == FULL)
        panel.tick_params(labelleft=panel.get_subplotspec().is_first_col())
    _label_bars(figure, cells, scale == FULL)
    return figure


def against_number(cells: Sequence[Compared], scale: str, plot: Plot) -> Figure | None:
    """Draws a metric against `Cell.x`; each metric and `Cell.panel` has a panel.

    Args:
      cells: of one table.
      scale: at which they were measured.
      plot: says whether `x` is a number of columns or of rows; the other heading names
        the line.
    """
    series = _series(cells, plot)
    drawn = [c for lines in series.values() for line in lines.values() for c in line]
    if not any(_is_drawn(compared) for compared in drawn):
        return None
    figure, panels = canvas.panels(len(series), width=3.6, height=3.0)
    names = list(dict.fromkeys(name for lines in series.values() for name in lines))
    above = ""
    for panel, ((label, title), lines) in zip(panels, series.items(), strict=True):
        panel.set_title(title)
        panel.set_xlabel(plot.label)
        panel.set_ylabel(label if label != above else "")  # said once for all
        _set_abscissae(panel, _abscissae(lines))
        above = label
        for name, line in lines.items():
            _draw_line(
                panel, names.index(name), name, line, with_reported=scale == FULL
            )
        panel.set_ylim(bottom=-0.01 * panel.get_ylim()[1])
    known = [c for c in drawn if c.reference is not None and scale == FULL]
    note = "; dashed: reported" if known else ""
    note += ", ?: unverified" if any(map(_is_unverified, known)) else ""
    canvas.legend(figure, canvas.named(panels), f"solid: measured{note}")
    return figure


def against_clean(cells: Sequence[Compared], scale: str) -> Figure | None:
    """Draws each row as a point: accuracy under attack against clean accuracy.

    The attack is that of the last column which has two measured points, in a table the
    strongest. Without such a column there is no tradeoff to draw.

    Args:
      cells: of one table, with a column `clean`.
      scale: at which they were measured.
    """
    columns = dict.fromkeys(c.cell.column for c in cells if c.cell.column != CLEAN)
    for attack in reversed(columns):
        points = _points(cells, attack)
        if sum(all(map(_is_drawn, point)) for point in points.values()) > 1:
            return _draw_points(points, attack, with_reported=scale == FULL)
    return None


def training_curves(runs: Mapping[str, measured.Run]) -> Figure | None:
    """Draws loss, training accuracy and the probe of each run against the update."""
    runs = {name: run for name, run in runs.items() if run.lines("train")}
    if not runs:
        return None
    figure, panels = canvas.panels(2, width=5.2, height=3.2)
    panels[0].set_title("training loss")
    panels[1].set_title("training accuracy, %")
    for index, (name, run) in enumerate(runs.items()):
        lines = run.lines("train")
        steps = [line["step"] for line in lines]
        turn = index // len(canvas.COLORS)  # more runs than colours: another stroke
        stroke = STROKES[turn % len(STROKES)]
        style = {"color": canvas.color(index), "linestyle": stroke, "label": name}
        panels[0].plot(steps, [line["loss"] for line in lines], **style)
        panels[1].plot(steps, [line["accuracy"] for line in lines], **style)
    for panel in panels:
        panel.set_xlabel("updates")
    canvas.legend(figure, canvas.named(panels[:1]))
    return figure


def probe_curves(runs: Mapping[str, measured.Run]) -> Figure | None:
    """Draws the probe accuracies (clean, FGSM, PGD) of each run, a panel per run."""
    runs = {name: run for name, run in runs.items() if run.lines("probe")}
    if not runs:
        return None
    figure, panels = canvas.panels(len(runs), width=2.9, height=2.3)
    for panel, (name, run) in zip(panels, runs.items(), strict=True):
        panel.set_title(name)
        panel.set_ylim(-3, 103)
        lines = run.lines("probe")
        for index, kind in enumerate(("clean", "fgsm", "pgd")):
            panel.plot(
                [line["step"] for line in lines],
                [line[f"{kind}_accuracy"] for line in lines],
                color=canvas.color(index),
                linestyle=STROKES[index],
                label=kind if kind == "clean" else kind.upper(),
            )
    panels[0].set_ylabel("accuracy, %")
    canvas.legend(figure, canvas.named(panels[:1]))
    return figure


def examples(arrays: Mapping[str, np.ndarray], count: int = 8) -> Figure:
    """Draws clean images, perturbations magnified around grey, and adversarial images.

    Args:
      arrays: `clean` and `adversarial` [N, H, W, C] in pixels of 255, `labels`,
        `predictions_clean` and `predictions_adversarial` [N].
      count: images drawn.
    """
    clean, adversarial = (arrays[n][:count] for n in ("clean", "adversarial"))
    delta = adversarial.astype(np.float32) - clean
    factor = 127 / max(float(np.abs(delta).max()), 1e-6)
    grids = (clean, 127.5 + factor * delta, adversarial)
    captions = (
        _classes(arrays, "predictions_clean", len(clean)),
        [""] * len(clean),
        _classes(arrays, "predictions_adversarial", len(clean)),
    )
    sides = ("clean image", f"perturbation\nx {factor:.0f}", "adversarial image")
    figure = Figure(figsize=(1.1 * len(clean) + 0.9, 4.1), layout="constrained")
    panels = figure.subplots(3, len(clean), squeeze=False)
    for line, images, texts, side in zip(panels, grids, captions, sides, strict=True):
        for panel, image, caption in zip(line, images, texts, strict=True):
            image = np.clip(image, 0, 255).astype(np.uint8)
            image = np.repeat(image, 3, -1) if image.shape[-1] == 1 else image
            panel.imshow(image, interpolation="nearest")
            weight = "bold" if "not" in caption else "normal"
            panel.set_xlabel(caption, fontweight=weight)
            panel.set(xticks=[], yticks=[])
            panel.grid(visible=False)
        line[0].set_ylabel(side)
    return figure


def _classes(arrays: Mapping[str, np.ndarray], key: str, count: int) -> list[str]:
    """Returns a caption per image: the predicted class, and the true one if wrong."""
    pairs = zip(arrays[key][:count], arrays["labels"][:count], strict=True)
    return [str(one) if one == true else f"{one}, not {true}" for one, true in pairs]


def _draw_cell(panel: Axes, y: int, compared: Compared, with_reported: bool) -> None:
    if with_reported and compared.reference is not None:
        sure = not _is_unverified(compared)
        panel.plot(
            compared.reference.value,
            y - 0.16,
            linestyle="none",
            marker="D" if sure else "$?$",
            markersize=6,
            markerfacecolor="none" if sure else canvas.COLORS[1],
            color=canvas.COLORS[1],
        )
    value = compared.measured
    if value is not None and value.interval is not None:
        y_measured = y + 0.16  # beside the reported one, not on top of it
        panel.plot(
            value.interval, [y_measured] * 2, color=canvas.COLORS[0], linewidth=2
        )
        panel.plot(value.number, y_measured, "o", color=canvas.COLORS[0])


def _label_bars(figure: Figure, cells: Sequence[Compared], paper: bool) -> None:
    kinds = [("o", canvas.COLORS[0], "measured, 95 % interval")]
    if paper:
        kinds.append(("D", canvas.COLORS[1], "reported"))
        if any(map(_is_unverified, cells)):
            kinds.append(("$?$", canvas.COLORS[1], "reported, unverified"))
    entries = {
        label: Line2D(
            [],
            [],
            linestyle="none",
            marker=marker,
            color=color,
            markerfacecolor="none" if marker == "D" else color,
        )
        for marker, color, label in kinds
    }
    canvas.legend(figure, entries)


def _draw_line(
    panel: Axes, index: int, name: str, line: Line, *, with_reported: bool
) -> None:
    style = {"color": canvas.color(index), "marker": canvas.marker(index)}
    points = sorted(line, key=lambda compared: compared.cell.x or 0.0)
    done = [
        (c.cell.x, value.number, *_reach(value))
        for c in points
        if (value := c.measured) and value.interval
    ]
    xs, ys, down, up = zip(*done, strict=True) if done else ((), (), (), ())
    panel.errorbar(xs, ys, yerr=(down, up), label=name, **style)
    known = [c for c in points if c.reference is not None]
    if with_reported and known:
        _draw_reported(panel, known, **style)


def _draw_reported(panel: Axes, points: Line, *, color: str, marker: str) -> None:
    """Draws a dashed line whose unverified points are question marks."""
    xs, ys = [c.cell.x for c in points], [c.reference.value for c in points]
    panel.plot(xs, ys, "--", alpha=0.6, color=color)
    for compared, x, y in zip(points, xs, ys, strict=True):
        hollow = {"marker": marker, "alpha": 0.6, "fillstyle": "none"}
        unsure = {"marker": "$?$", "markersize": 9, "linestyle": "none"}
        style = unsure if _is_unverified(compared) else hollow
        panel.plot(x, y, color=color, **style)


def _set_abscissae(panel: Axes, xs: Sequence[float]) -> None:
    if xs[0] > 0 and xs[-1] >= WIDE * xs[0]:
        panel.set_xscale("log")
        panel.set_xticks([], minor=True)
    panel.set_xticks(xs, [f"{x:g}" for x in xs])


def _series(
    cells: Sequence[Compared], plot: Plot
) -> dict[tuple[str, str], dict[str, list[Compared]]]:
    """Returns label of the metric and title of the panel -> line -> points.

    Panels have two numbers or more.
    """
    panels: dict[tuple[str, str], dict[str, list[Compared]]] = {}
    for compared in cells:
        cell = compared.cell
        if cell.x is not None and compared.metric.arrays:
            lines = panels.setdefault((compared.metric.label, cell.panel), {})
            name = cell.row if plot.kind == "columns" else cell.column
            lines.setdefault(name, []).append(compared)
    return {key: lines for key, lines in panels.items() if len(_abscissae(lines)) > 1}


def _abscissae(lines: Mapping[str, Line]) -> list[float]:
    found = {c.cell.x for line in lines.values() for c in line}
    return sorted(x for x in found if x is not None)


def _points(cells: Sequence[Compared], attack: str) -> dict[str, Point]:
    found = {(c.cell.row, c.cell.column): c for c in cells}
    return {
        row: (found[row, CLEAN], found[row, attack])
        for row in dict.fromkeys(row for row, _ in found)
        if (row, CLEAN) in found and (row, attack) in found
    }


def _draw_points(
    points: Mapping[str, Point], attack: str, *, with_reported: bool
) -> Figure:
    figure, (panel,) = canvas.panels(1, width=5.2, height=3.6)
    panel.set_xlabel("accuracy on clean images, %")
    panel.set_ylabel(f"accuracy under {attack}, %")
    entries: dict[str, Any] = {}
    known = [
        row
        for row, point in points.items()
        if with_reported and all(c.reference is not None for c in point)
    ]
    for index, (row, point) in enumerate(points.items()):
        style: Any = {"color": canvas.color(index), "marker": canvas.marker(index)}
        values = [c.measured for c in point if c.measured and c.measured.interval]
        if len(values) == 2:
            entries[row] = _draw_measured_point(panel, *values, **style)
        if row in known:
            entries.setdefault(row, _draw_reported_point(panel, point, **style))
    notes = ["filled: measured, 95 % intervals"]
    notes += ["hollow: reported"] if known else []
    unsure = any(_is_unverified(c) for row in known for c in points[row])
    notes += ["?: unverified"] if unsure else []
    canvas.legend(figure, entries, "; ".join(notes))
    return figure


def _draw_measured_point(panel: Axes, x: Value, y: Value, **style: Any) -> Any:
    xerr, yerr = ([[end] for end in _reach(value)] for value in (x, y))
    return panel.errorbar(
        x.number, y.number, xerr=xerr, yerr=yerr, markersize=6, elinewidth=1, **style
    )


def _draw_reported_point(panel: Axes, point: Point, *, color: str, **style: Any) -> Any:
    """Draws and returns a hollow marker, with a line to it from what was measured."""
    x, y = (compared.reference.value for compared in point)
    ends = [(c.measured.number, c.reference.value) for c in point if c.measured]
    if len(ends) == 2:
        panel.plot(*ends, "--", color=color, alpha=0.6, linewidth=1)
    fill = "none"
    if any(map(_is_unverified, point)):
        style["marker"], fill = "$?$", "full"
    (marker,) = panel.plot(
        x, y, linestyle="none", markersize=6, fillstyle=fill, color=color, **style
    )
    return marker


def _reach(value: Value) -> tuple[float, float]:
    """Returns how far the interval of a measured number reaches down and up."""
    low, high = value.interval or (value.number, value.number)
    return value.number - low, high - value.number


def _is_drawn(compared: Compared) -> bool:
    return compared.measured is not None and compared.measured.interval is not None


def _is_unverified(compared: Compared) -> bool:
    reference = compared.reference
    return reference is not None and reference.confidence == "unverified"
