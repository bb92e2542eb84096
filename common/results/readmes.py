"""Keeps the generated blocks of README files equal to the records they are made from.

A README marks where generated text goes, so that nobody types a measured number:

    <!-- generated: PAPER SCALE WHAT -->
    <!-- end -->

WHAT is `table NAME`, `claims [NAME ...]`, `times`, or `autoattack EVALUATION ...`,
whose section is empty without a record of AutoAttack. In place of a scale, `study` has
`errors` and `transfers`. `overview` and `summary` take several papers, joined by
commas.
"""

from __future__ import annotations

import itertools
import pathlib
import re
import shutil
from collections.abc import Iterable

from common import files, recipe
from common.names import lookup
from common.results import (
    cells,
    measured,
    overstated,
    overview,
    packages,
    pages,
    studies,
    summary,
)
from common.results.answers import Results

_MARKER = re.compile(r"<!-- generated: (.*?) -->")
_STUDIED = {"errors": "errors.md", "transfers": "transfers.md"}  # kind -> template
_MADE = ("recipe.json", "metrics.jsonl")
_KEPT = (*_MADE, "examples.npz")


class Blocks:
    """The generated blocks, made of one reading of the records of a folder."""

    def __init__(self, workdir: pathlib.Path) -> None:
        self._workdir = workdir
        self._results: dict[tuple[str, str], Results] = {}

    def refresh(self, path: pathlib.Path) -> bool:
        """Writes the generated blocks of a Markdown file anew.

        Returns:
          True if the file changed.

        Raises:
          ValueError: a block names something unknown, or has no end.
        """
        old = new = path.read_text(encoding="utf-8")
        for name in _MARKER.findall(old):
            new = replaced(new, name, self.text(name), path)
        if new != old:
            files.write_text(path, new)
        return new != old

    def text(self, name: str) -> str:
        """Returns the text of a block.

        Args:
          name: such as `free_at small table cifar10` or `free_at small claims`.

        Raises:
          ValueError: unknown paper, scale, kind or table, or a broken record.
        """
        paper, scale, what, *rest = name.split()
        if scale == studies.STUDY:
            template = lookup(_STUDIED, what, "generated block")
            return pages.render(template, study=studies.Study(self._workdir, paper))
        papers = [self._of(name, scale) for name in paper.split(",")]
        if what == "overview":
            full = [self._of(found.at.name, cells.FULL) for found in papers]
            return overview.markdown(zip(papers, full, strict=True))
        if what == "summary":
            screen = summary.screen(papers)
            return pages.render("summary.md", screen=screen, scale=scale)
        kinds = {
            "table": _table,
            "claims": _claims,
            "times": _times,
            "autoattack": _autoattack,
        }
        make = lookup(kinds, what, "generated block")
        return make(self._of(paper, scale), *rest)

    def _of(self, name: str, scale: str) -> Results:
        key = (name, scale)
        if key not in self._results:
            self._results[key] = Results(packages.find(name).at(scale), self._workdir)
        return self._results[key]


def replaced(old: str, name: str, block: str, path: pathlib.Path) -> str:
    """Returns a Markdown text with one generated block replaced.

    Args:
      old: the text.
      name: of the block, as in `<!-- generated: NAME -->`.
      block: the new text; ends with the command that made it.
      path: of the file, for messages.

    Raises:
      ValueError: the text does not have exactly one such block.
    """
    start, end = f"<!-- generated: {name} -->", "<!-- end -->"
    # The block may not run past the start of another one, or an end marker that was
    # lost would cost the text in between.
    pattern = re.compile(
        rf"{re.escape(start)}\n((?!<!-- generated:).)*?{re.escape(end)}", re.DOTALL
    )
    new, count = pattern.subn(lambda _: f"{start}\n{block}\n{end}", old)
    if count != 1:
        raise ValueError(
            f"{path}: expected one block from {start} to {end}. Received: {count}"
        )
    return new


def keep(results: Results, records: pathlib.Path) -> None:
    """Copies the records of trained recipes, without weights, to `records`.

    What is there of another training of a recipe is removed.
    """
    for name, run in results.distinct.items():
        source = run.path
        folder = records / results.at.name / results.at.scale / name
        if folder == source:
            continue
        if folder.exists() and not _is_of_one_network(run, folder):
            is_training = not run.manifest.get("weights")
            was_training = not measured.Run(folder).manifest.get("weights")
            if run.training_minutes is None and (is_training or was_training):
                continue  # not finished yet, or a released file beside a training
            shutil.rmtree(folder)
        made = [source / "evaluations" / f"{name}.json" for name in run.evaluations]
        whole = [path.with_suffix(".npz") for path in made] + made  # as they are saved
        for file in filter(pathlib.Path.exists, [*map(source.joinpath, _KEPT), *whole]):
            target = folder / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _is_of_one_network(run: measured.Run, folder: pathlib.Path) -> bool:
    """Whether a folder has records of the same training, or the same released file."""
    if run.manifest.get("weights"):
        return measured.Run(folder).manifest.get("weights") == run.manifest["weights"]
    one, other = (
        [file.read_bytes() for file in map(home.joinpath, _MADE) if file.is_file()]
        for home in (run.path, folder)
    )
    return one == other


def paths(root: pathlib.Path, papers: Iterable[str]) -> list[pathlib.Path]:
    """Returns the README files with generated blocks; an installed copy has none."""
    folders = (root, *(root / paper for paper in papers))
    return [path for folder in folders if (path := folder / "README.md").exists()]


def _table(results: Results, name: str) -> str:
    table: recipe.Table = results.at.paper.table(name)
    return pages.render("table.md", results=results, table=table)


def _claims(results: Results, *names: str) -> str:
    """The answers to the claims of these names; to all if there are none."""
    known = {result.claim.name: result for result in results.claims}
    chosen = [lookup(known, name, f"claim of {results.at.name}") for name in names]
    found = chosen or results.claims
    return pages.render("claims.md", results=results, found=found)


def _times(results: Results) -> str:
    """Training time of each run, and its ratio to natural training if there is one."""
    columns = ["recipe", "updates", "minutes", "of natural", "machine"]
    lines = [
        [
            name,
            f"{run.manifest['recipe']['num_steps']:,}",
            _minutes(run),
            "" if (ratio := results.time_ratio(run)) is None else f"{ratio:.2f}",
            run.manifest["hardware"],
        ]
        for name, run in results.distinct.items()
    ]
    of_natural, machines = ({line[place] for line in lines} for place in (3, 4))
    kept = [True, True, True, any(of_natural), len(machines) > 1]
    return pages.render(
        "times.md",
        results=results,
        lines=[list(itertools.compress(line, kept)) for line in (columns, *lines)],
        hardware=" and ".join(sorted(machines)),
    )


def _autoattack(results: Results, *names: str) -> str:
    """Accuracy under AutoAttack beside that under the paper's own attacks."""
    return pages.render(
        "autoattack.md",
        lines=overstated.lines(results, names),
        names=names,
        at=results.at,
        evaluation=results.at.evaluations[overstated.AUTOATTACK],
    )


def _minutes(run: measured.Run) -> str:
    minutes = run.training_minutes
    return run.unfinished if minutes is None else f"{minutes:.2f}"
