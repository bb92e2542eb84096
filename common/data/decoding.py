"""Photographs from their bytes: JPEG, or PNG, as one file of ImageNet is.

Decoded as libjpeg does by default, with accurate cosine transforms. Differs from
OpenCV, which the Feature Denoising code reads with: a rotation that the header of a
JPEG asks for is not made.
"""

from __future__ import annotations

from typing import Any

from common.data.lazy import tf

_DCT = "INTEGER_ACCURATE"


def image(encoded: Any) -> Any:
    """Returns the photograph uint8 [H, W, 3] of bytes, a string scalar."""
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, 3, dct_method=_DCT),
        lambda: tf.io.decode_png(encoded, 3),
    )


def shape(encoded: Any) -> Any:
    """Returns height and width, int32 [2]; the header of a JPEG is enough."""
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.image.extract_jpeg_shape(encoded)[:2],
        lambda: tf.shape(tf.io.decode_png(encoded, 3))[:2],
    )


def crop(encoded: Any, window: Any) -> Any:
    """Returns a part of the photograph; of a JPEG, nothing else is decoded.

    Args:
      encoded: string scalar, a JPEG or PNG.
      window: int32 [4]: top, left, height, width.

    Returns:
      uint8 [height, width, 3].
    """
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.image.decode_and_crop_jpeg(
            encoded, window, channels=3, dct_method=_DCT
        ),
        lambda: _cut(tf.io.decode_png(encoded, 3), window),
    )


def _cut(pixels: Any, window: Any) -> Any:
    top, left, height, width = tf.unstack(window)
    return pixels[top : top + height, left : left + width]


def _is_jpeg(encoded: Any) -> Any:
    return tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
