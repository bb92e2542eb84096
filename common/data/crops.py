"""Crops of photographs: JPEG bytes in, float32 pixels in [0, 255] out.

`random_resized_crop` and `central_crop` are torchvision's `RandomResizedCrop` and
`Resize` + `CenterCrop`, which the Free paper's ImageNet code uses. Both resize
bilinearly with antialiasing, as they do on images of PIL. Differs: values stay float32,
torchvision rounds to integers.

`distorted_crop` and `central_fraction` are those of Inception's public code, which has
no antialiasing. Differs: no ground-truth boxes, which TFDS lacks, so that the object is
the whole image; a draw per example instead of the number of a reader's thread; pixels
are sampled at their centres, as TensorFlow 2 does, not at their corners.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from common.data import colour

_ATTEMPTS = 10  # as torchvision: then the largest central crop of allowed aspect
_AREA = (0.08, 1.0)  # share of the image
_ASPECT = (3 / 4, 4 / 3)  # width / height
NUM_DRAWS = 4 * _ATTEMPTS + 1  # random numbers per training crop

# One of four reader threads had an image in its hands, and its number chose both how
# the crop was resized and, odd or even, the order of the colour operations.
_THREADS = ("bilinear", "nearest", "bicubic", "area")
_CENTRE = 0.875  # share of the height and of the width
NUM_DISTORTED_DRAWS = 4 + colour.NUM_DRAWS  # random numbers per distorted crop


def random_resized_crop(encoded: Any, draws: Any, image_size: int) -> Any:
    """Returns a crop of random area, aspect and place, perhaps flipped.

    Args:
      encoded: string scalar, a JPEG (or a PNG, as one file of ImageNet is).
      draws: float32 [NUM_DRAWS] in [0, 1).
      image_size: side of the result, in pixels.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    crop = _decoded_crop(encoded, functools.partial(crop_window, draws=draws[1:]))
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


def distorted_crop(encoded: Any, draws: Any, image_size: int) -> Any:
    """Returns a crop of random area, aspect, place and colours, perhaps flipped.

    Args:
      encoded: string scalar, a JPEG or PNG.
      draws: float32 [NUM_DISTORTED_DRAWS] in [0, 1).
      image_size: side of the result, in pixels.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    window = functools.partial(distorted_window, draws=draws[:2])
    crop = tf.cast(_decoded_crop(encoded, window), tf.float32)
    thread = tf.cast(draws[3] * len(_THREADS), tf.int32)
    shape = [image_size, image_size]
    resized = tf.switch_case(
        thread,
        [
            functools.partial(tf.image.resize, crop, shape, method=method)
            for method in _THREADS
        ],
    )
    flipped = tf.where(draws[2] < 0.5, tf.reverse(resized, [1]), resized)
    return colour.distorted(flipped, draws[4:], contrast_first=thread % 2 == 1)


def central_fraction(encoded: Any, image_size: int) -> Any:
    """Returns the central 87.5% of height and of width, resized to a square.

    Args:
      encoded: string scalar, a JPEG or PNG.
      image_size: side of the result, in pixels; the aspect is not kept.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    centre = tf.image.central_crop(_decoded(encoded), _CENTRE)
    return tf.image.resize(centre, [image_size, image_size])


def distorted_window(shape: Any, draws: Any) -> Any:
    """Returns a window of aspect 0.75 to 1.33 with at least a tenth of the image.

    The area is asked to be 5% to 100% of the image and the window to cover at least
    10% of the object. The object is the whole image, so that areas below 10% never
    pass. After 100 attempts that do not fit, the window is the whole image.

    Args:
      shape: int32 [2], height and width of the image.
      draws: float32 [2] in [0, 1): the seed of the attempts.

    Returns:
      int32 [4]: top, left, height, width.
    """
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.concat([shape, [3]], axis=0),
        bounding_boxes=[[[0.0, 0.0, 1.0, 1.0]]],
        seed=tf.cast(draws * 2**23, tf.int32),  # all the bits that a draw has
        min_object_covered=0.1,
        aspect_ratio_range=(0.75, 1.33),
        area_range=(0.05, 1.0),
        max_attempts=100,
    )
    return tf.concat([begin[:2], size[:2]], axis=0)


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


def _decoded_crop(encoded: Any, window: Callable[[Any], Any]) -> Any:
    # The header gives the size, so that only the crop is decoded.
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.image.decode_and_crop_jpeg(
            encoded,
            window(tf.image.extract_jpeg_shape(encoded)[:2]),
            channels=3,
            dct_method="INTEGER_ACCURATE",
        ),
        lambda: _cut(_decoded(encoded), window),
    )


def _cut(image: Any, window: Callable[[Any], Any]) -> Any:
    top, left, height, width = tf.unstack(window(tf.shape(image)[:2]))
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
