"""What attacks refuse when they are built or called, each in one line."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from keras import ops

from common import backend

MIN_EPSILON, MAX_EPSILON = 0.05, 64.0  # pixels of 255


def check_epsilon(epsilon: Any) -> None:
    """Refuses a radius outside (0.05, 64] pixels.

    Of radii per image the largest must be inside, and none negative. A tensor that has
    no value yet passes.

    Raises:
      ValueError: for instance epsilon=0.03, which is 8/255 in another unit.
    """
    if not isinstance(epsilon, numbers.Real) and not backend.is_concrete(epsilon):
        return
    radii = np.asarray(epsilon)
    if radii.size == 0:
        return
    if not (MIN_EPSILON < radii.max() <= MAX_EPSILON and radii.min() >= 0):
        raise ValueError(
            f"epsilon must be in ({MIN_EPSILON}, {MAX_EPSILON:g}] pixels of 255 "
            f"(8 is the 8/255 of other code). Received: epsilon={epsilon}"
        )


def check_steps(step_size: Any, num_steps: Any) -> None:
    """Refuses a step or a count of steps that is not positive; tensors pass."""
    for name, value in (("step_size", step_size), ("num_steps", num_steps)):
        if isinstance(value, (int, float)) and not value > 0:
            raise ValueError(f"{name} must be positive. Received: {name}={value}")


def checked_images(images: Any) -> Any:
    """Returns images as a float32 tensor; refuses values outside [0, 255] if known."""
    images = ops.convert_to_tensor(images, "float32")
    if not backend.is_concrete(images):
        return images
    low, high = float(ops.min(images)), float(ops.max(images))
    if not (low >= 0.0 and high <= 255.0):
        raise ValueError(
            "images must be pixels in [0, 255]; normalise inside the network. "
            f"Received: min={low:g}, max={high:g}"
        )
    return images


def per_image(epsilon: Any) -> Any:
    """Returns a number as it is, and a tensor [B] or [B, 1, 1, 1] as [B, 1, 1, 1]."""
    if isinstance(epsilon, (int, float)):
        return epsilon
    return ops.reshape(ops.cast(epsilon, "float32"), (-1, 1, 1, 1))
