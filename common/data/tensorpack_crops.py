"""Crops of photographs as the Feature Denoising code has them from tensorpack.

`jittered_crop` is its training image, `central_crop` its test image. Both resize as
OpenCV does, see `common.data.bicubic`. Differs: values stay float32, the code rounds
them; all places of a window are drawn, as in later versions of tensorpack, of which
earlier ones left out the last.
"""

from __future__ import annotations

from typing import Any

from common.data import bicubic, colour, decoding
from common.data.lazy import tf

_ATTEMPTS = 10
_AREA = (0.08, 1.0)  # share of the image
_ASPECT = (0.75, 1.333)  # drawn uniformly, then turned with probability 1/2
NUM_WINDOW_DRAWS = 3 * _ATTEMPTS + 2  # random numbers per window
NUM_DRAWS = 1 + NUM_WINDOW_DRAWS + colour.NUM_JITTER_DRAWS  # per training crop


def jittered_crop(encoded: Any, draws: Any, image_size: int) -> Any:
    """Returns a crop of random area, aspect, place and colours, perhaps flipped.

    Where no attempt at a window fits, it is the central crop without a margin.

    Args:
      encoded: string scalar, a JPEG or PNG.
      draws: float32 [NUM_DRAWS] in [0, 1).
      image_size: side of the result, in pixels.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].

    Source: `third_party/imagenet_utils.py` of the Feature Denoising code.
    """
    flip, place, colours = tf.split(
        draws, [1, NUM_WINDOW_DRAWS, colour.NUM_JITTER_DRAWS]
    )
    window, fits = googlenet_window(decoding.shape(encoded), place)
    size = [image_size, image_size]
    crop = tf.cond(
        fits,
        lambda: bicubic.resized(decoding.crop(encoded, window), size),
        lambda: central_crop(encoded, image_size, image_size),
    )
    jittered = colour.jittered(tf.ensure_shape(crop, [*size, 3]), colours)
    return tf.where(flip < 0.5, tf.reverse(jittered, [1]), jittered)


def central_crop(encoded: Any, resize: int, image_size: int) -> Any:
    """Returns the centre of the image after its shorter side became `resize`.

    Args:
      encoded: string scalar, a JPEG or PNG.
      resize: the shorter side before the crop, in pixels; the papers' is `image_size`
        + 32.
      image_size: side of the result, in pixels; at most `resize`.

    Returns:
      float32 [image_size, image_size, 3] in [0, 255].
    """
    image = decoding.image(encoded)
    shape = tf.shape(image)[:2]
    shorter = tf.reduce_min(shape)
    # The longer side is rounded half up, and an odd margin is smaller before the crop.
    height, width = tf.unstack((2 * resize * shape + shorter) // (2 * shorter))
    resized = bicubic.resized(image, [height, width])
    top, left = (height - image_size) // 2, (width - image_size) // 2
    crop = resized[top : top + image_size, left : left + image_size]
    return tf.ensure_shape(crop, [image_size, image_size, 3])


def googlenet_window(shape: Any, draws: Any) -> tuple[Any, Any]:
    """Returns the first of ten random windows that fits in the image.

    Args:
      shape: int32 [2], height and width of the image.
      draws: float32 [NUM_WINDOW_DRAWS] in [0, 1): areas, aspects, turns of the ten,
        then top and left.

    Returns:
      int32 [4], top, left, height, width, and a bool scalar, whether one fits.
    """
    height, width = tf.unstack(tf.cast(shape, tf.float32))
    areas, aspects, turns = tf.unstack(tf.reshape(draws[:-2], [3, _ATTEMPTS]))
    areas = (_AREA[0] + areas * (_AREA[1] - _AREA[0])) * height * width
    aspects = _ASPECT[0] + aspects * (_ASPECT[1] - _ASPECT[0])
    one = tf.floor(tf.sqrt(areas * aspects) + 0.5)
    other = tf.floor(tf.sqrt(areas / aspects) + 0.5)
    widths, heights = (
        tf.where(turns < 0.5, other, one),
        tf.where(turns < 0.5, one, other),
    )
    fits = (heights >= 1) & (widths >= 1) & (heights <= height) & (widths <= width)
    first = tf.argmax(fits)
    size = tf.stack([heights[first], widths[first]])
    room = tf.stack([height, width]) - size + 1
    window = tf.concat([tf.floor(draws[-2:] * room), size], axis=0)
    return tf.cast(window, tf.int32), tf.reduce_any(fits)
