"""Which images of a minibatch are treated otherwise than the rest."""

from __future__ import annotations

import numpy as np


def evenly(count: int, chosen: int, of: int) -> np.ndarray:
    """Chooses positions in a minibatch, spread evenly.

    They are the same however the minibatch is split over replicas, as long as every
    replica's part has a whole number of them. Since minibatches are in random order,
    they are as good as drawn.

    Args:
      count: images.
      chosen: how many of every `of`, on average.
      of: see `chosen`.

    Returns:
      bool [count].
    """
    position = np.arange(count)
    return (position + 1) * chosen // of > position * chosen // of
