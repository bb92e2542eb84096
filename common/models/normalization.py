"""Normalisation of images at a network's input, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.backend import custom_gradient
from common.lazy import ops

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of pixels in [0, 1], red green blue
IMAGENET_STDDEV = (0.229, 0.224, 0.225)


def per_image(images: Any) -> Any:
    """Standardises each image by its own mean and deviation; differentiable.

    The deviation is at least 1 / sqrt(number of elements), as in
    `tf.image.per_image_standardization`.

    Args:
      images: float [B, H, W, C], any scale.

    Returns:
      float32 [B, H, W, C].
    """
    return _standardized(ops.cast(images, "float32"))


@custom_gradient
def _standardized(images: Any) -> Any:
    _, height, width, channels = images.shape
    smallest = 1.0 / (height * width * channels)
    mean, variance = ops.moments(images, axes=(1, 2, 3), keepdims=True)
    factor = ops.rsqrt(ops.maximum(variance, smallest))
    outputs = (images - mean) * factor

    # What automatic differentiation finds, in half as many passes over the images.
    def gradient(upstream: Any) -> Any:
        along = _mean(upstream * outputs)
        along = ops.where(variance > smallest, along, 0.0)
        return factor * (upstream - _mean(upstream) - along * outputs)

    return outputs, gradient


def _mean(images: Any) -> Any:
    return ops.mean(images, axis=(1, 2, 3), keepdims=True)


def imagenet(images: Any) -> Any:
    """Standardises colour images by the channel statistics of ImageNet.

    Args:
      images: float [B, H, W, 3], pixels in [0, 255].

    Returns:
      float32 [B, H, W, 3].
    """
    mean, stddev = (
        ops.array(values, "float32") for values in (IMAGENET_MEAN, IMAGENET_STDDEV)
    )
    return (ops.cast(images, "float32") / 255.0 - mean) / stddev


def symmetric(images: Any) -> Any:
    """Maps pixels in [0, 255] to [-1, 1].

    Args:
      images: float [B, H, W, C], pixels in [0, 255].

    Returns:
      float32 [B, H, W, C].
    """
    return ops.cast(images, "float32") / 127.5 - 1.0


INPUTS: dict[str, Callable[[Any], Any]] = {
    "imagenet": imagenet,
    "per_image": per_image,
    "symmetric": symmetric,
}


def check(architecture: str, name: str, channels: int) -> None:
    """Refuses images without the three channels that `imagenet` is about.

    Args:
      architecture: for the message.
      name: a key of `INPUTS`.
      channels: of the images.

    Raises:
      ValueError: it is `imagenet`, of images without 3 channels.
    """
    if name == "imagenet" and channels != 3:
        raise ValueError(
            f"{architecture}.normalization='imagenet' needs 3 channels; the others "
            f"take any. Received: channels={channels}"
        )
