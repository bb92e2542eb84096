"""Colour distortion of training photographs: Inception's, and Feature Denoising's.

`distorted`, of Inception's public code: brightness, saturation, hue and contrast change
by random amounts in one of two orders, which differ because the operations do not
commute. Each of them scales with its image, so that pixels in [0, 255] take the same
change as pixels in [0, 1].

`jittered`, of the Feature Denoising code: brightness, contrast, saturation and lighting
change in any of the 24 orders.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from common.data.lazy import tf

_RANGES = np.array(
    [
        (-32, 32),  # brightness: added, in pixels
        (0.5, 1.5),  # saturation: a factor
        (-0.2, 0.2),  # hue: added, in turns of the colour circle
        (0.5, 1.5),  # contrast: a factor of the distance to the channel's mean
    ],
    np.float32,
)
NUM_DRAWS = len(_RANGES)  # random numbers per image of `distorted`

_FACTORS = (0.6, 1.4)  # of brightness, contrast and saturation
_GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as OpenCV weighs them
# The principal components of ImageNet's colours (Krizhevsky 2012, Sec. 4.1) in units of
# 255: a row per channel, red first, and a column per component, as fb.resnet.torch has
# them. The Feature Denoising code turns both round for its blue, green, red.
_COMPONENTS = np.array(
    [
        (-0.5675, 0.7192, 0.4009),
        (-0.5808, -0.0045, -0.8140),
        (-0.5836, -0.6948, 0.4203),
    ],
    np.float32,
)
_VARIANCES = np.array([0.2175, 0.0188, 0.0045], np.float32)
_LIGHTING = 0.1 * 255 * _COMPONENTS * _VARIANCES  # pixels per standard deviation
NUM_JITTER_DRAWS = 10  # random numbers per image of `jittered`


def distorted(image: Any, draws: Any, *, contrast_first: Any) -> Any:
    """Returns the image with other brightness, saturation, hue and contrast.

    Args:
      image: float32 [H, W, 3], pixels; values outside [0, 255] are clipped at the end.
      draws: float32 [NUM_DRAWS] in [0, 1); 0.5 changes nothing.
      contrast_first: bool scalar, whether contrast comes before saturation and hue, and
        not after them; brightness is first in either order.

    Returns:
      float32 [H, W, 3] in [0, 255].

    Source: `image_processing.py` of Inception's code, `distort_color`.
    """
    low, high = _RANGES.T
    brightness, saturation, hue, contrast = tf.unstack(low + draws * (high - low))
    brighter = image + brightness

    def contrasted(image: Any) -> Any:
        return tf.image.adjust_contrast(image, contrast)

    def tinted(image: Any) -> Any:
        return tf.image.adjust_hue(tf.image.adjust_saturation(image, saturation), hue)

    changed = tf.cond(
        contrast_first,
        lambda: tinted(contrasted(brighter)),
        lambda: contrasted(tinted(brighter)),
    )
    return tf.clip_by_value(changed, 0.0, 255.0)


def jittered(image: Any, draws: Any) -> Any:
    """Returns the image with other brightness, contrast, saturation and lighting.

    Brightness moves it from black, contrast from the mean of each channel, saturation
    from its own grey, all by factors of 0.6 to 1.4; lighting adds one colour along the
    principal components, with normal amounts of 0.1. Values are clipped after each.

    Args:
      image: float32 [H, W, 3], pixels in [0, 255].
      draws: float32 [NUM_JITTER_DRAWS] in [0, 1): four numbers whose ranks are the
        order, three factors, three amounts of lighting. 0.5 changes nothing.

    Returns:
      float32 [H, W, 3] in [0, 255].

    Source: `third_party/imagenet_utils.py` of the Feature Denoising code, where
    contrast is about the channel's mean; tensorpack's own examples came to take the
    mean of the grey image instead.
    Differs: the code truncates to integers after each of the four, which darkens by
    half a level each.
    """
    low, high = _FACTORS
    factors = tf.unstack(low + draws[4:7] * (high - low))
    # A draw stands for the middle of its 2**-23: 0 has no normal quantile.
    amounts = tf.math.ndtri(draws[7:] + 2**-24)
    changes: list[Callable[[Any], Any]] = [
        functools.partial(_away, factor=factor, reference=reference)
        for factor, reference in zip(factors, (_black, _mean, _grey), strict=True)
    ]
    changes.append(lambda image: image + tf.linalg.matvec(_LIGHTING, amounts))
    for change in tf.unstack(tf.argsort(draws[:4])):
        image = tf.switch_case(change, [functools.partial(f, image) for f in changes])
        image = tf.clip_by_value(image, 0.0, 255.0)
    return image


def _away(image: Any, *, factor: Any, reference: Any) -> Any:
    other = reference(image)
    return other + factor * (image - other)


def _black(_: Any) -> Any:
    return 0.0


def _mean(image: Any) -> Any:
    return tf.reduce_mean(image, axis=(0, 1), keepdims=True)


def _grey(image: Any) -> Any:
    return tf.reduce_sum(image * _GREY, axis=-1, keepdims=True)
