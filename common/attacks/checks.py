"""What attacks refuse when they are built or called, each in one line."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from common import backend
from common.attacks import cost as costs
from common.data import checks as data_checks

MIN_EPSILON, MAX_EPSILON = 0.05, 64.0  # pixels of 255


def settle(attack: Any) -> None:
    """Makes NumPy scalars among the fields Python numbers, as its record has them.

    Args:
      attack: a frozen dataclass that is being built.
    """
    for field in dataclasses.fields(attack):
        value = getattr(attack, field.name)
        if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
            object.__setattr__(attack, field.name, value.item())


def check_epsilon(epsilon: Any) -> None:
    """Refuses a radius outside (0.05, 64] pixels.

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
      ValueError: a step that is not positive and finite, or a count that is not a
        whole number of at least 1.
    """
    sizes, counts = _values(step_size, "step_size"), _values(num_steps, "num_steps")
    if sizes is not None and not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(
            "step_size must be positive, in pixels of 255. "
            f"Received: step_size={step_size}"
        )
    if counts is not None and not (counts.dtype.kind in "iu" and (counts > 0).all()):
        raise ValueError(
            f"num_steps must be a whole number, at least 1. "
            f"Received: num_steps={num_steps}"
        )


def check_count(name: str, value: Any) -> None:
    """Refuses what is not a whole number of at least 1.

    Raises:
      ValueError: names the field and its value.
    """
    if not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(
            f"{name} must be a whole number, at least 1. Received: {name}={value}"
        )


def checked_images(images: Any) -> Any:
    """Returns images as a float32 tensor [B, H, W, C].

    Raises:
      ValueError: another number of dimensions, or values that are known and are not
        pixels in [0, 255].
    """
    images = ops.convert_to_tensor(images, "float32")
    data_checks.check_rank(images)
    if backend.is_concrete(images):
        pixels = np.asarray(images)
        data_checks.check_range(pixels)
        data_checks.check_unit(pixels)
    return images


def checked_labels(labels: Any) -> Any:
    """Returns labels as an int32 tensor [B]; [B, 1] is taken for the same.

    Raises:
      ValueError: labels that are not integers, or of another shape, such as one-hot.
    """
    if not hasattr(labels, "shape"):
        labels = np.asarray(labels)
    data_checks.check_classes(labels)
    return ops.reshape(ops.cast(labels, "int32"), (-1,))


def answering(logits_fn: Callable[[Any], Any], labels: Any) -> Callable[[Any], Any]:
    """Returns the network, with the shape of its answers checked.

    Args:
      logits_fn: images -> logits.
      labels: int32 [B]; where their values are known, they must be classes.

    Raises:
      ValueError: when the network is asked: an answer that is no tensor [B, K] with
        K >= 2, or a label outside the classes.
    """
    known = np.asarray(labels) if backend.is_concrete(labels) else np.zeros(0, int)

    def checked(logits: Any) -> Any:
        check_answer(logits)
        data_checks.check_labels(known, logits.shape[-1])
        return logits

    if isinstance(logits_fn, costs.Heads):
        return costs.Heads(lambda images: tuple(map(checked, logits_fn.heads(images))))
    return lambda images: checked(logits_fn(images))


def check_answer(logits: Any) -> None:
    """Refuses what cannot be logits by its kind and shape alone.

    Args:
      logits: what a network answered to a batch of images.

    Raises:
      ValueError: it is no tensor, has no shape [B, K], or has fewer than two classes.
    """
    if isinstance(logits, np.ndarray) or not hasattr(logits, "shape"):
        raise ValueError(
            "logits_fn must answer with one tensor: hand over the network itself, or "
            "lambda images: network(images, training=False); not network.predict, and "
            f"of several outputs one. Received: an answer of type {type(logits)}"
        )
    if len(logits.shape) != 2 or logits.shape[-1] is None or logits.shape[-1] < 2:
        raise ValueError(
            "logits must have shape [B, K], with K >= 2 classes. "
            f"Received: shape={tuple(logits.shape)}"
        )


def check_moved(loss_fn: Callable[[Any], Any], start: Any, reached: Any) -> None:
    """Refuses an attack whose images all ended where they began, for want of gradient.

    Looks at values that are known alone: an evaluation, which is compiled, asks in
    `common.evaluation.attackable`.

    Args:
      loss_fn: what was ascended: images -> scalar.
      start: where the images began.
      reached: where they ended.

    Raises:
      GradientError: nothing has moved, and no pixel has a gradient.
    """
    if not (backend.is_concrete(start) and backend.is_concrete(reached)):
        return
    if not math.prod(start.shape) or bool(ops.any(ops.not_equal(start, reached))):
        return
    _, gradient = backend.value_and_gradients(loss_fn, start)
    if not bool(ops.any(ops.not_equal(finite(gradient), 0.0))):
        raise backend.GradientError(
            f"The attack moved no image, since every gradient is zero. "
            f"{backend.CAUSES}. Received: {start.shape[0]} images without gradient"
        )


def finite(gradient: Any) -> Any:
    """Returns the gradient with 0 in place of what is not finite: it says nothing."""
    return ops.where(ops.isfinite(gradient), gradient, ops.zeros_like(gradient))


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
    if not isinstance(value, numbers.Real):
        if not hasattr(value, "shape"):
            raise ValueError(
                f"{name} must be a number or a tensor. Received: {name}={value!r}"
            )
        if not (isinstance(value, np.ndarray) or backend.is_concrete(value)):
            return None
    return np.asarray(value)
