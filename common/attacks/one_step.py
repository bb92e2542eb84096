"""What the attacks without iterations share: a radius, and one step of that length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from common.attacks import ascent, checks, objective, steps


@dataclasses.dataclass(frozen=True)
class Radius:
    """The one field of these attacks.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].

    Raises:
      ValueError: epsilon outside (0.05, 64], when the attack is built.
    """

    epsilon: Any

    def __post_init__(self) -> None:
        checks.check_epsilon(self.epsilon)


class OneStep(Radius):
    """One step of length epsilon on a loss at a class; an attack names both.

    Attributes:
      source: the class of the loss, a key of `objective.SOURCES`.
      step: a function of `steps`: gradient, length -> change.
    """

    source: ClassVar[str] = "true"
    step: ClassVar[Any] = staticmethod(steps.sign)

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns adversarial images [B, H, W, C] in [0, 255].

        Args:
          logits_fn: images -> logits [B, K].
          images: float32 [B, H, W, C] in [0, 255].
          labels: int32 [B]; of no use where the network decides on the class.
          seed: int or int64 [B]; of use where the class is drawn.
        """
        images = checks.checked_images(images)
        ascended = objective.objective(
            logits_fn, images, labels, source=self.source, one_step=True, seed=seed
        )
        return ascent.one_step(ascended, images, self.epsilon, self.step)
