"""All that the records of a work folder say about a paper at a scale."""

from __future__ import annotations

import dataclasses
import functools
import pathlib

from common import recipe
from common.results import cells, claims, diagnostics, measured, sums
from common.results.cells import Tables
from common.results.claims import ClaimResult
from common.results.diagnostics import Finding


@dataclasses.dataclass(frozen=True)
class Results:
    """What was measured, and the answers that it gives.

    A record is read when it is first asked for, and once; each answer is made once.
    Every view takes a `Results`.

    Attributes:
      at: the paper at the scale.
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
    """

    at: recipe.PaperAtScale
    workdir: pathlib.Path

    @functools.cached_property
    def _folders(self) -> dict[str, measured.Run]:
        return measured.find(self.workdir, self.at.name, self.at.scale)

    @functools.cached_property
    def runs(self) -> dict[str, measured.Run]:
        """The runs by recipe name; recipes that are equal have the same run."""
        names = {name: self.at.run_name(name) for name in self.at.recipes}
        return {
            name: self._folders[folder]
            for name, folder in names.items()
            if folder in self._folders
        }

    @functools.cached_property
    def distinct(self) -> dict[str, measured.Run]:
        """The runs of recipes by the name of their folder, each once."""
        return {run.name: run for run in self.runs.values()}

    @functools.cached_property
    def trained(self) -> dict[str, measured.Run]:
        """The runs by the name of their folder, also those with overrides."""
        others = self._folders.keys() - self.at.recipes.keys()
        return self.distinct | {name: self._folders[name] for name in sorted(others)}

    @functools.cached_property
    def cells(self) -> Tables:
        """Tables of the scale by name: every cell beside the reported number."""
        return cells.compare(self.at, self.runs)

    @functools.cached_property
    def claims(self) -> list[ClaimResult]:
        """The answers to all claims of the paper, in their order."""
        at, runs = self.at, self.runs
        return [claims.check(claim, runs, at.scale) for claim in at.paper.claims]

    @functools.cached_property
    def findings(self) -> list[Finding]:
        """What there is to know before trusting the numbers, run by run."""
        return diagnostics.diagnose(self.at, self.trained)

    def against(self, earlier: pathlib.Path) -> Tables:
        """Returns the tables beside those of the records in an earlier work folder."""
        before = Results(self.at, earlier)
        return cells.regress(self.at, self.runs, before.runs)

    def time_ratio(self, run: measured.Run) -> float | None:
        """Returns training minutes over those of natural training of the same network.

        Natural training is of a recipe whose method crafts no images, on the same data,
        for as many updates, with the same seed and on the same machine; the first such
        run counts. Returns None if there is none, or if either has no time.
        """
        for name, natural in self.distinct.items():
            crafts = self.at.recipes[name].method.attack_passes
            is_alike = _work(natural) == _work(run)
            where = {*sums.places(natural), *sums.places(run)}
            if not crafts and is_alike and len(where) == 1:
                minutes, base = run.training_minutes, natural.training_minutes
                return minutes / base if minutes is not None and base else None
        return None


def _work(run: measured.Run) -> list[object]:
    """Returns what decides the time of natural training on one machine.

    The seed does not, but networks of one seed are trained in one row.
    """
    made = run.manifest.get("recipe") or {}
    fields = ("dataset", "network", "batch_size", "num_steps", "seed")
    return [made.get(field) for field in fields]
