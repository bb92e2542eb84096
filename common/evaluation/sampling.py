"""Which images of a test set are evaluated when not all are."""

from __future__ import annotations

import numpy as np

from common.data import order


def sample(num_test: int, num_images: int, seed: int) -> np.ndarray:
    """Returns positions in a test set, drawn without replacement.

    The same seed draws the same positions; fewer of them are a subset of more.

    Args:
      num_test: size of the test set.
      num_images: how many to draw.
      seed: of the draw.

    Returns:
      int64 [num_images], in ascending order.

    Raises:
      ValueError: unless 1 <= num_images <= num_test.
    """
    if not 1 <= num_images <= num_test:
        raise ValueError(
            "num_images must be at least 1 and at most the size of the test set, "
            f"{num_test}. Received: num_images={num_images}"
        )
    return np.sort(order.permutation(num_test, seed=seed)[:num_images])
