"""What attacks refuse when they are built or called, each in one line."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from common import backend
from common.data import checks as data_checks
from common.lazy import ops

MIN_EPSILON, MAX_EPSILON = 0.2, 128.0  # pixels of 255; half of the range at most
MIN_STEP = 0.05  # pixels of 255
_MANY = 2**31  # counts are int32 where they are compiled


def settle(attack: Any) -> None:
    """Turns numbers of NumPy and other kinds among the fields into numbers of Python.

    So the fields are what the record of the attack has.

    Args:
      attack: a frozen dataclass that is being built.
    """
    for field in dataclasses.fields(attack):
        value = getattr(attack, field.name)
        if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
            value = value.item()
        elif isinstance(value, numbers.Real) and not isinstance(value, int | float):
            value = float(value)
        object.__setattr__(attack, field.name, value)


def check_flag(name: str, value: Any) -> None:
    """Refuses what is not True or False, such as "no".

    Raises:
      ValueError: names the field and its value.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False. Received: {name}={value!r}")


def check_epsilon(epsilon: Any) -> None:
    """Refuses a radius outside (0.2, 128] pixels.

    Of radii per image the largest must be inside, and none negative. A tensor that has
    no value yet passes.

    Raises:
      ValueError: for instance epsilon=0.03, which is 8/255 in another unit.
    """
    radii = _values(epsilon, "epsilon")
    if radii is None or radii.size == 0:
        return
    if not (MIN_EPSILON < radii.max() <= MAX_EPSILON and radii.min() >= 0):
        raise ValueError(
            f"epsilon must be in ({MIN_EPSILON}, {MAX_EPSILON:g}] pixels of 255 "
            f"(8 is the 8/255 of other code). Received: epsilon={epsilon}"
        )


def check_steps(step_size: Any, num_steps: Any) -> None:
    """Refuses a step or a count of steps that cannot be taken.

    A tensor that has no value yet passes.

    Raises:
      ValueError: a step that is not finite or in another unit, or a count that is not
        a whole number of at least 1.
    """
    sizes, counts = _values(step_size, "step_size"), _values(num_steps, "num_steps")
    if sizes is not None and not (np.isfinite(sizes) & (sizes > MIN_STEP)).all():
        raise ValueError(
            f"step_size must be above {MIN_STEP} pixels of 255 (2 is the 2/255 of "
            f"other code). Received: step_size={step_size}"
        )
    if counts is not None and counts.dtype.kind not in "iu":
        counts = np.zeros(1)
    if counts is not None and not (counts.size == 1 and 0 < counts.item() < _MANY):
        raise ValueError(
            "num_steps must be a whole number, at least 1 and below 2**31. "
            f"Received: num_steps={num_steps}"
        )


def check_count(name: str, value: Any) -> None:
    """Refuses what is not a whole number of at least 1.

    Raises:
      ValueError: names the field and its value.
    """
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (is_whole and 0 < value < _MANY):
        raise ValueError(
            f"{name} must be a whole number, at least 1. Received: {name}={value}"
        )


def checked_images(images: Any) -> Any:
    """Returns images as a float32 tensor [B, H, W, C].

    Raises:
      ValueError: another number of dimensions, no image, or values that are known and
        are not pixels in [0, 255].
    """
    if not hasattr(images, "shape"):
        images = np.asarray(images)
    data_checks.check_numbers(images)
    data_checks.check_rank(images)
    if images.shape[0] == 0:
        raise ValueError("An attack needs an image. Received: 0 images")
    images = ops.convert_to_tensor(images, "float32")
    if backend.is_concrete(images):
        pixels = np.asarray(images)
        data_checks.check_range(pixels)
        data_checks.check_unit(pixels)
    return images


def checked_labels(labels: Any, images: Any) -> Any:
    """Returns labels as an int32 tensor [B]; [B, 1] is taken for the same.

    Args:
      labels: integers.
      images: [B, H, W, C].

    Raises:
      ValueError: labels that are not integers, of another shape, such as one-hot, out
        of range where that is known, or not as many as the images.
    """
    if not hasattr(labels, "shape"):
        labels = np.asarray(labels)
    data_checks.check_classes(labels)
    if None not in (labels.shape[0], images.shape[0]):
        data_checks.check_as_many(images, labels)
    if isinstance(labels, np.ndarray) or backend.is_concrete(labels):
        data_checks.check_labels(np.asarray(labels), _MANY)  # before a cast wraps them
    return ops.reshape(ops.cast(labels, "int32"), (-1,))


def check_seed(seed: Any) -> None:
    """Refuses a seed that is no whole number.

    A tensor of whole numbers passes, and so does what `backend.fold` returned.

    Raises:
      ValueError: names the seed.
    """
    dtype = getattr(seed, "dtype", None)
    of_another_kind = isinstance(seed, float | str | bytes | list | dict | None)
    if of_another_kind or "float" in str(getattr(dtype, "name", dtype)):
        raise ValueError(
            "seed must be a whole number, or an int64 tensor with one for each image. "
            f"Received: seed={seed!r}"
        )


def check_per_image(name: str, value: Any, images: Any) -> None:
    """Refuses a field with a value for each image that has another number of them.

    Raises:
      ValueError: names the field and both numbers.
    """
    shape, count = tuple(getattr(value, "shape", ())), images.shape[0]
    if shape and None not in (shape[0], count) and shape[0] != count:
        raise ValueError(
            f"{name} has a value for each image, or one for all. "
            f"Received: {shape[0]} values of {name} for {count} images"
        )


def check_moved(
    loss_fn: Callable[[Any], Any], start: Any, reached: Any, *, may_rest: bool = False
) -> None:
    """Refuses an attack whose images all ended where they began, for want of gradient.

    It can only look where values are known. Where they are not, as in an evaluation,
    which is compiled, `common.evaluation.attackable` asks the same.

    Args:
      loss_fn: what was ascended: images -> scalar.
      start: where the images began.
      reached: where they ended.
      may_rest: whether the loss is 0, and without gradient, where all images have
        reached the attack's goal.

    Raises:
      GradientError: nothing has moved, and no pixel has a gradient.
    """
    if not (backend.is_concrete(start) and backend.is_concrete(reached)):
        return
    if not math.prod(start.shape) or bool(ops.any(ops.not_equal(start, reached))):
        return
    value, gradient = backend.value_and_gradients(loss_fn, start)
    if may_rest and float(value) == 0.0:
        return
    if not bool(ops.any(ops.not_equal(finite(gradient), 0.0))):
        raise backend.GradientError(
            f"The attack moved no image, since every gradient is zero. "
            f"{backend.CAUSES}. Received: {start.shape[0]} images without gradient"
        )


def finite(gradient: Any) -> Any:
    """Returns the gradient with 0 where it is not finite: there it has no direction."""
    # By a quotient, since `tf.where` is slow on CPUs.
    is_finite = ops.cast(ops.isfinite(gradient), gradient.dtype)
    return ops.divide_no_nan(gradient, is_finite)


def per_image(epsilon: Any) -> Any:
    """Returns a number as it is, and a tensor [B] or [B, 1, 1, 1] as [B, 1, 1, 1]."""
    if isinstance(epsilon, numbers.Real):
        return epsilon
    return ops.reshape(ops.cast(epsilon, "float32"), (-1, 1, 1, 1))


def _values(value: Any, name: str) -> np.ndarray | None:
    """Returns a number or tensor as an array; None for a tensor without values yet.

    Raises:
      ValueError: it is neither.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number and not hasattr(value, "shape"):
        raise ValueError(
            f"{name} must be a number or a tensor. Received: {name}={value!r}"
        )
    is_known = is_number or isinstance(value, np.ndarray) or backend.is_concrete(value)
    found = np.asarray(value) if is_known else None
    if found is not None and found.dtype.kind not in "iuf":
        raise ValueError(
            f"{name} must have numbers. Received: {name} of dtype={found.dtype}"
        )
    return found
