"""Projections: onto balls of perturbations, in pixels of 255, and onto valid images.

`hyperplane` is the one onto those valid images at which a linear function has a given
value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common import backend
from common.lazy import ops

MAX_PIXEL = 255.0


def linf(delta: Any, epsilon: Any) -> Any:
    """Returns the nearest perturbation with every |entry| at most epsilon.

    Args:
      delta: float32 [B, H, W, C], pixels of 255.
      epsilon: number, or float32 [B, 1, 1, 1] for one radius per image.
    """
    return ops.clip(delta, -epsilon, epsilon)


@backend.custom_gradient
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


def hyperplane(images: Any, normal: Any, rise: Any) -> Any:
    """Returns the change of each image by which a linear function rises as asked.

    Of all changes that keep every pixel in [0, 255], it is one whose largest |entry| is
    smallest (Croce and Hein, 2020, Sec. 2.2). Where no such change raises the function
    enough, it is the one that raises it most; where the function is constant, it is 0.

    Each pixel moves in the direction that helps, by one length for all or up to the end
    of its range. So what is gained is a concave function of the length, and linear
    between the lengths at which a pixel comes to its end. The first step takes all
    pixels as free, and is never too long. Newton's method goes up from there, and is
    exact once a step passes no further end. That takes a few steps, where sorting the
    ends would take most of the time of an attack.

    Args:
      images: float32 [B, H, W, C] in [0, 255].
      normal: float32 [B, H, W, C], finite: the gradient of the linear function.
      rise: float32 [B], finite, positive or negative.
    """
    wanted = ops.reshape(ops.abs(rise), (-1, 1, 1, 1))
    direction = ops.sign(normal) * ops.reshape(ops.sign(rise), (-1, 1, 1, 1))
    slope = ops.abs(normal)
    room = backend.where(direction > 0, MAX_PIXEL - images, images)
    gain, nothing = slope * room, ops.zeros_like(images)

    def longer(_: Any, length: Any) -> tuple[Any, Any]:
        is_free = room > length
        gained = _total(backend.where(is_free, nothing, gain))
        rate = _total(backend.where(is_free, slope, nothing))
        reached = ops.divide_no_nan(wanted - gained, rate)
        return length, ops.maximum(length, reached)

    first = ops.divide_no_nan(wanted, _total(slope))
    _, length = ops.while_loop(
        lambda before, length: ops.any(length > before),
        longer,
        (ops.zeros_like(first), first),
    )
    return direction * ops.minimum(room, length)


def _total(values: Any) -> Any:
    """Returns the sum over each image, [B, 1, 1, 1]."""
    return ops.sum(values, axis=(1, 2, 3), keepdims=True)
