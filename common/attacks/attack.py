"""The contract of every attack.

An attack is a frozen dataclass: its fields are what a record has of it, and its `repr`
names it. Called as `attack(logits_fn, images, labels, seed=0)`, it checks what it is
given and returns `crafted` images. What it climbs is `ascended`, so that an evaluation
can ask whether there is a gradient to climb along.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any

from common.attacks import checks


@dataclasses.dataclass(frozen=True)
class Attack(abc.ABC):
    """Images within a radius of others, made to be misclassified."""

    def __post_init__(self) -> None:
        checks.settle(self)
        self._check()

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns float32 [B, H, W, C] in [0, 255], within epsilon of the images.

        Args:
          logits_fn: images -> logits [B, K]; states the batch norm mode and branch.
          images: float32 [B, H, W, C] in [0, 255].
          labels: integers [B] or [B, 1]; of no use where the network decides on the
            class.
          seed: int, or int64 [B]: the same seed gives the same images, whatever the
            batch split. Of use where something is drawn.

        Raises:
          ValueError: images, labels or logits are not what they should be.
          GradientError: no gradient leads from the logits to the images.
        """
        images = checks.checked_images(images)
        labels = checks.checked_labels(labels, images)
        checks.check_seed(seed)
        for field in dataclasses.fields(self):
            checks.check_per_image(field.name, getattr(self, field.name), images)
        asked = checks.answering(logits_fn, labels)
        return self.crafted(asked, images, labels, seed=seed)

    @abc.abstractmethod
    def crafted(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Any:
        """Returns what the call returns; its arguments are tensors and checked."""

    def ascended(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Callable[[Any], Any] | None:
        """Returns adversarial images -> the scalar that the attack climbs.

        Arguments as for `crafted`. None where it needs no gradient.
        """
        return None

    @abc.abstractmethod
    def _check(self) -> None:
        """Raises a ValueError for fields out of range, when the attack is built."""
