"""The one loop of every attack along gradients."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from common import backend
from common.attacks import attack, checks, steps
from common.lazy import ops


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


@dataclasses.dataclass(frozen=True)
class Ascent(attack.InBall):
    """Steps up what is ascended, each projected onto the ball.

    Attributes:
      step: a function of `steps`: gradient, length -> change.
    """

    step: ClassVar[Any] = staticmethod(steps.sign)

    @property
    def length(self) -> Any:
        """Pixels of a step, such as the radius: a number, or float32 [B, 1, 1, 1]."""
        return checks.per_image(self.epsilon)

    @property
    def may_rest(self) -> bool:
        """Whether an image that fools the network stays where it is."""
        return False

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the adversarial images some steps further on."""
        length = self.length
        return ascend(
            climbed,
            state,
            step=lambda gradient: self.step(gradient, length),
            project=self.project(problem.images),
            num_steps=num_steps,
            may_rest=self.may_rest,
        )
