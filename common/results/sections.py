"""The parts of the HTML report, each from records to a piece of HTML."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common import recipe
from common.results import measured, page, reported, text, times
from common.results.claims import ClaimResult
from common.results.comparison import CLAIMS_ONLY, NOT_RUN, ComparedCell
from common.results.diagnostics import Finding
from common.results.metrics import METRICS

SCALES = {
    "paper": (
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
        "Whether a reported number is right: data and network are others. Reported "
        "numbers stand here as context and are not compared.",
    ),
}
SHOWN_FINDINGS = 8  # the rest opens on demand
OTHER_SCALE = (
    "Another setup than the papers'.",
    "Which of the papers' claims show in it.",
    "Whether a reported number is right: numbers are compared at scale paper only.",
)


def conclusions(scale: str) -> tuple[str, str, str]:
    """Returns what a scale is, what may be concluded from it, and what may not."""
    return SCALES.get(scale, OTHER_SCALE)


def first_screen(scale: str, counts: str) -> str:
    """Returns what this report is, and what may be concluded from it.

    Args:
      scale: of every run in the report.
      counts: HTML, as the function of that name gives it.
    """
    what, may, may_not = conclusions(scale)
    return f"""<header>
<p class="kicker">Adversarial training, scale <b>{page.escape(scale)}</b></p>
<h1>{page.escape(what)}</h1>
<div class="notes">
<div class="note"><h2>What may be concluded</h2><p>{page.escape(may)}</p></div>
<div class="note"><h2>What may not</h2><p>{page.escape(may_not)}</p></div>
</div>
{counts}
</header>"""


def counts(
    cells: Iterable[ComparedCell],
    results: Sequence[ClaimResult],
    findings: int,
    *,
    scale: str,
) -> str:
    """Returns how many cells and claims got each verdict, and how many warnings.

    Claims that are not expected to show at the scale are counted by themselves.
    """
    # Minutes, ratios and cells without a reported number have no verdict.
    judged = [c for c in cells if METRICS[c.metric].judged and c.reported is not None]
    verdicts = collections.Counter(
        "measured" if cell.verdict == CLAIMS_ONLY else cell.verdict for cell in judged
    )
    expected, others = (
        collections.Counter(
            r.verdict for r in results if (scale in r.claim.expected_at) == is_expected
        )
        for is_expected in (True, False)
    )
    warned = page.chip("warning", str(findings)) if findings else page.chip("none")
    return (
        page.counts("Cells", verdicts)
        + page.counts("Claims expected here", expected)
        + (page.counts("Other claims", others) if others else "")
        + page.row("Warnings", [warned])
    )


def navigation(names: Mapping[str, str]) -> str:
    """Returns links to the sections: id to title."""
    links = [
        f'<li><a href="#{page.escape(key)}">{page.escape(title)}</a></li>'
        for key, title in names.items()
    ]
    return f'<nav aria-label="Papers"><ul>{"".join(links)}</ul></nav>'


def heading(title: str, scale: str) -> str:
    """Returns the title of a table, and that another scale borrows only its form."""
    note = (
        ""
        if scale == "paper"
        else '<p class="legend">Title, rows and columns are the paper\'s. Measured at '
        f"scale {page.escape(scale)}, with another network or other data.</p>"
    )
    return f"<h3>{page.escape(title)}</h3>{note}"


def table(of: recipe.Table, cells: Sequence[ComparedCell]) -> str:
    """Returns one table: measured, reported and verdict in every cell."""
    rows, columns = text.headings(of, cells)
    found = {(cell.row, cell.column): _cell(cell) for cell in cells}
    if len(columns) > 8 and len(columns) > len(rows):  # the longer side runs down
        rows, columns = columns, rows
        found = {(column, row): cell for (row, column), cell in found.items()}
    lines = [(row, [found.get((row, c), "") for c in columns]) for row in rows]
    return page.table(of.title, ["", *columns], lines)


def legend(cells: Sequence[ComparedCell]) -> str:
    """Returns the meaning of the marks that these cells use, and their sources."""
    used = {cell.confidence for cell in cells if cell.confidence}
    marks = [
        f"{_mark(key)} {page.escape(words)}"
        for key, words in reported.CONFIDENCES.items()
        if key in used and text.MARKS[key]
    ]
    sources = dict.fromkeys(cell.source for cell in cells if cell.source)
    parts = ["Brackets: 95 % interval and number of images."]
    if marks:
        parts.append(f"Reported numbers: {'; '.join(marks)}.")
    if sources:
        parts.append(f"Sources: {page.escape('; '.join(sources))}.")
    return f'<p class="legend">{" ".join(parts)}</p>'


def tolerances(cells: Sequence[ComparedCell]) -> str:
    """Returns what the tolerance of every judged cell is made of."""
    judged = [cell for cell in cells if cell.tolerance is not None]
    if not judged:
        return ""
    rows = [
        (
            f"{cell.row}, {cell.column}",
            [f"{cell.tolerance:.2f} points", page.escape(cell.tolerance_parts)],
        )
        for cell in judged
    ]
    head = ["cell", "tolerance", "made of"]
    return page.details("Tolerances", page.table("Tolerances", head, rows))


def claims(results: Sequence[ClaimResult], scale: str) -> str:
    """Returns the answers to the claims, each with its numbers."""
    if not results:
        return ""
    items = []
    for result in results:
        claim = result.claim
        note = (
            ""
            if scale in claim.expected_at
            else '<span class="soft"> not expected to show at this scale</span>'
        )
        notes = [claim.note] if claim.note else []
        lines = "".join(
            f"<li>{page.escape(line)}</li>" for line in (*result.details, *notes)
        )
        items.append(
            f"<li>{page.chip(result.verdict)}{note}<p>{page.escape(claim.statement)} "
            f'<span class="soft">({page.escape(claim.source)})</span></p>'
            f"<ul>{lines}</ul></li>"
        )
    return (
        '<h3>Claims</h3><p class="soft">Each margin was fixed beforehand. Intervals '
        "are 95 %, paired over the images: they speak about these networks, not about "
        f'another seed.</p><ul class="claims">{"".join(items)}</ul>'
    )


def findings(found: Sequence[Finding], num_runs: int) -> str:
    """Returns the warnings, or a line that there are none."""
    if not found:
        return (
            f'<h3>Warnings</h3><p class="soft">None in the records of {num_runs} runs: '
            "no alarm in training, and where the evaluations could show it, no sign of "
            "label leaking, gradient masking or catastrophic overfitting.</p>"
        )
    items = [
        f"<li>{page.chip('warning', item.kind)} <b>{page.escape(item.recipe)}</b>: "
        f"{page.escape(item.message)}</li>"
        for item in found
    ]
    shown, rest = (
        f'<ul class="findings">{"".join(part)}</ul>' if part else ""
        for part in (items[:SHOWN_FINDINGS], items[SHOWN_FINDINGS:])
    )
    more = f"{len(items) - SHOWN_FINDINGS} more warnings"
    return f"<h3>Warnings</h3>{shown}{page.details(more, rest) if rest else ''}"


def provenance(runs: Mapping[str, measured.Run]) -> str:
    """Returns training time beside natural training, and what made each run."""
    if not runs:
        return ""
    makings = {name: _making(run) for name, run in runs.items()}
    distinct = set(makings.values())
    shared = distinct.pop() if len(distinct) == 1 else ""  # said once, below
    head = ["recipe", "training", "x natural", "updates", "parameters"]
    head += [] if shared else ["made with"]
    rows = [
        (name, [*_numbers(run, runs), *([] if shared else [makings[name]])])
        for name, run in runs.items()
    ]
    note = f'<p class="legend">All made with: {shared}</p>' if shared else ""
    return "<h3>Runs</h3>" + page.table("Training time and size", head, rows) + note


def commands(paper: str, scale: str, runs: Iterable[measured.Run]) -> str:
    """Returns the commands that repeat the runs and the comparison."""
    lines = []
    for run in runs:
        settings = [f"--set {item}" for item in run.manifest.get("overrides") or ()]
        if run.manifest.get("precision"):
            settings.append(f"--precision={run.manifest['precision']}")
        common = " ".join([f"--scale={scale}", *settings])
        lines.append(f"python -m {paper} train {run.name} {common}")
        lines.append(f"python -m {paper} evaluate {run.name} {common}")
    lines.append(f"python -m {paper} claims --scale={scale}")
    return page.details("Commands", f"<pre>{page.escape(chr(10).join(lines))}</pre>")


def _cell(cell: ComparedCell) -> str:
    if cell.verdict == NOT_RUN:
        parts = [page.chip(NOT_RUN)]
    else:
        parts = [f'<span class="num">{text.measured(cell)}</span>']
        if cell.interval is not None:
            parts.append(f"<small>{text.interval(cell)}</small>")
    if cell.reported is not None:
        number = text.reported(cell, marked=False)
        parts.append(
            f'<span class="ref">paper {number} {_mark(cell.confidence)}</span>'
        )
    if cell.tolerance is not None:
        words = f"{cell.verdict}, \N{PLUS-MINUS SIGN}{cell.tolerance:.1f}"
        parts.append(page.chip(cell.verdict, words))
    elif cell.verdict not in (NOT_RUN, CLAIMS_ONLY):
        parts.append(f"<small>{page.escape(cell.verdict)}</small>")
    return "".join(parts)


def _mark(confidence: str) -> str:
    mark, words = text.MARKS[confidence], reported.CONFIDENCES[confidence]
    if not mark:
        return ""
    kind = "unverified" if confidence == "unverified" else "mark"
    return (
        f'<span class="{kind}" title="{page.escape(words)}">{page.escape(mark)}</span>'
    )


def _numbers(run: measured.Run, runs: Mapping[str, measured.Run]) -> list[str]:
    minutes, ratio = run.training_minutes, times.ratio(run, runs)
    return [
        "not finished" if minutes is None else f"{minutes:.2f} min",
        "" if ratio is None else f"{ratio:.2f}",
        _count((run.manifest.get("recipe") or {}).get("num_steps")),
        _count(run.manifest.get("num_parameters")),
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
    return page.escape("; ".join(part for part in parts if part))


def _count(value: Any) -> str:
    return f"{value:,}".replace(",", "&#8201;") if isinstance(value, int) else ""
