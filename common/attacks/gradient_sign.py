"""The fast gradient sign method and its three other choices of class.

FGSM is of Goodfellow et al. (2015). The label leaks into the images that it makes, so
Kurakin et al. (2017) also take the class that the network predicts, and targets.

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common.attacks import ascent, checks, objective


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
        images = checks.checked_images(images)
        ascended = objective.objective(logits_fn, images, labels)
        return ascent.one_step(ascended, images, self.epsilon)


@dataclasses.dataclass(frozen=True)
class FGSMPredicted:
    """FGSM at the class that the network predicts, in place of the label.

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
        ascended = objective.objective(
            logits_fn, images, labels, source="predicted", one_step=True
        )
        return ascent.one_step(ascended, images, self.epsilon)


@dataclasses.dataclass(frozen=True)
class StepLL:
    """One step of length epsilon down the cross-entropy at the least likely class.

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
        ascended = objective.objective(
            logits_fn, images, labels, source="least_likely", one_step=True
        )
        return ascent.one_step(ascended, images, self.epsilon)


@dataclasses.dataclass(frozen=True)
class StepRandom:
    """One step of length epsilon down the cross-entropy at a random wrong class.

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
        """Returns adversarial images [B, H, W, C]; the seed (or [B]) draws the class.

        Every class but the label is as likely; that the label is left out is ours, the
        paper calls the target random.
        """
        images = checks.checked_images(images)
        ascended = objective.objective(
            logits_fn, images, labels, source="random", seed=seed
        )
        return ascent.one_step(ascended, images, self.epsilon)
