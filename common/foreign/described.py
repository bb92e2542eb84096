"""What a dataset of anybody's says of itself, wherever its images lie."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.data import shifts


@dataclasses.dataclass(frozen=True)
class Described:
    """The fields of a dataset of anybody's, which its record has.

    Attributes:
      name: in records.
      num_classes: labels are below it.
      image_shape: height, width and channels.
      num_train: training images.
      num_test: test images.
      split: how the two were told apart, see `splits`.
      fingerprint: SHA-256 that tells these images from others.
      classes: names of the classes; empty where nothing says them.
      padding: pixels on each side, before a random crop of the images' size.
      flips: whether half of the training images are flipped left to right.
    """

    name: str = ""
    num_classes: int = 0
    image_shape: tuple[int, int, int] = (0, 0, 0)
    num_train: int = 0
    num_test: int = 0
    split: str = ""
    fingerprint: str = ""
    classes: tuple[str, ...] = ()
    padding: int = 0
    flips: bool = False

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ValueError(
                "padding must not be negative; 0 is for no crops. "
                f"Received: padding={self.padding}"
            )

    @property
    def image_size(self) -> int:
        """The longer side of the images, in pixels."""
        return max(self.image_shape[:2])

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return self.image_shape[2]

    def shifted(self, images: Any, draws: Any) -> Any:
        """Returns images [b, H, W, C] with the crops and flips that are asked for.

        Args:
          images: of any type.
          draws: float32 [b, shifts.NUM_DRAWS] in [0, 1).
        """
        return shifts.shifted(images, draws, padding=self.padding, flips=self.flips)
