"""What a network must answer: logits, with a row for each image."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from common import backend
from common.attacks import cost as costs
from common.data import checks as data_checks
from common.lazy import ops

ENOUGH = (4, 20)  # images and values from which the form of answers is judged
NEAR = 0.01  # of the range of the answers: nearer is at one of its ends
CROWDED = 0.5  # share of the answers at the ends, from which they are squashed
SPREAD = 0.5  # of answers in [0, 1]: less is an untrained network
HOPELESS = 50.0  # a class so far below the best of every image plays no part


def answering(logits_fn: Callable[[Any], Any], labels: Any) -> Callable[[Any], Any]:
    """Returns the network, with the shape of its answers checked.

    The first answer whose values are known must be logits by them, too. That is none
    where all is traced: in compiled functions, and on JAX in gradients. There it is
    `common.evaluation` that looks at the values.

    Args:
      logits_fn: images -> logits.
      labels: int32 [B]; where their values are known, they must be classes.

    Raises:
      ValueError: when the network is asked: an answer that is no tensor [B, K] with
        K >= 2 or no logits, or a label outside the classes.
    """
    asked = itertools.count()
    known = np.asarray(labels) if backend.is_concrete(labels) else np.zeros(0, int)

    def checked(images: Any, logits: Any) -> Any:
        check_answer(logits, images)
        data_checks.check_labels(known, logits.shape[-1])
        if backend.is_concrete(logits) and next(asked) == 0:
            _check_many(logits)
        return logits

    if isinstance(logits_fn, costs.Heads):
        heads = logits_fn.heads
        return costs.Heads(lambda x: tuple(checked(x, head) for head in heads(x)))
    return lambda images: checked(images, logits_fn(images))


def check_answer(logits: Any, images: Any = None) -> None:
    """Refuses what cannot be logits by its kind and shape alone.

    Args:
      logits: what a network answered to a batch of images.
      images: the batch, or None where it is not known.

    Raises:
      ValueError: it is no tensor, has no shape [B, K], has fewer than two classes, or
        has not a row for each image.
    """
    if isinstance(logits, np.ndarray) or not hasattr(logits, "shape"):
        raise ValueError(
            "logits_fn must answer with one tensor: hand over the network itself, or "
            "lambda images: network(images, training=False); not network.predict, and "
            f"of several outputs one. Received: an answer of type {type(logits)}"
        )
    rank = getattr(logits.shape, "rank", 2)  # of TensorFlow, it may not be known
    shape = () if rank is None else tuple(logits.shape)
    if len(shape) != 2 or shape[-1] is None or shape[-1] < 2:
        raise ValueError(
            "logits must have shape [B, K], with K >= 2 classes, known while the "
            f"attack is compiled. Received: shape={logits.shape}"
        )
    rows = None if images is None else images.shape[0]
    if None not in (rows, shape[0]) and rows != shape[0]:
        raise ValueError(
            "logits must have a row for each image. "
            f"Received: shape={shape} for {rows} images"
        )


def check_logits(logits: Any) -> None:
    """Refuses answers that are no logits, up to a number for each image.

    The log odds of what has been squashed, as by a softmax or a sigmoid, have almost no
    gradient, so attacks would look weak and the network strong. Logarithms of
    probabilities are logits.

    Args:
      logits: float [B, K], with values.

    Raises:
      ValueError: they are not finite, or look like probabilities, a multiple of them,
        or the values of sigmoids or other functions with an end.
    """
    check_answer(ops.convert_to_tensor(logits))
    values = np.asarray(logits, np.float64)
    if not np.isfinite(values).all():
        raise ValueError(
            "logits must be finite: look at the weights, the input scale, and for the "
            "logarithm of a probability 0 (log_softmax has none). "
            f"Received: {np.count_nonzero(~np.isfinite(values))} values that are not"
        )
    if squashed := _squashed(values):
        raise ValueError(
            f"Expected logits; {squashed} off the last layer, or hand over log_softmax "
            f"of what stands before it. Received: first row max={values[0].max():g}"
        )


def _check_many(logits: Any) -> None:
    """As `check_logits`, where there are enough values to tell.

    Whoever trains calls attacks thousands of times, also on one image of two classes.
    """
    if len(logits) >= ENOUGH[0] and math.prod(logits.shape) >= ENOUGH[1]:
        check_logits(logits)


def in_play(values: np.ndarray) -> np.ndarray:
    """Returns the columns of logits [B, K] that are near the best of some image.

    Classes that are masked by a large negative number would hide what is asked about.
    """
    below = values.max(axis=-1, keepdims=True) - values
    return values[:, below.min(axis=0) < HOPELESS]


def _squashed(values: np.ndarray) -> str:
    """Returns what answers [B, K] look like, and what to take; "" if logits."""
    sums = values.sum(-1)
    played = in_play(values)
    several = np.ptp(played, axis=0).max() > 1e-3 * np.abs(played).max()  # rows differ
    if values.min() >= 0 and np.allclose(sums, 1.0, atol=1e-2):
        return (
            "every row is non-negative and sums to 1, as after a softmax. "
            "Take the softmax"
        )
    if values.min() >= 0 and several and np.allclose(sums, sums[0], rtol=1e-3, atol=0):
        return (
            f"every row is non-negative and sums to {sums[0]:g}, as a multiple of "
            "probabilities. Take the softmax"
        )
    values = played
    low, high = values.min(), values.max()
    if not several or len(values) < ENOUGH[0] or values.size < ENOUGH[1]:
        return ""
    at_low, at_high = (
        np.abs(values - end) <= NEAR * (high - low) for end in (low, high)
    )
    at_ends = (at_low | at_high).mean()
    is_unit = low >= 0 and high <= 1 and high - low > SPREAD
    if is_unit and np.ptp(values, axis=0).min() > 0:
        return (
            "all values are in [0, 1], as after sigmoids (logits that are so, such as "
            "cosines, may be multiplied by 10). Take the sigmoids"
        )
    if at_ends > CROWDED and min(at_low.sum(), at_high.sum()) >= len(values) / 2:
        return (
            f"most values are near {low:g} or {high:g}, the ends of a function. Take "
            "that function"
        )
    return ""
