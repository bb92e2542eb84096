"""What an attack remembers of its iterates, so that each of them counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from common.attacks import attack
from common.lazy import ops


class Memory(NamedTuple):
    """The last iterate of each image that fools the network.

    Attributes:
      found: float32 [B, H, W, C]; read where `fooled`.
      fooled: bool [B], whether there was one.
    """

    found: Any
    fooled: Any

    def after(self, images: Any, labels: Any, logits: Any) -> Memory:
        """Returns what is remembered once the network was asked for more iterates.

        Args:
          images: float32 [B, H, W, C], the iterates.
          labels: int32 [B].
          logits: float [B, K] of the iterates.
        """
        fools = attack.is_fooled(labels, logits)
        found = attack.select(fools, images, self.found)
        return Memory(found, self.fooled | fools)

    def or_else(self, images: Any) -> Any:
        """Returns the images that fool the network, and `images` where none does."""
        return attack.select(self.fooled, self.found, images)


def begin(images: Any) -> Memory:
    """Returns what is remembered before the network is asked."""
    return Memory(images, ops.zeros_like(images[:, 0, 0, 0], "bool"))


def blank(images: Any) -> Memory:
    """Returns arrays of the form of a memory of these images."""
    return Memory(images, np.zeros(len(images), bool))
