"""Keeps the tables of README files equal to the records they are made from.

A block stands between `<!-- generated: PAPER SCALE WHAT -->` and `<!-- end -->`, where
WHAT is `table NAME`, `claims` or `times`. `refresh` writes every block of a file anew.
"""

from __future__ import annotations

import pathlib
import re
import shutil
from collections.abc import Iterable

from common import recipe
from common.results import markdown, measured, packages, sections

_MARKER = re.compile(r"<!-- generated: (.*?) -->")
_KEPT = ("recipe.json", "metrics.jsonl", "examples.npz", "evaluations/*")


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
    kinds = {"table": _table, "claims": _claims, "times": _times}
    return recipe.lookup(kinds, what, "generated block")(paper, scale, workdir, *rest)


def keep(
    paper: recipe.Paper, scale: str, workdir: pathlib.Path, records: pathlib.Path
) -> None:
    """Copies the records of finished recipes, without weights, to `records`."""
    runs = measured.find(workdir, paper.name, scale)
    for name in paper.recipes_at(scale):
        if name not in runs:
            continue
        source = runs[name].path
        for file in (f for pattern in _KEPT for f in sorted(source.glob(pattern))):
            target = records / paper.name / scale / name / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def readmes(root: pathlib.Path, papers: Iterable[str]) -> list[pathlib.Path]:
    """Returns the README files that hold generated blocks."""
    return [root / "README.md", *(root / paper / "README.md" for paper in papers)]


def _table(paper: str, scale: str, workdir: pathlib.Path, table: str) -> str:
    return markdown.markdown_table(paper, scale, workdir, table)


def _claims(paper: str, scale: str, workdir: pathlib.Path) -> str:
    return markdown.markdown_claims(paper, scale, workdir)


def _times(paper: str, scale: str, workdir: pathlib.Path) -> str:
    """Training time of each recipe, and its ratio to natural training."""
    runs = measured.find(workdir, paper, scale)
    order = [r for r in packages.find(paper).recipes_at(scale) if r in runs]
    lines = ["| recipe | updates | minutes | of natural |", "| --- | --- | --- | --- |"]
    for name in order:
        run = runs[name]
        ratio = sections.time_ratio(run, runs)
        steps = run.manifest["recipe"]["num_steps"]
        minutes = run.training_minutes
        shown = "not finished" if minutes is None else f"{minutes:.2f}"
        times = "" if ratio is None else f"{ratio:.2f}"
        lines.append(f"| {name} | {steps:,} | {shown} | {times} |")
    hardware = ", ".join(dict.fromkeys(runs[r].manifest["hardware"] for r in order))
    return (
        "\n".join(lines)
        + f"\n\nOn {hardware or 'no machine yet'}: the 10th percentile of the seconds "
        "per update, times the updates, so that other work on the machine does not "
        f"count. Made by `python -m {paper} train RECIPE --scale={scale}`."
    )
