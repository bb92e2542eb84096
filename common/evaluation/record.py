"""The record of one evaluation: counts, what was run, and every example's outcome."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from common.results import intervals


@dataclasses.dataclass(frozen=True)
class Record:
    """How many examples of a test set a network classifies correctly.

    Attributes:
      survived: bool [total], in the order of the dataset: correct in every restart.
      attack: the attack as JSON values, or None for clean images.
      seed: of the attack.
      passes: images that went through a forward and a backward pass of the attack.
      seconds: that the evaluation took, with what it had to compile.
      notes: further entries of the JSON file, such as recipe and versions.
      top5: bool [total]: the label is among the five largest logits; None where the
        network has no more than five classes, and under restarts.
    """

    survived: np.ndarray
    attack: Any = None
    seed: int = 0
    passes: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)
    top5: np.ndarray | None = None

    @property
    def correct(self) -> int:
        """Examples classified correctly under every restart."""
        return int(self.survived.sum())

    @property
    def total(self) -> int:
        """Examples evaluated."""
        return len(self.survived)

    @property
    def accuracy(self) -> float:
        """Percent."""
        return 100.0 * self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy, in percent."""
        return intervals.wilson(self.correct, self.total)

    def save(self, path: pathlib.Path) -> None:
        """Writes `path` (JSON) and the outcomes beside it (`.npz`), JSON last."""
        arrays: dict[str, Any] = {"survived": self.survived}
        counts = {"correct": self.correct, "total": self.total}
        if self.top5 is not None:
            arrays["top5"] = self.top5
            counts["top5"] = int(self.top5.sum())
        content = {
            **self.notes,
            "attack": self.attack,
            "seed": self.seed,
            **counts,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "passes": self.passes,
            "seconds": self.seconds,
        }
        write(path, content, arrays)


def write(path: pathlib.Path, content: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Writes arrays to `.npz` and then content to `path`, which is whole or not there.

    Args:
      path: of the JSON file; its folder is made.
      content: JSON values.
      arrays: NumPy arrays by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), **arrays)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, path)
