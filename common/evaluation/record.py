"""The record of one evaluation: counts, what was run, and every example's outcome."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from common import files, intervals
from common import recipe as recipes
from common.attacks import adapted
from common.evaluation import alarms, attackable

DOUBTFUL = "Doubtful accuracy"  # how such a warning begins
NEVER = np.iinfo(np.int64).max  # for a chunk that did not come


@dataclasses.dataclass(frozen=True)
class Counted:
    """What is counted of images that survive or do not.

    Attributes:
      survived: bool [total], in the order of the dataset.
    """

    survived: np.ndarray

    @property
    def correct(self) -> int:
        """Images that are classified correctly."""
        return int(self.survived.sum())

    @property
    def total(self) -> int:
        """Images evaluated."""
        return len(self.survived)

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy, in percent."""
        return intervals.wilson(self.correct, self.total)


@dataclasses.dataclass(frozen=True)
class Part:
    """What one attack of several has found, and what that took.

    Attributes:
      attack: as JSON values, or None for the images before all attacks.
      right: images that are classified correctly after it.
      broken: images that it has broken, all of which the earlier ones had left.
      gradients: images that went through a forward and a backward pass.
      forwards: images that went through a forward pass alone.
      unfinished: share of the restarts which left an image right that still got
        further at their end; None where that is not known.
    """

    attack: Any
    right: int
    broken: int
    gradients: int
    forwards: int
    unfinished: float | None = None

    def __str__(self) -> str:
        """Returns a line for people."""
        fields = dict(self.attack or {"type": "clean"})
        name = fields.pop("type")
        said = ", ".join(f"{key}={value}" for key, value in fields.items())
        return (
            f"{self.right} right after {name}({said}), {self.broken} broken by it; "
            f"{self.gradients} passes with a gradient and {self.forwards} without"
        ).replace("()", "")


@dataclasses.dataclass(frozen=True)
class Record(Counted):
    """How many examples a network classifies correctly, at every judgement.

    Attributes:
      attack: the attack as JSON values, or None for clean images.
      seed: of the attack.
      passes: images that went through a forward and a backward pass of the attack.
      forwards: images that went through a forward pass alone, judgements included.
      seconds: that the evaluation took, with what it had to compile.
      notes: further entries of the JSON file, such as recipe and versions.
      top5: bool [total]: the label is among the five largest logits; None where the
        network has no more than five classes, and where examples are judged again.
      hit: bool [total]: classified as the attack's target at some judgement; None where
        the attack says none.
      tally: of the evaluation, for `beginning`.
      no_gradient: bool [total]: right at every judgement, and without a gradient to
        leave by. None for clean images. See `common.evaluation.attackable`.
      labels: integers [total], and `num_classes`, K: what clean accuracy is judged by,
        where they are known.
      parts: what each part of an attack of several has found, in their order.
      unfinished: as of a part, of all of them.
      broken_by: int8 [total]: the place of the part that broke the image, or -1; None
        where the attack has one part.
      adv_images: float32 [total, H, W, C]: what broke each image, and the image itself
        where nothing did; None unless the evaluation kept them.
      progress: the file of the evaluation's progress, which `save` removes.
    """

    attack: Any = None
    seed: int = 0
    passes: int = 0
    forwards: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    top5: np.ndarray | None = None
    hit: np.ndarray | None = None
    tally: Any = None
    no_gradient: np.ndarray | None = None
    labels: np.ndarray | None = None
    num_classes: int = 0
    parts: tuple[Part, ...] = ()
    unfinished: float | None = None
    broken_by: np.ndarray | None = None
    adv_images: np.ndarray | None = None
    progress: Any = None

    @property
    def success(self) -> float | None:
        """Percent of all examples classified as the attack's target; None as `hit`."""
        return None if self.hit is None else 100.0 * int(self.hit.sum()) / self.total

    @property
    def success_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the success, in percent; None as `hit`."""
        if self.hit is None:
            return None
        return intervals.wilson(int(self.hit.sum()), self.total)

    @property
    def warnings(self) -> list[str]:
        """What to know before the accuracy is believed, a line each."""
        clean: Any = self.survived
        told: list[str] = []
        if self.no_gradient is not None:
            told += attackable.without_gradient(int(self.no_gradient.sum()), self.total)
        if self.parts:
            clean = self.broken_by != 0
            told += alarms.of_parts(self.parts, self.total)
        elif self.attack:
            told += alarms.of_end(self.attack.get("type"), self.unfinished)
        for attack in [part.attack for part in self.parts] or [self.attack]:
            told += [line for line in alarms.of_reach(attack) if line not in told]
        if self.labels is not None and (self.parts or self.attack is None):
            told += attackable.near_chance(clean, self.labels, self.num_classes)
        return told

    def beginning(self, attack: Any) -> Record:
        """Returns the record of an attack whose steps are the first of this one's.

        It counts what that attack finds alone. Its passes are those of its steps in
        this evaluation; the seconds are this evaluation's.

        Args:
          attack: of the same `beginning` as this record's, and with fewer steps.

        Raises:
          ValueError: the record was not made by an evaluation, or of another attack.
        """
        if self.tally is None:
            raise ValueError(
                "Only an evaluation knows the chunks of its attack. "
                f"Received: tally=None for attack={self.attack}"
            )
        ours, theirs = self.tally.attack, adapted.adapted(attack)
        is_longer = ours.rounds.chunks >= theirs.rounds.chunks
        if ours.beginning != theirs.beginning or not is_longer:
            raise ValueError(
                "An attack begins like another if they differ in the number of steps "
                f"alone. Received: {recipes.to_dict(attack)} for {self.attack}"
            )
        found = self.tally.record(
            attack,
            seed=self.seed,
            seconds=self.seconds,
            notes=dict(self.notes),
            labels=self.labels,
        )
        return dataclasses.replace(found, adv_images=None)  # they are of later steps

    def save(self, path: pathlib.Path) -> None:
        """Writes `path` (JSON) and the outcomes beside it (`.npz`), JSON last.

        Then the file of the evaluation's progress is of no use, and removed.
        """
        arrays: dict[str, Any] = {"survived": self.survived}
        counts = {"correct": self.correct, "total": self.total}
        if self.top5 is not None:
            arrays["top5"] = self.top5
            counts["top5"] = int(self.top5.sum())
        if self.no_gradient is not None:
            counts["no_gradient"] = int(self.no_gradient.sum())
            if counts["no_gradient"]:
                arrays["no_gradient"] = self.no_gradient
        rates: dict[str, Any] = {
            "accuracy": self.accuracy,
            "interval": list(self.interval),
        }
        if self.broken_by is not None:
            arrays["broken_by"] = self.broken_by
        if self.adv_images is not None:
            arrays["adv_images"] = self.adv_images
        if self.hit is not None:
            arrays["hit"] = self.hit
            counts["hit"] = int(self.hit.sum())
            rates["success"] = self.success
            rates["success_interval"] = self.success_interval
        parts = list(map(dataclasses.asdict, self.parts))
        content = {
            **self.notes,
            "attack": self.attack,
            "seed": self.seed,
            **counts,
            **rates,
            "passes": self.passes,
            "forwards": self.forwards,
            **({"parts": parts} if parts else {}),
            "seconds": self.seconds,
            **({"warnings": self.warnings} if self.warnings else {}),
        }
        write(path, content, arrays)
        if self.progress:
            self.progress.remove()


class Outcome(NamedTuple):
    """What the chunks of an attack have found about one example.

    Attributes:
      lost: the first chunk of a restart that ended with a wrong class; NEVER if none.
      hit: likewise, with the attack's target.
      top5: whether the label was among the five largest logits after the first chunk.
      part: of the attack, the last that was judged.
    """

    lost: int = NEVER
    hit: int = NEVER
    top5: bool = False
    part: int = 0

    def after(self, chunk: int, top1: bool, top5: bool, hit: bool) -> Outcome:
        """Returns what is known after one more chunk, of that number."""
        return Outcome(
            min(self.lost, NEVER if top1 else chunk),
            min(self.hit, chunk if hit else NEVER),
            top5 if chunk == 1 else self.top5,
            self.part,
        )


UNKNOWN = Outcome()


def write(
    path: str | pathlib.Path, content: dict[str, Any], arrays: dict[str, Any]
) -> None:
    """Writes arrays to `.npz` and then content to `path`; each is whole or not there.

    Args:
      path: of the JSON file, `NAME.json`; its folder is made.
      content: JSON values.
      arrays: NumPy arrays by name.

    Raises:
      ValueError: another name, from which that of the arrays would not follow.
    """
    path, text = pathlib.Path(path), json.dumps(content, indent=2) + "\n"
    if path.suffix != ".json":
        raise ValueError(f"The file of a record is NAME.json. Received: path={path}")
    with files.whole(path.with_suffix(".npz")) as file:
        np.savez_compressed(file, **arrays)
    files.write_text(path, text)


def said(record: Any) -> Any:
    """Returns a record, and warns the caller of its evaluation of what is doubtful.

    Args:
      record: of `evaluate` or `transfer`.
    """
    for doubt in record.warnings:
        warnings.warn(f"{DOUBTFUL}: {doubt}", stacklevel=3)
    return record


def told(record: Any, value: recipes.Evaluation) -> str:
    """Returns what a record says, in a line, and a line for each of its warnings.

    Args:
      record: of `evaluate` or `transfer`.
      value: the evaluation that it is of.
    """
    doubts = (f"warning: {line}" for line in record.warnings)
    return "\n".join([*map(str, record.parts), _result(record, value), *doubts])


def _result(record: Any, value: recipes.Evaluation) -> str:
    low, high = record.interval
    of = f"right at {value.target}" if value.target else "right"
    result = f"{record.accuracy:.2f} % of {record.total} {of} [{low:.2f}, {high:.2f}]"
    if value.target or record.success is None:
        return result
    low, high = record.success_interval
    return f"{result}, {record.success:.2f} % as the target [{low:.2f}, {high:.2f}]"


def begin_alike(known: Mapping[str, recipes.Evaluation]) -> list[list[str]]:
    """Returns the names of evaluations that one run answers, the longest first."""
    groups: dict[Any, list[str]] = {}
    for key, value in known.items():
        beginning = value.attack and adapted.adapted(value.attack).beginning
        shared = dataclasses.replace(value, attack=beginning, only=())
        groups.setdefault(key if value.target else shared, []).append(key)
    return [
        sorted(keys, key=lambda key: -adapted.adapted(known[key].attack).rounds.chunks)
        for keys in groups.values()
    ]
