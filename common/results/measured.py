"""What the suite itself measured: the records of a work folder, read only.

A run lives in `WORKDIR/PAPER/SCALE/RECIPE/`: `recipe.json`, `metrics.jsonl` and, per
evaluation, `evaluations/NAME.json` with the counts and `NAME.npz` with the outcome of
every image. `find` lists the runs; a `Run` reads a file when it is first asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.results import intervals


@dataclasses.dataclass(frozen=True)
class Measured:
    """The record of one evaluation.

    Attributes:
      name: of the evaluation.
      correct: images classified correctly under the attack.
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
        return _read_json(self.path / "recipe.json")

    @functools.cached_property
    def metrics(self) -> tuple[dict[str, Any], ...]:
        """Lines of `metrics.jsonl`; empty before training starts."""
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return ()
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(
            _parse(line, f"{path}:{number}")
            for number, line in enumerate(lines, start=1)
            if line.strip()
        )

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Names of the evaluations on record."""
        return tuple(sorted(p.stem for p in self.path.glob("evaluations/*.json")))

    def evaluation(self, name: str) -> Measured | None:
        """Returns the record of an evaluation, or None if it was not run.

        Raises:
          ValueError: the file is broken or its counts are impossible.
        """
        path = self.path / "evaluations" / f"{name}.json"
        if not path.exists():
            return None
        record = _read_json(path)
        correct, total = record.get("correct"), record.get("total")
        if not (type(correct) is type(total) is int and 0 <= correct <= total > 0):
            raise ValueError(
                f"{path}: expected counts with 0 <= correct <= total. "
                f"Received: correct={correct}, total={total}"
            )
        return Measured(
            name, correct, total, record.get("attack") or {}, record.get("step"), record
        )

    def survived(self, name: str) -> np.ndarray:
        """Returns the outcomes of an evaluation: bool [total] in test-set order.

        Raises:
          ValueError: the file is missing, broken, or disagrees with the counts.
        """
        path = self.path / "evaluations" / f"{name}.npz"
        measured = self.evaluation(name)
        survived = load_arrays(path, "survived")["survived"].astype(bool)
        counts = (int(survived.sum()), len(survived))
        if measured is None or counts != (measured.correct, measured.total):
            raise ValueError(
                f"{path}: outcomes must agree with the record. Received: "
                f"{counts[0]} of {counts[1]}, record={measured}"
            )
        return survived

    @property
    def training_minutes(self) -> float | None:
        """Minutes that the training took, or None before its end."""
        ends = self.lines("end")
        return float(ends[-1]["training_minutes"]) if ends else None

    @property
    def alarms(self) -> tuple[dict[str, Any], ...]:
        """Alarm lines: `step` and `message`."""
        return self.lines("alarm")

    def lines(self, kind: str) -> tuple[dict[str, Any], ...]:
        """Returns the lines of a kind by step.

        A resumed training writes the steps since its last checkpoint again; the later
        line stands. Alarms are all kept.
        """
        lines = [line for line in self.metrics if line.get("kind") == kind]
        if kind == "alarm":
            return tuple(lines)
        latest = {line["step"]: line for line in lines}
        return tuple(latest[step] for step in sorted(latest))


def find(workdir: str | pathlib.Path, paper: str, scale: str) -> dict[str, Run]:
    """Returns the runs of a paper at a scale by recipe name, empty if none."""
    folder = pathlib.Path(workdir) / paper / scale
    return {
        path.parent.name: Run(path.parent)
        for path in sorted(folder.glob("*/recipe.json"))
    }


def load_arrays(path: pathlib.Path, *names: str) -> dict[str, np.ndarray]:
    """Returns named arrays of an `.npz` file.

    Raises:
      ValueError: the file is missing or broken, or lacks a name.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read as arrays ({error})") from None
    for name in names:
        if name not in loaded:
            raise ValueError(
                f"{path}: expected an array {name}. Received: {', '.join(loaded)}"
            )
    return loaded


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    return _parse(path.read_text(encoding="utf-8"), str(path))


def _parse(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{place}: broken or half-written JSON ({error}). "
            "Delete it and run the command that writes it again"
        ) from None
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected a JSON object. Received: {text[:40]}")
    return value
