"""The fast gradient sign method and its iteration (Goodfellow 2015, Kurakin 2017)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from common.attacks import ascent, checks, objective, projections, steps


@dataclasses.dataclass(frozen=True)
class FGSM:
    """One step of length epsilon up the cross-entropy at the true label.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].

    Raises:
      ValueError: epsilon outside (0.05, 64], when the attack is built.
    """

    epsilon: Any

    def __post_init__(self) -> None:
        checks.check_epsilon(self.epsilon)

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns adversarial images [B, H, W, C] in [0, 255]; the seed has no use."""
        once = IterBasic(self.epsilon, checks.per_image(self.epsilon), 1)
        return once(logits_fn, images, labels)


@dataclasses.dataclass(frozen=True)
class IterBasic:
    """FGSM repeated in small steps from the image, clipped to the ball each time.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step; 1 in Kurakin et al. (2017), section 2.
      num_steps: or None for that paper's min(epsilon + 4, 1.25 epsilon), rounded up
        (the rounding is not stated; ours), which takes epsilon as a number.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    epsilon: Any
    step_size: Any = 1.0
    num_steps: Any = None

    def __post_init__(self) -> None:
        checks.check_epsilon(self.epsilon)
        if self.num_steps is None:
            num_steps = math.ceil(min(self.epsilon + 4, 1.25 * self.epsilon))
            object.__setattr__(self, "num_steps", num_steps)
        checks.check_steps(self.step_size, self.num_steps)

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns adversarial images [B, H, W, C] in [0, 255]; the seed has no use."""
        images = checks.checked_images(images)
        epsilon = checks.per_image(self.epsilon)
        return ascent.ascend(
            objective.objective(logits_fn, images, labels),
            images,
            step=lambda gradient: steps.sign(gradient, self.step_size),
            project=projections.ball(images, epsilon, projections.linf),
            num_steps=self.num_steps,
        )
