"""Keeps the tables of README files equal to the records they are made from.

A block stands between `<!-- generated: PAPER SCALE WHAT -->` and `<!-- end -->`, where
WHAT is `table NAME`, `claims`, `times` or `engines RECIPE`. In place of a scale,
`study` has `errors` and `transfers`. `overview` takes several papers, joined by commas.
`refresh` writes every block of a file anew.
"""

from __future__ import annotations

import pathlib
import re
import shutil
from collections.abc import Iterable

from common import recipe
from common.foreign import tables
from common.names import lookup
from common.results import engines, markdown, measured, overview, packages, times

_MARKER = re.compile(r"<!-- generated: (.*?) -->")
_KEPT = ("recipe.json", "metrics.jsonl", "examples.npz")


def refresh(path: pathlib.Path, workdir: pathlib.Path) -> bool:
    """Writes the generated blocks of a Markdown file anew.

    Args:
      path: the file.
      workdir: folder of the records.

    Returns:
      True if the file changed.

    Raises:
      ValueError: a block names something unknown, or has no end.
    """
    names = _MARKER.findall(path.read_text(encoding="utf-8"))
    changed = [
        markdown.update_generated(path, name, block(name, workdir)) for name in names
    ]
    return any(changed)


def block(name: str, workdir: pathlib.Path) -> str:
    """Returns the text of a block.

    Args:
      name: such as `free_at small table cifar10` or `free_at small claims`.
      workdir: folder of the records.
    """
    paper, scale, what, *rest = name.split()
    if what == "overview":
        return overview.markdown(paper.split(","), scale, workdir)
    if scale == tables.STUDY:
        made = {"errors": tables.errors, "transfers": tables.transfers}
        return lookup(made, what, "generated block")(paper, workdir)
    kinds = {
        "table": _table,
        "claims": _claims,
        "times": _times,
        "engines": engines.markdown,
    }
    return lookup(kinds, what, "generated block")(paper, scale, workdir, *rest)


def keep(
    paper: recipe.Paper, scale: str, workdir: pathlib.Path, records: pathlib.Path
) -> None:
    """Copies the records of trained recipes, without weights, to `records`.

    Those of JAX have a folder of their own there.
    """
    runs = measured.distinct(measured.runs_of(paper, scale, workdir))
    for name, run in runs.items():
        source, engine = run.path, run.manifest.get("backend", "")
        home = records / engines.JAX if engine == engines.JAX else records
        folder = home / paper.name / scale / name
        if folder == source:
            continue
        whole = [source / "evaluations" / f"{name}.json" for name in run.evaluations]
        whole += [path.with_suffix(".npz") for path in whole]
        for file in filter(pathlib.Path.exists, [*map(source.joinpath, _KEPT), *whole]):
            target = folder / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def readmes(root: pathlib.Path, papers: Iterable[str]) -> list[pathlib.Path]:
    """Returns the README files that hold generated blocks."""
    return [root / "README.md", *(root / paper / "README.md" for paper in papers)]


def _table(paper: str, scale: str, workdir: pathlib.Path, table: str) -> str:
    return markdown.markdown_table(paper, scale, workdir, table)


def _claims(paper: str, scale: str, workdir: pathlib.Path) -> str:
    return markdown.markdown_claims(paper, scale, workdir)


def _times(name: str, scale: str, workdir: pathlib.Path) -> str:
    """Training time of each run, and its ratio to natural training if there is one."""
    paper = packages.find(name)
    runs = measured.distinct(measured.runs_of(paper, scale, workdir))
    ratios = {name: times.ratio(run, runs) for name, run in runs.items()}
    any_ratio = any(ratio is not None for ratio in ratios.values())
    head = ["recipe", "updates", "minutes", *(["of natural"] if any_ratio else [])]
    lines = [head, ["---"] * len(head)]
    for name, run in runs.items():
        steps, minutes = run.manifest["recipe"]["num_steps"], run.training_minutes
        shown = "not finished" if minutes is None else f"{minutes:.2f}"
        ratio = "" if ratios[name] is None else f"{ratios[name]:.2f}"
        lines.append([name, f"{steps:,}", shown, *([ratio] if any_ratio else [])])
    hardware = ", ".join(dict.fromkeys(r.manifest["hardware"] for r in runs.values()))
    return (
        "\n".join(f"| {' | '.join(line)} |" for line in lines)
        + f"\n\nOn {hardware or 'no machine yet'}: the 10th percentile of the seconds "
        "per update, times the updates, so that other work on the machine does not "
        f"count. Made by `python -m {paper.name} train RECIPE --scale={scale}`."
    )
