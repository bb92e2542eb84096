"""Random crops of padded images, and flips, on the engine that has the images."""

from __future__ import annotations

from typing import Any

from common.lazy import ops

NUM_DRAWS = 3  # random numbers per image


def shifted(images: Any, draws: Any, *, padding: int, flips: bool = True) -> Any:
    """Returns images, padded with zeros (black), cropped to their size, and flipped.

    Args:
      images: [b, H, W, C], of any type.
      draws: float32 [b, NUM_DRAWS] in [0, 1): rows, columns and flips.
      padding: pixels on each side before the crop.
      flips: whether an image is flipped left to right with probability 1/2.

    Returns:
      [b, H, W, C], of the type of the images.
    """
    p, (count, height, width, channels) = padding, ops.shape(images)
    offsets = ops.cast(draws[:, :2] * (2 * p + 1), "int32")
    rows = offsets[:, :1] + ops.arange(height, dtype="int32")
    pixels = ops.arange(width, dtype="int32")
    if flips:
        pixels = ops.where(draws[:, 2:] < 0.5, width - 1 - pixels, pixels)
    columns = offsets[:, 1:] + pixels
    padded = ops.pad(images, [[0, 0], [p, p], [p, p], [0, 0]])
    # One list of the pixels of all images, of which each takes its own.
    first = ops.arange(count, dtype="int32")[:, None, None]
    first = first * ((height + 2 * p) * (width + 2 * p))
    wanted = first + rows[:, :, None] * (width + 2 * p) + columns[:, None, :]
    return ops.take(ops.reshape(padded, (-1, channels)), wanted, axis=0)
