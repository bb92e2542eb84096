"""Colour distortion of training photographs, as in Inception's public code.

Brightness, saturation, hue and contrast change by random amounts in one of two orders,
which differ because the operations do not commute. Each of them scales with its image,
so that pixels in [0, 255] take the same change as pixels in [0, 1].
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_RANGES = np.array(
    [
        (-32, 32),  # brightness: added, in pixels
        (0.5, 1.5),  # saturation: a factor
        (-0.2, 0.2),  # hue: added, in turns of the colour circle
        (0.5, 1.5),  # contrast: a factor of the distance to the channel's mean
    ],
    np.float32,
)
NUM_DRAWS = len(_RANGES)  # random numbers per image


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
