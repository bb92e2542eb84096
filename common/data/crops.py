"""Crops of photographs: JPEG bytes in, float32 pixels in [0, 255] out.

The two protocols are torchvision's `RandomResizedCrop` and `Resize` + `CenterCrop`,
which the Free paper's ImageNet code uses. Both resize bilinearly with antialiasing, as
they do on images of PIL. Differs: values stay float32, torchvision rounds to integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_ATTEMPTS = 10  # as torchvision: then the largest central crop of allowed aspect
_AREA = (0.08, 1.0)  # share of the image
_ASPECT = (3 / 4, 4 / 3)  # width / height
NUM_DRAWS = 4 * _ATTEMPTS + 1  # random numbers per training crop


def random_resized_crop(encoded: Any, draws: Any, image_size: int) -> Any:
    """Returns a crop of random area, aspect and place, perhaps flipped.

    Args:
      encoded: string scalar, a JPEG (or a PNG, as one file of ImageNet is).
      draws: float32 [NUM_DRAWS] in [0, 1).
      image_size: side of the result, in pixels.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    # The header gives the size, so that only the crop is decoded.
    crop = tf.cond(
        _is_jpeg(encoded),
        lambda: tf.image.decode_and_crop_jpeg(
            encoded,
            crop_window(tf.image.extract_jpeg_shape(encoded)[:2], draws[1:]),
            channels=3,
            dct_method="INTEGER_ACCURATE",
        ),
        lambda: _cut(_decoded(encoded), draws[1:]),
    )
    resized = _resized(crop, [image_size, image_size])
    return tf.where(draws[0] < 0.5, tf.reverse(resized, [1]), resized)


def central_crop(encoded: Any, resize: int, image_size: int) -> Any:
    """Returns the centre of the image after its shorter side became `resize`.

    Args:
      encoded: string scalar, a JPEG or PNG.
      resize: the shorter side before the crop, in pixels.
      image_size: side of the result, in pixels; at most `resize`.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    image = _decoded(encoded)
    shape = tf.shape(image)[:2]
    # Integer division, as torchvision: the longer side is rounded down.
    resized = _resized(image, shape * resize // tf.reduce_min(shape))
    margins = tf.shape(resized)[:2] - image_size
    # Half to even, as Python's round in torchvision.
    top, left = tf.unstack(tf.cast(tf.round(margins / 2), tf.int32))
    crop = resized[top : top + image_size, left : left + image_size]
    return tf.ensure_shape(crop, [image_size, image_size, 3])


def crop_window(shape: Any, draws: Any) -> Any:
    """Returns the first of ten random windows that fits in the image.

    Args:
      shape: int32 [2], height and width of the image.
      draws: float32 [4 * 10] in [0, 1): areas, aspects, tops, lefts.

    Returns:
      int32 [4]: top, left, height, width.
    """
    height, width = tf.unstack(tf.cast(shape, tf.float32))
    areas, aspects, tops, lefts = tf.unstack(tf.reshape(draws, [4, _ATTEMPTS]))
    areas = (_AREA[0] + areas * (_AREA[1] - _AREA[0])) * height * width
    low, high = np.log(_ASPECT)
    aspects = tf.exp(low + aspects * (high - low))
    heights, widths = (
        tf.round(tf.sqrt(areas / aspects)),
        tf.round(tf.sqrt(areas * aspects)),
    )
    fits = (heights >= 1) & (widths >= 1) & (heights <= height) & (widths <= width)
    windows = [
        tf.floor(tops * (height - heights + 1)),
        tf.floor(lefts * (width - widths + 1)),
        heights,
        widths,
    ]
    first = tf.stack(windows, axis=1)[tf.argmax(fits)]
    window = tf.where(tf.reduce_any(fits), first, _largest_window(height, width))
    return tf.cast(window, tf.int32)


def _largest_window(height: Any, width: Any) -> Any:
    crop_height = tf.minimum(height, tf.round(width / _ASPECT[0]))
    crop_width = tf.minimum(width, tf.round(height * _ASPECT[1]))
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    return tf.stack([top, left, crop_height, crop_width])


def _cut(image: Any, draws: Any) -> Any:
    top, left, height, width = tf.unstack(crop_window(tf.shape(image)[:2], draws))
    return image[top : top + height, left : left + width]


def _decoded(encoded: Any) -> Any:
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, 3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_png(encoded, 3),
    )


def _is_jpeg(encoded: Any) -> Any:
    return tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"


def _resized(image: Any, shape: Any) -> Any:
    resized = tf.image.resize(image, shape, method="bilinear", antialias=True)
    return tf.clip_by_value(resized, 0.0, 255.0)  # the weights' sum is 1 + 1e-7
