"""One step along the gradient itself, or up the entropy (Kurakin et al., 2017).

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops

from common.attacks import ascent, checks, losses, objective, steps


@dataclasses.dataclass(frozen=True)
class FastEntropy:
    """One sign step of length epsilon up the entropy of the predicted distribution.

    The paper describes it in words; that the step is FGSM's is how we read them.

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
        """Returns adversarial images [B, H, W, C]; labels and seed have no use."""
        images = checks.checked_images(images)

        def ascended(adv_images: Any) -> Any:
            return ops.sum(losses.entropy(logits_fn(adv_images)))

        return ascent.one_step(ascended, images, self.epsilon)


@dataclasses.dataclass(frozen=True)
class FastGradL2:
    """The gradient of the cross-entropy at the true label, at L2 norm epsilon.

    Attributes:
      epsilon: L2 norm of each image's perturbation in pixels of 255, which no pixel
        exceeds: a number, or float32 [B] or [B, 1, 1, 1].

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
        images = checks.checked_images(images)
        ascended = objective.objective(logits_fn, images, labels)
        return ascent.one_step(ascended, images, self.epsilon, steps.along_l2)


@dataclasses.dataclass(frozen=True)
class FastGradLinf:
    """The gradient of the cross-entropy at the true label, at L-infinity norm epsilon.

    Unlike FGSM, it moves only the pixel of the largest derivative by epsilon.

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
        images = checks.checked_images(images)
        ascended = objective.objective(logits_fn, images, labels)
        return ascent.one_step(ascended, images, self.epsilon, steps.along_linf)
