"""Step sizes that an image halves where it makes no progress: those of Auto-PGD.

After some steps, first 22 % of all and then fewer each time but at least 6 %, an image
looks back. It halves its step size if at most three quarters of these steps have raised
its loss, or if its best loss has not risen and it did not halve at the last look.

Source: Croce 2020, "Reliable evaluation of adversarial robustness with an ensemble of
diverse parameter-free attacks", section 3.2.

Differs: the paper has fewer than three quarters, its authors' code as here. That code
compares the loss after the first step with 0; here it is compared with the start's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from common.lazy import ops

FIRST, SHORTER, SHORTEST = 22, 3, 6  # percent of the steps of a restart


class Progress(NamedTuple):
    """What every image knows of its steps, each [B].

    Attributes:
      taken: int32, steps behind it.
      window: int32, steps from the last look back to the next one.
      left: int32, of these the steps that are still to come.
      rises: int32, and those that have raised the loss.
      size: float32, of a step, in pixels of 255.
      last: float32, the loss at the last point.
      best: float32, the largest loss so far.
      checked: float32, what that was at the last look.
      gained: float32, by how much it had risen there since the look before.
      halved: bool, whether the step size was halved at the last look.
    """

    taken: Any
    window: Any
    left: Any
    rises: Any
    size: Any
    last: Any
    best: Any
    checked: Any
    gained: Any
    halved: Any


def begin(size: Any, num_steps: Any) -> Progress:
    """Returns the progress of images before their first step.

    Args:
      size: float32 [B], of the first steps.
      num_steps: int, or int32 [B].
    """
    zeros = ops.cast(ops.zeros_like(size), "int32")
    first, _, _ = _windows(zeros + num_steps)
    none = ops.full_like(size, -float("inf"))
    return Progress(
        taken=zeros,
        window=first,
        left=first,
        rises=zeros,
        size=size,
        last=none,
        best=none,
        checked=none,
        gained=ops.zeros_like(size),
        halved=ops.ones_like(zeros, "bool"),  # so that the first look asks for rises
    )


def blank(count: int) -> Progress:
    """Returns arrays of the form of the progress of some images."""
    whole, real = np.zeros(count, np.int32), np.zeros(count, np.float32)
    halved = np.zeros(count, bool)
    return Progress(whole, whole, whole, whole, real, real, real, real, real, halved)


def after(before: Progress, loss: Any, num_steps: Any) -> tuple[Progress, Any, Any]:
    """Returns the progress at one more point, and where that matters.

    Args:
      before: at the point before; of `begin` where images are at their start.
      loss: float32 [B], at this point.
      num_steps: int, or int32 [B], of the restart.

    Returns:
      The progress, bool [B] where the loss is the largest so far, and bool [B] where
      the step size was halved, so that an image goes back to its best point.
    """
    is_start = before.taken == 0
    is_best = loss > before.best
    best = ops.where(is_best, loss, before.best)
    rises = before.rises + ops.cast(~is_start & (loss > before.last), "int32")
    is_due = before.left == 0
    is_slow = 4 * rises <= 3 * before.window
    rests = ~before.halved & (before.checked >= best)
    halves = is_due & (is_slow | rests)
    _, shorter, shortest = _windows(num_steps)
    next_window = ops.maximum(before.window - shorter, shortest)
    window = ops.where(is_due, next_window, before.window)
    progress = Progress(
        taken=before.taken + 1,
        window=window,
        left=ops.where(is_due, window, before.left) - 1,
        rises=ops.where(is_due, 0, rises),
        size=ops.where(halves, before.size / 2, before.size),
        last=loss,
        best=best,
        checked=ops.where(is_due | is_start, best, before.checked),
        gained=ops.where(is_due, best - before.checked, before.gained),
        halved=ops.where(is_due, halves, before.halved),
    )
    return progress, is_best, halves


def _windows(num_steps: Any) -> list[Any]:
    """Returns the first window, how much shorter each next is, and the shortest."""
    return [
        ops.maximum(percent * num_steps // 100, 1)
        for percent in (FIRST, SHORTER, SHORTEST)
    ]
