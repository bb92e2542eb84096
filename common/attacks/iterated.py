"""Small sign steps from the image, clipped to the ball each time.

Both are of Kurakin et al. (2017), section 2. The class of the loss is fixed before the
first step: what the network decides, it decides on the clean image.

Differs: images are clipped to [0, 255] too, which the paper's formulas do not show; its
authors' released evaluation code does.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from common import recipe
from common.attacks import ascent, checks, objective, projections, steps


@dataclasses.dataclass(frozen=True)
class IterBasic:
    """FGSM repeated in small steps.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step; 1 in the paper.
      num_steps: or None for the paper's min(epsilon + 4, 1.25 epsilon), rounded up
        (the rounding is not stated; ours), which takes epsilon as a number.
      source: whose class it goes up from: `true`, or `predicted` by the network.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    epsilon: Any
    step_size: Any = 1.0
    num_steps: Any = None
    source: str = "true"

    def __post_init__(self) -> None:
        _check(self, ("true", "predicted"))

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns adversarial images [B, H, W, C] in [0, 255]; the seed has no use."""
        return _iterate(self, logits_fn, images, labels, seed=seed)


@dataclasses.dataclass(frozen=True)
class IterLL:
    """StepLL repeated in small steps.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step; 1 in the paper.
      num_steps: or None for the number that `IterBasic` takes, which the attack then
        has: with another epsilon, say so again.
      source: which class it goes down towards: `least_likely`, or `random` for one
        uniform over those that are not the label.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    epsilon: Any
    step_size: Any = 1.0
    num_steps: Any = None
    source: str = "least_likely"

    def __post_init__(self) -> None:
        _check(self, ("least_likely", "random"))

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns adversarial images [B, H, W, C] in [0, 255].

        The seed (int, or int64 [B]) draws random targets and has no other use.
        """
        return _iterate(self, logits_fn, images, labels, seed=seed)


def _check(attack: Any, sources: tuple[str, ...]) -> None:
    """Refuses values out of range, and fills in the number of steps."""
    checks.check_epsilon(attack.epsilon)
    recipe.lookup(dict.fromkeys(sources), attack.source, "source of the class")
    if attack.num_steps is None:
        if not isinstance(attack.epsilon, (int, float)):
            raise ValueError(
                "num_steps must be given with an epsilon that is no number. "
                f"Received: num_steps=None, epsilon={type(attack.epsilon).__name__}"
            )
        num_steps = math.ceil(min(attack.epsilon + 4, 1.25 * attack.epsilon))
        object.__setattr__(attack, "num_steps", num_steps)
    checks.check_steps(attack.step_size, attack.num_steps)


def _iterate(
    attack: Any,
    logits_fn: Callable[[Any], Any],
    images: Any,
    labels: Any,
    *,
    seed: Any,
) -> Any:
    images = checks.checked_images(images)
    step_size = checks.per_image(attack.step_size)
    return ascent.ascend(
        objective.objective(logits_fn, images, labels, source=attack.source, seed=seed),
        images,
        step=lambda gradient: steps.sign(gradient, step_size),
        project=projections.ball(
            images, checks.per_image(attack.epsilon), projections.linf
        ),
        num_steps=attack.num_steps,
    )
