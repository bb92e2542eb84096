"""The handwritten digits that ship inside scikit-learn: nothing to download."""

from __future__ import annotations

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from common.data import memory


@dataclasses.dataclass(frozen=True)
class Digits(memory.InMemory):
    """The 1,797 images of `sklearn.datasets.load_digits`, 8x8 in 17 grey levels.

    The first 1,297 are the training set and the last 500 the test set. The levels 0
    to 16 are spread over [0, 255]. No augmentation.
    """

    name: ClassVar[str] = "digits"
    num_classes: ClassVar[int] = 10
    image_size: ClassVar[int] = 8
    channels: ClassVar[int] = 1
    num_train: ClassVar[int] = 1_297
    num_test: ClassVar[int] = 500

    def arrays(self, split: str, data_dir: str | None) -> memory.Arrays:
        """Returns images float32 [n, 8, 8, 1] and labels; `data_dir` is not used."""
        images, labels = _digits()
        first, stop = (
            (0, self.num_train) if split == "train" else (self.num_train, None)
        )
        return images[first:stop], labels[first:stop]


@functools.cache
def _digits() -> memory.Arrays:
    from sklearn import datasets  # slow to import; only this dataset needs it

    found = datasets.load_digits()
    images = (found.images[..., np.newaxis] * (255 / 16)).astype(np.float32)
    return images, found.target.astype(np.int32)
