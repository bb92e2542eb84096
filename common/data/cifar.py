"""CIFAR-10 and CIFAR-100 through TFDS, held in memory; crops and flips."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from common.data import shifts, tfds_files


@dataclasses.dataclass(frozen=True)
class _CIFAR(tfds_files.Prepared):
    """What the two have in common: 32x32 photographs in published order.

    Training images are padded with zeros (black), cropped at random to their size and
    flipped left to right with probability 1/2. Test images are left alone.

    Attributes:
      padding: pixels on each side before the crop.
    """

    # The Free paper's code pads to 36x36, as Madry et al. 2018 do: 2 on each side.
    padding: int = 2

    image_size: ClassVar[int] = 32
    channels: ClassVar[int] = 3
    num_train: ClassVar[int] = 50_000
    num_test: ClassVar[int] = 10_000

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ValueError(
                f"padding must not be negative. Received: padding={self.padding}"
            )

    def augment(self, images: Any, draw: Callable[[int], Any]) -> Any:
        """Returns the padded images [b, 32, 32, 3], cropped and flipped."""
        return shifts.shifted(images, draw(shifts.NUM_DRAWS), padding=self.padding)


@dataclasses.dataclass(frozen=True)
class CIFAR10(_CIFAR):
    """CIFAR-10, ten classes (Krizhevsky 2009), TFDS `cifar10`."""

    name: ClassVar[str] = "cifar10"
    num_classes: ClassVar[int] = 10


@dataclasses.dataclass(frozen=True)
class CIFAR100(_CIFAR):
    """CIFAR-100, a hundred fine classes (Krizhevsky 2009), TFDS `cifar100`."""

    name: ClassVar[str] = "cifar100"
    num_classes: ClassVar[int] = 100
