"""Projections: onto balls of perturbations, in pixels of 255, and onto valid images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.lazy import custom_gradient, ops

MAX_PIXEL = 255.0


def linf(delta: Any, epsilon: Any) -> Any:
    """Returns the nearest perturbation with every |entry| at most epsilon.

    Args:
      delta: float32 [B, H, W, C], pixels of 255.
      epsilon: number, or float32 [B, 1, 1, 1] for one radius per image.
    """
    return ops.clip(delta, -epsilon, epsilon)


@custom_gradient
def pixels(images: Any) -> Any:
    """Returns the nearest valid images: every pixel in [0, 255]."""
    clipped = ops.clip(images, 0.0, MAX_PIXEL)

    # The derivative of `clip`, bit for bit. TensorFlow's own selects three times, which
    # costs several times the clip on a CPU, and a Free replay differentiates it.
    def gradient(upstream: Any) -> Any:
        return upstream * ops.cast(ops.equal(clipped, images), upstream.dtype)

    return clipped, gradient


def ball(images: Any, epsilon: Any) -> Callable[[Any], Any]:
    """Returns the projection onto valid images with every pixel within epsilon.

    Args:
      images: float32 [B, H, W, C] in [0, 255], the centres.
      epsilon: as for `linf`.
    """
    lowest, highest = pixels(images - epsilon), pixels(images + epsilon)
    return lambda adv_images: ops.clip(adv_images, lowest, highest)
