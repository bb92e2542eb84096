"""Training on clean images alone, the baseline of every paper."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.training.method import Method


@dataclasses.dataclass(frozen=True)
class NaturalTraining(Method):
    """Training on clean images alone.

    Attributes:
      label_smoothing: share of the label that is spread over all classes.
    """

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self.check_smoothing(self.label_smoothing)

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """One descent of the mean loss."""
        images, labels = batch
        metrics = self.descend(
            images, labels, seed, label_smoothing=self.label_smoothing
        )
        return metrics, state
