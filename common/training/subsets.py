"""Chooses the images of a minibatch that are treated in another way than the rest."""

from __future__ import annotations

import numpy as np


def evenly(count: int, chosen: int, of: int) -> np.ndarray:
    """Chooses positions in a minibatch, spread evenly.

    The same images are chosen however the minibatch is split over replicas, as long as
    every replica's part has a whole number of chosen ones. Minibatches are in random
    order, so this is as good as a random choice.

    Args:
      count: images of the minibatch.
      chosen: how many images are chosen of every `of` images, on average.
      of: the number of images among which `chosen` are chosen.

    Returns:
      bool [count], True where an image is chosen.
    """
    position = np.arange(count)
    return (position + 1) * chosen // of > position * chosen // of
