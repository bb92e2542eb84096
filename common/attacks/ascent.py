"""The one loop of every attack, and the one step of those that take no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from common import backend
from common.attacks import checks, projections, steps


def ascend(
    loss_fn: Callable[[Any], Any],
    start: Any,
    *,
    step: Callable[[Any], Any],
    project: Callable[[Any], Any],
    num_steps: Any,
    may_rest: bool = False,
) -> Any:
    """Returns x_n of x_{t+1} = project(x_t + step(d loss / d x_t)), x_0 = start.

    One forward and one backward pass per step, towards the images alone. The loop is
    compiled once whatever the number of steps, and keeps no activations.

    Args:
      loss_fn: adversarial images -> the sum of the example losses.
      start: float32 [B, H, W, C] in [0, 255].
      step: gradient -> change, in pixels of 255.
      project: images -> the nearest allowed images.
      num_steps: int, or an integer tensor.
      may_rest: whether images that have reached the attack's goal have no gradient, so
        that standing still is no fault.

    Raises:
      GradientError: the loss has no gradient, by its operations or, where values are
        known, by the gradients of all images.
    """

    def body(_: Any, adv_images: Any) -> Any:
        _, gradient = backend.value_and_gradients(loss_fn, adv_images)
        return project(adv_images + step(checks.finite(gradient)))

    reached = ops.stop_gradient(ops.fori_loop(0, num_steps, body, start))
    checks.check_moved(loss_fn, start, reached, may_rest=may_rest)
    return reached


def one_step(
    loss_fn: Callable[[Any], Any],
    images: Any,
    epsilon: Any,
    step: Callable[[Any, Any], Any] = steps.sign,
) -> Any:
    """Returns the images one step of length epsilon up their loss, in [0, 255].

    Args:
      loss_fn: as for `ascend`.
      images: float32 [B, H, W, C] in [0, 255].
      epsilon: pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step: a function of `steps`: gradient, length -> change.
    """
    epsilon = checks.per_image(epsilon)
    return ascend(
        loss_fn,
        images,
        step=lambda gradient: step(gradient, epsilon),
        project=projections.ball(images, epsilon, projections.linf),
        num_steps=1,
    )
