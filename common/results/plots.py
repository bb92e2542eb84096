"""Figures of a report.

Every function takes records and returns a matplotlib figure, or None when there is
nothing measured to draw; `canvas.save` writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from common.results import canvas, measured
from common.results.comparison import ComparedCell
from common.results.metrics import METRICS

STROKES = ("-", "--", ":", "-.")
WIDE = 50  # abscissae whose largest is so many times the smallest are spaced by ratio


def reported_and_measured(cells: Sequence[ComparedCell], scale: str) -> Figure | None:
    """Draws one panel per column: measured with its interval, reported as a diamond.

    Args:
      cells: of one table.
      scale: reported numbers are drawn at scale `paper` only.
    """
    cells = [cell for cell in cells if METRICS[cell.metric].unit == "%"]
    if not any(_is_drawn(cell) for cell in cells):
        return None
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(c.column for c in cells if _is_drawn(c)))
    figure, panels = canvas.panels(
        len(columns), width=2.2, height=0.5 + 0.34 * len(rows)
    )
    for panel, column in zip(panels, columns, strict=True):
        panel.set_title(f"{column}, %")
        panel.set_yticks(range(len(rows)), rows)
        panel.set_ylim(len(rows) - 0.4, -0.6)
        panel.set_xlim(-3, 103)
        panel.grid(axis="y", visible=False)
        for cell in (c for c in cells if c.column == column):
            _draw_cell(panel, rows.index(cell.row), cell, scale == "paper")
        panel.tick_params(labelleft=panel.get_subplotspec().is_first_col())
    _label_bars(figure, cells, scale == "paper")
    return figure


def against_number(
    cells: Sequence[ComparedCell], scale: str, xlabel: str, *, by_row: bool = False
) -> Figure | None:
    """Draws a metric against the number that the headings end with.

    Columns such as `PGD-10`, `PGD-50`, `PGD eps=2` or `rho=0.5` (else rows) give the
    abscissa; what precedes the number names the panel, the other heading the line.
    Each metric has its own panels.

    Args:
      cells: of one table.
      scale: reported numbers are drawn, dashed, at scale `paper` only.
      xlabel: what the number is.
      by_row: the rows give the abscissa, whatever the columns end with.
    """
    cells = [cell for cell in cells if METRICS[cell.metric].arrays]
    series = {} if by_row else _series(cells, "column", "row")
    series = series or _series(cells, "row", "column")
    drawn = [c for lines in series.values() for line in lines.values() for c in line]
    if not any(_is_drawn(cell) for _, cell in drawn):
        return None
    figure, panels = canvas.panels(len(series), width=3.6, height=3.0)
    names = list(dict.fromkeys(name for lines in series.values() for name in lines))
    above = ""
    for panel, ((label, title), lines) in zip(panels, series.items(), strict=True):
        panel.set_title(title)
        panel.set_xlabel(xlabel)
        panel.set_ylabel(label if label != above else "")  # said once for all
        _set_abscissae(panel, sorted({x for line in lines.values() for x, _ in line}))
        above = label
        for name, line in lines.items():
            _draw_line(
                panel,
                names.index(name),
                name,
                line,
                with_reported=scale == "paper",
            )
        panel.set_ylim(bottom=-0.01 * panel.get_ylim()[1])
    known = [c for _, c in drawn if c.reported is not None and scale == "paper"]
    note = "; dashed: reported" if known else ""
    note += (
        ", ?: unverified" if any(c.confidence == "unverified" for c in known) else ""
    )
    canvas.legend(figure, canvas.named(panels), f"solid: measured{note}")
    return figure


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
                label={"clean": "clean"}.get(kind, kind.upper()),
            )
    panels[0].set_ylabel("accuracy, %")
    canvas.legend(figure, canvas.named(panels[:1]))
    return figure


def examples(arrays: Mapping[str, np.ndarray], count: int = 8) -> Figure:
    """Draws clean images, perturbations magnified around grey, and adversarial images.

    Args:
      arrays: `clean` and `adversarial` [N, H, W, C] in pixels of 255, `labels`,
        `predictions_clean` and `predictions_adversarial` [N], `class_names` if known.
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
    sides = ("clean", f"difference\nx {factor:.0f}", "adversarial")
    figure = Figure(figsize=(1.1 * len(clean) + 0.9, 4.1), layout="constrained")
    panels = figure.subplots(3, len(clean), squeeze=False)
    for line, images, texts, side in zip(panels, grids, captions, sides, strict=True):
        for panel, image, caption in zip(line, images, texts, strict=True):
            image = np.clip(image, 0, 255).astype(np.uint8)
            image = np.repeat(image, 3, -1) if image.shape[-1] == 1 else image
            panel.imshow(image, interpolation="nearest")
            panel.set_xlabel(caption)
            panel.set(xticks=[], yticks=[])
            panel.grid(visible=False)
        line[0].set_ylabel(side)
    return figure


def _classes(arrays: Mapping[str, np.ndarray], key: str, count: int) -> list[str]:
    """Returns a caption per image: the predicted class, and the true one if wrong."""
    names = arrays.get("class_names")
    captions = []
    for found, true in zip(arrays[key][:count], arrays["labels"][:count], strict=True):
        found, true = (str(i if names is None else names[i]) for i in (found, true))
        captions.append(found if found == true else f"{found}, not {true}")
    return captions


def _draw_cell(panel: Axes, y: int, cell: ComparedCell, with_reported: bool) -> None:
    if with_reported and cell.reported is not None:
        sure = cell.confidence != "unverified"
        panel.plot(
            cell.reported,
            y - 0.16,
            linestyle="none",
            marker="D" if sure else "$?$",
            markersize=6,
            markerfacecolor="none" if sure else canvas.COLORS[1],
            color=canvas.COLORS[1],
        )
    if _is_drawn(cell):
        y_measured = y + 0.16  # beside the reported one, not on top of it
        panel.plot(cell.interval, [y_measured] * 2, color=canvas.COLORS[0], linewidth=2)
        panel.plot(cell.measured, y_measured, "o", color=canvas.COLORS[0])


def _label_bars(figure: Figure, cells: Sequence[ComparedCell], paper: bool) -> None:
    kinds = [("o", canvas.COLORS[0], "measured, 95 % interval")]
    if paper:
        kinds.append(("D", canvas.COLORS[1], "reported"))
        if any(cell.confidence == "unverified" for cell in cells):
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
    panel: Axes,
    index: int,
    name: str,
    line: Sequence[tuple[float, ComparedCell]],
    *,
    with_reported: bool,
) -> None:
    style = {
        "color": canvas.color(index),
        "marker": canvas.marker(index),
    }
    points = [(x, c) for x, c in sorted(line, key=lambda p: p[0])]
    done = [
        (x, c.measured, c.measured - c.interval[0], c.interval[1] - c.measured)
        for x, c in points
        if c.measured is not None and c.interval is not None
    ]
    xs, ys, down, up = zip(*done, strict=True) if done else ((), (), (), ())
    panel.errorbar(xs, ys, yerr=(down, up), label=name, **style)
    known = [(x, c) for x, c in points if c.reported is not None]
    if with_reported and known:
        _draw_reported(panel, known, **style)


def _draw_reported(
    panel: Axes,
    points: Sequence[tuple[float, ComparedCell]],
    *,
    color: str,
    marker: str,
) -> None:
    """Draws a dashed line whose unverified points are question marks."""
    xs, ys = [x for x, _ in points], [cell.reported for _, cell in points]
    panel.plot(xs, ys, "--", alpha=0.6, color=color)
    for (x, cell), y in zip(points, ys, strict=True):
        hollow = {"marker": marker, "alpha": 0.6, "fillstyle": "none"}
        unsure = {"marker": "$?$", "markersize": 9, "linestyle": "none"}
        style = unsure if cell.confidence == "unverified" else hollow
        panel.plot(x, y, color=color, **style)


def _set_abscissae(panel: Axes, xs: Sequence[float]) -> None:
    if xs[0] > 0 and xs[-1] >= WIDE * xs[0]:
        panel.set_xscale("log")
        panel.set_xticks([], minor=True)
    panel.set_xticks(xs, [f"{x:g}" for x in xs])


def _is_drawn(cell: ComparedCell) -> bool:
    return cell.measured is not None and cell.interval is not None


def _series(
    cells: Sequence[ComparedCell], numbered: str, other: str
) -> dict[tuple[str, str], dict[str, list[tuple[float, ComparedCell]]]]:
    """Returns label of the metric and title of the panel -> line -> points.

    Panels have two numbers or more.
    """
    panels: dict[tuple[str, str], dict[str, list[tuple[float, ComparedCell]]]] = {}
    for cell in cells:
        found = re.fullmatch(
            r"(.*?)(?:(?:^|\s+)\w+\s*=|[\s-]*)(\d+(?:\.\d+)?)",
            getattr(cell, numbered),
        )
        if found:
            lines = panels.setdefault((METRICS[cell.metric].label, found[1]), {})
            point = (float(found[2]), cell)
            lines.setdefault(getattr(cell, other), []).append(point)
    return {
        panel: lines
        for panel, lines in panels.items()
        if len({x for line in lines.values() for x, _ in line}) > 1
    }
