"""MNIST through TFDS, held in memory; no augmentation."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from common.data import tfds_files


@dataclasses.dataclass(frozen=True)
class MNIST(tfds_files.Prepared):
    """Handwritten digits, ten classes, 28x28 in grey (LeCun 1998), TFDS `mnist`.

    TFDS does not keep the order of the published files, so the images stand in its own.
    """

    name: ClassVar[str] = "mnist"
    num_classes: ClassVar[int] = 10
    image_size: ClassVar[int] = 28
    channels: ClassVar[int] = 1
    num_train: ClassVar[int] = 60_000
    num_test: ClassVar[int] = 10_000
