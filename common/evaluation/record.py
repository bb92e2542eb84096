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
      seconds: that the evaluation took, compilation included.
      notes: further entries of the JSON file, such as recipe and versions.
    """

    survived: np.ndarray
    attack: Any = None
    seed: int = 0
    passes: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)

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
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path.with_suffix(".npz"), survived=self.survived)
        content = {
            **self.notes,
            "attack": self.attack,
            "seed": self.seed,
            "correct": self.correct,
            "total": self.total,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "passes": self.passes,
            "seconds": self.seconds,
        }
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)
