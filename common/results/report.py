"""Writes the report: one HTML page with its figures, and its tables in Markdown.

It opens on the screen on which a reproduction ends; then come, paper by paper, images,
curves, claims and tables. Everything on it comes from records of the work folder and
from `reported.csv`. The page opens from disk, without a network and without scripts.
"""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from common import files, recipe
from common.results import canvas, measured, pages, plots, summary
from common.results.answers import Results
from common.results.cells import FULL, Compared

SCALES = {  # what a scale is, what may be concluded from it, and what may not
    FULL: (
        "The papers' own data, networks and schedules.",
        "Whether each reported number is reproduced: every cell is judged with the "
        "tolerance that it shows.",
        "Nothing from a cell that was not run, and little from a reported number "
        "marked unverified.",
    ),
    "small": (
        "The papers' methods on real CIFAR-10 with a small network.",
        "Whether the papers' claims (which method is better, and by how much at least) "
        "show on real images.",
        "Whether a reported number is right: another network was trained for a shorter "
        "time. Reported numbers stand here as context and are not compared.",
    ),
    "digits": (
        "The papers' methods on handwritten digits of 8 x 8 pixels, in seconds.",
        "Whether the whole path works, and which of the papers' claims show even here.",
        "Whether a reported number is right: data and network are others, so reported "
        "numbers are left out.",
    ),
}
MANY_CELLS = 60  # a table beyond this opens on demand
SHOWN_FINDINGS = 8  # the rest opens on demand
SHOWN_IMAGES = 2  # networks: the first is undefended, the second defended


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A figure on disk.

    Attributes:
      stem: of its light and its dark file, without folder.
      caption: plain text, also read to those who do not see the picture.
    """

    stem: str
    caption: str


class Figures(NamedTuple):
    """The figures of a paper.

    Attributes:
      images: clean and attacked ones, of each network that kept some.
      curves: of the tables, then of the trainings.
    """

    images: list[Drawn]
    curves: list[Drawn]


@dataclasses.dataclass(frozen=True)
class Section:
    """One paper on the page.

    Attributes:
      results: what its records say.
      figures: as `draw` returns them.
    """

    results: Results
    figures: Figures

    @property
    def tables(self) -> list[tuple[recipe.Table, Sequence[Compared]]]:
        """Each table that has cells, with these."""
        cells = self.results.cells
        tables = self.results.at.paper.tables
        return [(table, cells[table.name]) for table in tables if table.name in cells]

    @property
    def runs(self) -> list[tuple[str, list[str]]]:
        """Each run: minutes, their ratio to natural ones, updates and parameters."""
        return [
            (name, _numbers(run, self.results.time_ratio(run)))
            for name, run in self.results.trained.items()
        ]

    @property
    def makings(self) -> dict[str, str]:
        """What made each run."""
        return {name: _making(run) for name, run in self.results.trained.items()}

    @property
    def commands(self) -> str:
        """The commands that repeat the runs and the comparison, a line each."""
        at = self.results.at
        lines = []
        for run in self.results.trained.values():
            made, begin = run.manifest, f"python -m {at.name}"
            flags = [f"--scale={at.scale}"]
            flags += [f"--set={item}" for item in made.get("overrides") or ()]
            if made.get("precision"):
                flags.append(f"--precision={made['precision']}")
            if made.get("weights"):
                flags.append(f"--weights=FOLDER/{made['weights']['file']}")
            rest = shlex.join([made.get("name", run.name), *flags])
            words = ("evaluate",) if made.get("weights") else ("train", "evaluate")
            lines += [f"{begin} {word} {rest}" for word in words]
        lines.append(f"python -m {at.name} claims --scale={at.scale}")
        return "\n".join(lines)


def draw(results: Results, out_dir: pathlib.Path) -> Figures:
    """Writes the PNG files of a paper, and says which they are.

    Args:
      results: of the paper.
      out_dir: folder of the report; made if missing.

    Raises:
      ValueError: a broken record; names the file.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    tables = [t for t in results.at.paper.tables if t.name in results.cells]
    drawn = [figure for t in tables for figure in _figures(results, t, out_dir)]
    return Figures(_images(results, out_dir), drawn + _training(results, out_dir))


def write(
    papers: Sequence[Results],
    out_dir: pathlib.Path,
    drawn: Mapping[str, Figures] | None = None,
) -> pathlib.Path:
    """Writes `index.html` and the PNG files that are not drawn yet.

    Args:
      papers: of each paper its results, all at the same scale.
      out_dir: folder to write to; made if missing.
      drawn: paper to its figures, if `draw` wrote those of all papers.

    Returns:
      The path of `index.html`.

    Raises:
      ValueError: a broken record; names the file.
    """
    if drawn is None:
        drawn = {results.at.name: draw(results, out_dir) for results in papers}
    scale = papers[0].at.scale
    what, may, may_not = SCALES[scale]
    values = {
        "scale": scale,
        "what": what,
        "may": may,
        "may_not": may_not,
        "others": summary.others(papers),
        "cost": summary.cost(papers),
        "screen": summary.screen(papers),
        "summary": summary,
        "sections": [Section(results, drawn[results.at.name]) for results in papers],
        "density": f"{canvas.DPI / 96:g}x",  # shown at the size it was drawn for
        "MANY_CELLS": MANY_CELLS,
        "SHOWN_FINDINGS": SHOWN_FINDINGS,
        "SHOWN_IMAGES": SHOWN_IMAGES,
    }
    index = out_dir / "index.html"
    files.write_text(index, pages.render("report.html", **values) + "\n")
    return index


def _figures(
    results: Results, table: recipe.Table, out_dir: pathlib.Path
) -> list[Drawn]:
    """Returns the figures of a table, drawn as its plot says."""
    cells, scale, plot = results.cells[table.name], results.at.scale, table.plot
    beside = "Measured beside reported" if scale == FULL else "Measured"
    label = cells[0].metric.label.partition(",")[0].capitalize()
    wanted: list[tuple[str, str, Callable[[], Figure | None]]] = []
    if plot.bars:
        wanted.append(("", beside, lambda: plots.reported_and_measured(cells, scale)))
    if plot.kind == "tradeoff":
        caption = "Accuracy under attack against accuracy on clean images"
        wanted.append(("-tradeoff", caption, lambda: plots.against_clean(cells, scale)))
    elif plot.kind:
        caption = f"{label} against {plot.label}"
        wanted.append(
            ("-lines", caption, lambda: plots.against_number(cells, scale, plot))
        )
    stem = f"{results.at.name}-{table.name}"
    return [
        Drawn(drawn, f"{caption}: {table.title}")
        for end, caption, draw in wanted
        if (drawn := canvas.save(draw, out_dir / f"{stem}{end}"))
    ]


def _training(results: Results, out_dir: pathlib.Path) -> list[Drawn]:
    """Returns the curves of all runs."""
    runs, stem = results.trained, out_dir / results.at.name
    curves = canvas.save(
        lambda: plots.training_curves(runs), stem.with_name(f"{stem.name}-training")
    )
    probes = canvas.save(
        lambda: plots.probe_curves(runs), stem.with_name(f"{stem.name}-probe")
    )
    captions = {
        curves: "Loss and accuracy on training minibatches.",
        probes: "Accuracy on a fixed slice of training images, clean and under attack.",
    }
    return [Drawn(drawn, caption) for drawn, caption in captions.items() if drawn]


def _images(results: Results, out_dir: pathlib.Path) -> list[Drawn]:
    """Returns images before and after an attack, of each network that kept some."""
    found = []
    for name, run in results.trained.items():
        path = run.path / "examples.npz"
        if path.exists():
            home = out_dir / f"{results.at.name}-examples-{name}"
            found.append(_examples(name, path, home))
    return found


def _examples(name: str, path: pathlib.Path, home: pathlib.Path) -> Drawn:
    predicted = ("predictions_clean", "predictions_adversarial")
    arrays = files.load_arrays(path, "clean", "adversarial", "labels", *predicted)
    drawn = canvas.save(lambda: plots.examples(arrays), home)
    attack = f" of {arrays['attack']}" if "attack" in arrays else ""
    caption = (
        f"{name}: test images, the perturbation{attack} enlarged around grey, and the "
        "adversarial images. Below an image stands what the network says it is."
    )
    return Drawn(drawn or "", caption)


def _numbers(run: measured.Run, ratio: float | None) -> list[str]:
    minutes = run.training_minutes
    counted = (
        (run.manifest.get("recipe") or {}).get("num_steps"),
        run.manifest.get("num_parameters"),
    )
    return [
        run.unfinished if minutes is None else f"{minutes:.2f} min",
        "" if ratio is None else f"{ratio:.2f}",
        *(
            f"{count:,}".replace(",", "\N{THIN SPACE}")
            if isinstance(count, int)
            else ""
            for count in counted
        ),
    ]


def _making(run: measured.Run) -> str:
    """Returns hardware, precision, versions and commit, as far as recorded."""
    manifest = run.manifest
    versions = manifest.get("versions") or {}
    parts = [
        manifest.get("hardware"),
        manifest.get("precision"),
        *(f"evaluated in {precision}" for precision in run.other_precisions),
        ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"commit {str(manifest['commit'])[:18]}" if manifest.get("commit") else None,
    ]
    return "; ".join(part for part in parts if part)
