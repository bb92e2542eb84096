"""Crops of photographs: JPEG bytes in, float32 pixels in [0, 255] out.

`random_resized_crop` and `central_crop` are torchvision's `RandomResizedCrop` and
`Resize` + `CenterCrop`, which the Free paper's ImageNet code uses. Both resize
bilinearly with antialiasing, as they do on images of PIL. Differs: values stay float32,
torchvision rounds to integers.

`distorted_crop` and `central_fraction` are those of Inception's public code, which has
no antialiasing. Differs: no ground-truth boxes, which TFDS lacks, so that the object is
the whole image; a draw per example instead of the number of a reader's thread; pixels
are sampled at their centres, as TensorFlow 2 does, not at their corners; values that
the bicubic resizing brought out of range are clipped before the colours change.

`object_crop`, `central_square` and `central_share` are those of Google's image loader
for TPUs; adversarial logit pairing makes its ImageNet 64x64 of full-size photographs
with the first two. Differs: no ground-truth boxes, and pixels at their centres, as
above; values that the bicubic resizing brought out of range are clipped; aspects end at
1.33 for all, and the image of which no window fits is taken whole.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from common.data import bicubic, colour, decoding
from common.data.lazy import tf

_ATTEMPTS = 10  # as torchvision: then the largest central crop of allowed aspect
_AREA = (0.08, 1.0)  # share of the image
_ASPECT = (3 / 4, 4 / 3)  # width / height
NUM_DRAWS = 4 * _ATTEMPTS + 1  # random numbers per training crop

# One of four reader threads had an image in its hands, and its number chose both how
# the crop was resized and, odd or even, the order of the colour operations.
# The bicubic resizing of TensorFlow 1 has the cubic of OpenCV, TensorFlow 2 another.
_THREADS = ("bilinear", "nearest", "bicubic", "area")
_CENTRE = 0.875  # share of the height and of the width
NUM_DISTORTED_DRAWS = 4 + colour.NUM_DRAWS  # random numbers per distorted crop
NUM_OBJECT_DRAWS = 3  # random numbers per crop of an object


def random_resized_crop(encoded: Any, draws: Any, image_size: int) -> Any:
    """Returns a crop of random area, aspect and place, perhaps flipped.

    Args:
      encoded: string scalar, a JPEG (or a PNG, as one file of ImageNet is).
      draws: float32 [NUM_DRAWS] in [0, 1).
      image_size: side of the result, in pixels.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    window = crop_window(decoding.shape(encoded), draws[1:])
    resized = _resized(decoding.crop(encoded, window), [image_size, image_size])
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
    return centre(decoding.image(encoded), resize, image_size)


def centre(image: Any, resize: int, image_size: int) -> Any:
    """Returns what `central_crop` does, of an image [H, W, 3]."""
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
    window = distorted_window(decoding.shape(encoded), draws[:2])
    crop = tf.cast(decoding.crop(encoded, window), tf.float32)
    thread = tf.cast(draws[3] * len(_THREADS), tf.int32)
    shape = [image_size, image_size]
    resized = tf.switch_case(
        thread,
        [
            functools.partial(_by_thread, crop, shape, method=method)
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
    centre = tf.image.central_crop(decoding.image(encoded), _CENTRE)
    return tf.image.resize(centre, [image_size, image_size])


def object_crop(encoded: Any, draws: Any, image_size: int) -> Any:
    """Returns a crop of random area, aspect and place, perhaps flipped.

    Args:
      encoded: string scalar, a JPEG or PNG.
      draws: float32 [NUM_OBJECT_DRAWS] in [0, 1).
      image_size: side of the result, in pixels.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    shape = decoding.shape(encoded)
    window = distorted_window(shape, draws[:2], smallest=0.08, attempts=10)
    resized = _squared(decoding.crop(encoded, window), image_size)
    return tf.where(draws[2] < 0.5, tf.reverse(resized, [1]), resized)


def central_square(encoded: Any, image_size: int, share: float = _CENTRE) -> Any:
    """Returns the central square of a share of the shorter side, resized.

    Args:
      encoded: string scalar, a JPEG or PNG.
      image_size: side of the result, in pixels.
      share: of the shorter side, in (0, 1].

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    shape = decoding.shape(encoded)
    side = tf.cast(share * tf.cast(tf.reduce_min(shape), tf.float32), tf.int32)
    window = tf.concat([(shape - side + 1) // 2, [side, side]], axis=0)
    return _squared(decoding.crop(encoded, window), image_size)


def central_share(encoded: Any, resize: int, image_size: int) -> Any:
    """Returns what `central_crop` shows, cut out first and resized once.

    Args:
      encoded: string scalar, a JPEG or PNG.
      resize: the shorter side that the crop would be cut from, in pixels.
      image_size: side of the result, in pixels; at most `resize`.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    return central_square(encoded, image_size, share=image_size / resize)


def distorted_window(
    shape: Any, draws: Any, *, smallest: float = 0.05, attempts: int = 100
) -> Any:
    """Returns a window of aspect 0.75 to 1.33 with at least a tenth of the image.

    The area is asked to be from `smallest` to 100% of the image and the window to cover
    at least 10% of the object. The object is the whole image, so that areas below 10%
    never pass. After `attempts` that do not fit, the window is the whole image.

    Args:
      shape: int32 [2], height and width of the image.
      draws: float32 [2] in [0, 1): the seed of the attempts.
      smallest: share of the image.
      attempts: how many.

    Returns:
      int32 [4]: top, left, height, width.
    """
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.concat([shape, [3]], axis=0),
        bounding_boxes=[[[0.0, 0.0, 1.0, 1.0]]],
        seed=tf.cast(draws * 2**23, tf.int32),  # all the bits that a draw has
        min_object_covered=0.1,
        aspect_ratio_range=(0.75, 1.33),
        area_range=(smallest, 1.0),
        max_attempts=attempts,
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


def _by_thread(image: Any, shape: Any, method: str) -> Any:
    if method == "bicubic":
        return tf.ensure_shape(bicubic.resized(image, shape), [*shape, 3])
    return tf.image.resize(image, shape, method=method)


def _squared(image: Any, image_size: int) -> Any:
    resized = bicubic.resized(image, [image_size, image_size])
    return tf.ensure_shape(resized, [image_size, image_size, 3])


def _resized(image: Any, shape: Any) -> Any:
    resized = tf.image.resize(image, shape, method="bilinear", antialias=True)
    return tf.clip_by_value(resized, 0.0, 255.0)  # the weights' sum is 1 + 1e-7
