"""Photographs from their bytes: JPEG, or PNG, as one file of ImageNet is.

Decoded as libjpeg does by default, with accurate cosine transforms. Grey, palette and
CMYK images get three channels, 16 bits become 8, and transparency is left out. Anything
else, and a file that is cut short, fails. Differs from OpenCV, which the Feature
Denoising code reads with: a rotation that the header of a JPEG asks for is not made.
"""

from __future__ import annotations

from typing import Any

from common.data.lazy import tf

_DCT = "INTEGER_ACCURATE"
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"  # which their files begin with
_END = b"\xff\xd9"  # of a JPEG


def image(encoded: Any) -> Any:
    """Returns the photograph uint8 [H, W, 3] of bytes, a string scalar."""
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, 3, dct_method=_DCT),
        lambda: _png(encoded),
    )


def shape(encoded: Any) -> Any:
    """Returns height and width, int32 [2]; the header of a JPEG is enough."""
    return tf.cond(
        _is_jpeg(encoded),
        lambda: tf.image.extract_jpeg_shape(encoded)[:2],
        lambda: tf.shape(_png(encoded))[:2],
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
        lambda: _part(encoded, window),
        lambda: _cut(_png(encoded), window),
    )


def _cut(pixels: Any, window: Any) -> Any:
    top, left, height, width = tf.unstack(window)
    return pixels[top : top + height, left : left + width]


def _png(encoded: Any) -> Any:
    # TensorFlow's operation reads the first frame of a GIF and of a WebP, too.
    is_png = _begins(encoded, PNG)
    with tf.control_dependencies([tf.debugging.Assert(is_png, ["no JPEG or PNG"])]):
        return tf.ensure_shape(tf.io.decode_png(encoded, 3), [None, None, 3])


def _part(encoded: Any, window: Any) -> Any:
    # A part is decoded down to its last line: that others are missing, only the end of
    # the file tells. Where something stands behind the image, all of it is decoded.
    whole = tf.cond(
        tf.strings.substr(encoded, -len(_END), len(_END)) == _END,
        lambda: 0,
        lambda: tf.shape(tf.io.decode_jpeg(encoded, 3))[0],
    )
    with tf.control_dependencies([whole]):
        return tf.image.decode_and_crop_jpeg(
            encoded, window, channels=3, dct_method=_DCT
        )


def _is_jpeg(encoded: Any) -> Any:
    return _begins(encoded, JPEG)


def _begins(encoded: Any, prefix: bytes) -> Any:
    return tf.strings.substr(encoded, 0, len(prefix)) == prefix
