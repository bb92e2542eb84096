"""Writes the report: one HTML page with its figures, and the same in Markdown.

Everything on it comes from records of the work folder and from `reported.csv`. The page
opens from disk, without a network and without scripts.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from common import files, recipe
from common.results import (
    canvas,
    claims,
    comparison,
    diagnostics,
    markdown,
    measured,
    packages,
    page,
    plots,
    sections,
    tradeoff,
)
from common.results.metrics import METRICS

ABSCISSAE = {  # plot of a table -> what its headings end with
    "epsilon": "epsilon, pixels of 255",
    "radius": "epsilon of pixels in [0, 1]",
    "steps": "attack steps",
    "width": "width factor rho",
    "share": "clean images that are kept, %",
    "depth": "layers",
    "alpha": "alpha",
}
TRADEOFF = "tradeoff"  # plot of a table with a column `clean`
BY_ROW = ("share", "depth", "alpha")  # plots whose abscissa is in the rows' headings
MANY_CELLS = 60  # a table beyond this opens on demand, below its figure


@dataclasses.dataclass(frozen=True)
class Answers:
    """All that the records say about one paper at one scale."""

    paper: recipe.Paper
    scale: str
    runs: dict[str, measured.Run]
    cells: list[comparison.ComparedCell]
    results: list[claims.ClaimResult]
    findings: list[diagnostics.Finding]

    def table(self, name: str) -> list[comparison.ComparedCell]:
        """Returns the cells of one table."""
        return [cell for cell in self.cells if cell.table == name]


def write_report(
    papers: Sequence[str | recipe.Paper],
    scale: str,
    workdir: str | pathlib.Path,
    out_dir: str | pathlib.Path,
) -> pathlib.Path:
    """Writes `index.html`, `report.md` and their PNG files.

    Args:
      papers: names of paper packages, or their `Paper` values.
      scale: such as `paper`, `small` or `digits`.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
      out_dir: folder to write to; made if missing.

    Returns:
      The path of `index.html`.

    Raises:
      ValueError: unknown paper or scale, or a broken record; names the file.
    """
    out_dir = pathlib.Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    found = [_answers(packages.find(paper), scale, workdir) for paper in papers]
    index = out_dir / "index.html"
    index.write_text(_page(found, scale, out_dir), encoding="utf-8")
    what, may, may_not = sections.conclusions(scale)
    lines = [
        f"# Results at scale `{scale}`",
        what,
        f"- What may be concluded: {may}\n- What may not: {may_not}",
    ]
    lines += [_markdown(answers) for answers in found]
    (out_dir / "report.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return index


def _answers(paper: recipe.Paper, scale: str, workdir: str | pathlib.Path) -> Answers:
    runs = measured.distinct(measured.runs_of(paper, scale, workdir))
    for name, run in measured.find(workdir, paper.name, scale).items():
        if name not in paper.at(scale).recipes:  # a run with overrides
            runs[name] = run
    return Answers(
        paper=paper,
        scale=scale,
        runs=runs,
        cells=comparison.compare(paper, scale, workdir),
        results=claims.check_claims(paper, scale, workdir),
        findings=diagnostics.diagnose(
            runs, paper.at(scale).recipes, paper.at(scale).evaluations
        ),
    )


def _page(found: Sequence[Answers], scale: str, out_dir: pathlib.Path) -> str:
    counts = sections.counts(
        [cell for answers in found for cell in answers.cells],
        [result for answers in found for result in answers.results],
        sum(len(answers.findings) for answers in found),
        scale=scale,
    )
    parts = [
        sections.first_screen(scale, counts),
        sections.navigation({a.paper.name: a.paper.title for a in found}),
        '<main id="main">',
        *(_paper(answers, out_dir, alone=len(found) == 1) for answers in found),
        "</main>",
        "<footer>Every measured number here was read from a record of a run; every "
        "reported one from a list that names its source.</footer>",
    ]
    return page.document(f"Results at scale {scale}", "\n".join(parts))


def _paper(answers: Answers, out_dir: pathlib.Path, *, alone: bool) -> str:
    paper = answers.paper
    counts = sections.counts(
        answers.cells, answers.results, len(answers.findings), scale=answers.scale
    )
    parts = [
        f'<section id="{page.escape(paper.name)}">',
        f"<h2>{page.escape(paper.title)}</h2>",
        "" if alone else counts,  # the first screen has said it
        sections.claims(answers.results, answers.scale),
        *(_table(answers, table, out_dir) for table in paper.tables),
        sections.findings(answers.findings, len(answers.runs)),
        _training(answers, out_dir),
        sections.provenance(answers.runs),
        sections.commands(paper.name, answers.scale, answers.runs.values()),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _table(answers: Answers, table: recipe.Table, out_dir: pathlib.Path) -> str:
    cells, scale = answers.table(table.name), answers.scale
    if not cells:
        return ""
    stem = out_dir / f"{answers.paper.name}-{table.name}"
    title = sections.heading(table.title, scale)
    beside = "Measured beside reported" if scale == "paper" else "Measured"
    numbers = [
        sections.table(table, cells),
        sections.legend(cells),
        sections.tolerances(cells),
    ]
    figures = []
    if table.plot not in ("epsilon", "width"):  # lines show the same of many columns
        drawn = canvas.save(lambda: plots.reported_and_measured(cells, scale), stem)
        figures.append(page.figure(drawn, f"{beside}: {table.title}"))
    if table.plot == TRADEOFF:
        points = stem.with_name(f"{stem.name}-{table.plot}")
        drawn = canvas.save(lambda: tradeoff.against_clean(cells, scale), points)
        caption = "Accuracy under attack against accuracy on clean images"
        figures.append(page.figure(drawn, f"{caption}: {table.title}"))
    elif table.plot != "bars":
        what = ABSCISSAE[table.plot]
        label = METRICS[cells[0].metric].label.partition(",")[0].capitalize()
        line = stem.with_name(f"{stem.name}-{table.plot}")
        by_row = table.plot in BY_ROW
        drawn = canvas.save(
            lambda: plots.against_number(cells, scale, what, by_row=by_row), line
        )
        figures.append(page.figure(drawn, f"{label} against {what}: {table.title}"))
    if len(cells) > MANY_CELLS and any(figures):
        body = page.details(f"All {len(cells)} cells", "\n".join(numbers))
        return "\n".join([title, *figures, body])
    return "\n".join([title, *numbers, *figures])


def _training(answers: Answers, out_dir: pathlib.Path) -> str:
    runs, stem = answers.runs, out_dir / answers.paper.name
    curves = canvas.save(
        lambda: plots.training_curves(runs), stem.with_name(f"{stem.name}-training")
    )
    probes = canvas.save(
        lambda: plots.probe_curves(runs), stem.with_name(f"{stem.name}-probe")
    )
    body = [
        page.figure(curves, "Loss and accuracy on training minibatches."),
        page.figure(
            probes,
            "Accuracy on a fixed slice of training images, clean and under attack.",
        ),
    ]
    for name, run in runs.items():
        path = run.path / "examples.npz"
        if path.exists():
            body.append(_examples(answers, name, path, out_dir))
    body = [part for part in body if part]
    return "\n".join(["<h3>Training and images</h3>", *body]) if body else ""


def _examples(
    answers: Answers, name: str, path: pathlib.Path, out_dir: pathlib.Path
) -> str:
    arrays = files.load_arrays(
        path,
        "clean",
        "adversarial",
        "labels",
        "predictions_clean",
        "predictions_adversarial",
    )
    drawn = canvas.save(
        lambda: plots.examples(arrays),
        out_dir / f"{answers.paper.name}-examples-{name}",
    )
    caption = (
        f"{name}: test images, the perturbation magnified around grey, and the "
        "adversarial images, with the predicted class."
    )
    return page.details(f"Images: {name}", page.figure(drawn, caption))


def _markdown(answers: Answers) -> str:
    paper = answers.paper
    parts = [f"## {paper.title}", "### Claims"]
    parts.append(markdown.claim_lines(answers.results, answers.scale))
    for table in paper.tables:
        cells = answers.table(table.name)
        if cells:
            parts += [f"### {table.title}", markdown.table_lines(table, cells)]
            parts.append(markdown.legend(answers.scale))
    parts.append("### Warnings")
    parts += [f"- {f.kind}, {f.recipe}: {f.message}" for f in answers.findings] or [
        "None."
    ]
    return "\n\n".join(parts)
