"""What the suite itself measured: the records of a work folder, read only.

A run lives in `WORKDIR/PAPER/SCALE/RECIPE/`: `recipe.json`, `metrics.jsonl` and, per
evaluation, `evaluations/NAME.json` with the counts and `NAME.npz` with the outcome of
every image. `find` lists the runs; a `Run` reads a file when it is first asked for, and
once.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from common import files, intervals
from common.data.dataset import Dataset
from common.evaluation import sampling
from common.recipe import PaperAtScale

AUTOATTACK = "autoattack"  # the evaluation, in every paper
QUICK = "autoattack_quick"  # its shortcut, likewise
COUNTS = {  # array of outcomes -> the count of the record that it adds up to
    "survived": "correct",
    "top5": "top5",
    "hit": "hit",
    "fooled": "eligible",
    "survived_top5": "correct_top5",
    "fooled_top5": "eligible_top5",
}


def autoattacks(at: PaperAtScale, version: str = AUTOATTACK) -> tuple[str, ...]:
    """Returns the evaluations by AutoAttack: one for each branch of the networks."""
    known = at.evaluations
    if version not in known:
        return ()
    attack = known[version].attack
    return tuple(name for name, value in known.items() if value.attack == attack)


def quick(at: PaperAtScale, strong: str) -> str | None:
    """Returns the evaluation by AutoAttack's shortcut through the same branch.

    Args:
      at: the paper at a scale.
      strong: the evaluation by AutoAttack.
    """
    known = at.evaluations
    names = autoattacks(at, QUICK)
    return next((x for x in names if known[x].branch == known[strong].branch), None)


@dataclasses.dataclass(frozen=True)
class Measured:
    """The record of one evaluation.

    Attributes:
      name: of the evaluation.
      correct: images classified correctly under the attack; by the target, in a
        transfer evaluation.
      total: images attacked.
      attack: the attack's fields with its `type`; empty for clean images.
      step: updates of the weights at the evaluated checkpoint.
      record: the whole JSON record.
    """

    name: str
    correct: int
    total: int
    attack: Mapping[str, Any]
    step: int | None
    record: Mapping[str, Any] = dataclasses.field(repr=False)

    @property
    def accuracy(self) -> float:
        """Percent correct."""
        return 100 * self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy in percent."""
        return intervals.wilson(self.correct, self.total)

    @property
    def target(self) -> str:
        """Recipe that was shown the adversarial images; empty if the attacked one."""
        return self.record.get("target") or ""

    @property
    def is_beginning(self) -> bool:
        """Whether it was read off the record of a longer attack."""
        return "beginning_of" in self.record

    @property
    def seconds(self) -> float:
        """That it took, of its own."""
        return 0.0 if self.is_beginning else float(self.record.get("seconds", 0.0))

    def same_images(self, other: Measured) -> bool:
        """Whether both saw the same images: all, or those that the same seed drew."""
        drawn = (self.record.get("num_images"), other.record.get("num_images"))
        seeds = (self.record.get("seed"), other.record.get("seed"))
        return self.total == other.total and (not any(drawn) or seeds[0] == seeds[1])


@dataclasses.dataclass(frozen=True)
class Run:
    """One trained network on disk: its recipe, its training and its evaluations."""

    path: pathlib.Path

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.path.name

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """`recipe.json`."""
        return files.read_json(self.path / "recipe.json")

    @functools.cached_property
    def metrics(self) -> tuple[dict[str, Any], ...]:
        """Lines of `metrics.jsonl`; empty before training starts."""
        return tuple(files.json_lines(self.path / "metrics.jsonl"))

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Names of the evaluations on record."""
        return tuple(sorted(p.stem for p in self.path.glob("evaluations/*.json")))

    @property
    def records(self) -> list[Measured]:
        """The records of all evaluations, by name."""
        return [found for name in self.evaluations if (found := self.evaluation(name))]

    @property
    def other_precisions(self) -> list[str]:
        """In which evaluations were computed, where the training was not."""
        found = {record.record.get("precision", "") for record in self.records}
        return sorted(found - {"", self.manifest.get("precision")})

    @property
    def unfinished(self) -> str:
        """Why there are no minutes of training, in words."""
        return "released" if self.manifest.get("weights") else "not finished"

    def evaluation(self, name: str) -> Measured | None:
        """Returns the record of an evaluation, or None if it was not run.

        Raises:
          ValueError: the file is broken or its counts are impossible.
        """
        if name not in self._known:
            path = self.path / "evaluations" / f"{name}.json"
            self._known[name] = _measured(path) if path.exists() else None
        return self._known[name]

    def survived(self, name: str) -> np.ndarray:
        """Returns which images of an evaluation were right; see `outcomes`."""
        return self.outcomes(name, "survived")

    def survived_among(
        self, name: str, other: str, dataset: Dataset
    ) -> np.ndarray | None:
        """Returns who survived an evaluation, of the images that another one saw.

        None where one of both was not run, or the first did not see all of them.

        Args:
          name: of the evaluation.
          other: of the one whose images count.
          dataset: whose test images are seen.
        """
        found = [self.evaluation(each) for each in (name, other)]
        if None in found:
            return None
        seen, wanted = (_positions(each, dataset) for each in found if each)
        if not np.isin(wanted, seen).all():
            return None
        return self.survived(name)[np.searchsorted(seen, wanted)]

    def outcomes(self, name: str, array: str) -> np.ndarray:
        """Returns one outcome of an evaluation: bool [total] in test-set order.

        Args:
          name: of an evaluation on record.
          array: a key of `COUNTS`.

        Raises:
          ValueError: the file is missing, broken, or disagrees with the counts.
        """
        path = self.path / "evaluations" / f"{name}.npz"
        if name not in self._arrays:
            self._arrays[name] = files.load_arrays(path, "survived")
        outcomes = files.named(self._arrays[name], array, path).astype(bool)
        measured = self.evaluation(name)
        record = measured.record if measured else {}
        counts = (int(outcomes.sum()), len(outcomes))
        if counts != (record.get(COUNTS[array]), record.get("total")):
            raise ValueError(
                f"{path}: outcomes must agree with the record. Received: {array} of "
                f"{counts[0]} of {counts[1]}, record={measured}"
            )
        return outcomes

    def numbers(self, name: str, array: str) -> np.ndarray | None:
        """Returns float [total], a number of every image; None if there are none.

        Args:
          name: of an evaluation.
          array: of numbers, such as `loss_share`.

        Raises:
          ValueError: the file is missing or broken, or has another number of images.
        """
        measured = self.evaluation(name)
        if measured is None or array not in measured.record:
            return None
        path = self.path / "evaluations" / f"{name}.npz"
        found = files.load_arrays(path, array)[array]
        if len(found) != measured.total:
            raise ValueError(
                f"{path}: {array} must have a number for each image of the record. "
                f"Received: {len(found)} of {measured.total}"
            )
        return found.astype(float)

    @functools.cached_property
    def _known(self) -> dict[str, Measured | None]:
        return {}

    @functools.cached_property
    def _arrays(self) -> dict[str, dict[str, np.ndarray]]:
        return {}

    @property
    def training_minutes(self) -> float | None:
        """Minutes that the training took, or None before its end."""
        ends = self.lines("end")
        return float(ends[-1]["training_minutes"]) if ends else None

    def lines(self, kind: str) -> tuple[dict[str, Any], ...]:
        """Returns the lines of a kind by step.

        A resumed training writes the steps since its last checkpoint again; the later
        line stands.
        """
        lines = (line for line in self.metrics if line.get("kind") == kind)
        latest = {line["step"]: line for line in lines}
        return tuple(latest[step] for step in sorted(latest))


Runs = Mapping[str, Run]  # by recipe name


def _positions(found: Measured, dataset: Dataset) -> np.ndarray:
    """Returns in ascending order which test images an evaluation saw."""
    if drawn := found.record.get("num_images"):
        return sampling.sample(dataset.num_test, drawn, found.record["seed"])
    return np.arange(found.total)


def find(workdir: str | pathlib.Path, paper: str, scale: str) -> dict[str, Run]:
    """Returns the runs of a paper at a scale by the name of their folder."""
    folder = pathlib.Path(workdir) / paper / scale
    return {
        path.parent.name: Run(path.parent)
        for path in sorted(folder.glob("*/recipe.json"))
    }


def _measured(path: pathlib.Path) -> Measured:
    """Reads the record of an evaluation; all its counts are between 0 and total."""
    record = files.read_json(path)
    names = ("correct", *COUNTS.values(), "transferred", "transferred_top5")
    counts = {name: record[name] for name in names if name in record}
    total = record.get("total")
    if (
        "correct" not in counts
        or type(total) is not int
        or any(type(count) is not int for count in counts.values())
        or not all(0 <= count <= total > 0 for count in counts.values())
    ):
        received = ", ".join(f"{name}={count}" for name, count in counts.items())
        raise ValueError(
            f"{path}: expected counts with 0 <= count <= total. "
            f"Received: {received}, total={total}"
        )
    return Measured(
        path.stem,
        counts["correct"],
        total,
        record.get("attack") or {},
        record.get("step"),
        record,
    )
