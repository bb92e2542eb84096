"""What the attacks without iterations share: a radius, and one step of that length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from common.attacks import ascent, attack, checks, objective, steps
from common.attacks import cost as costs


@dataclasses.dataclass(frozen=True)
class Radius(attack.Attack):
    """The one field of these attacks.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].

    Raises:
      ValueError: epsilon outside (0.05, 128], when the attack is built.
    """

    epsilon: Any

    def _check(self) -> None:
        checks.check_epsilon(self.epsilon)


@dataclasses.dataclass(frozen=True)
class OneStep(Radius):
    """One step of length epsilon on a cost at a class; an attack names both.

    Attributes:
      cost: that is ascended; hard labels by default.
      source: the class of the loss, a key of `objective.SOURCES`.
      step: a function of `steps`: gradient, length -> change.
    """

    cost: costs.TrainingCost = costs.HARD

    source: ClassVar[str] = "true"
    step: ClassVar[Any] = staticmethod(steps.sign)

    def crafted(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Any:
        """Returns the images one step on."""
        ascended = self.ascended(logits_fn, images, labels, seed=seed)
        return ascent.one_step(ascended, images, self.epsilon, self.step)

    def ascended(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Callable[[Any], Any]:
        """Returns the cost at the class, up from it or down towards it."""
        return objective.objective(
            logits_fn,
            images,
            labels,
            source=self.source,
            cost=self.cost,
            one_step=True,
            seed=seed,
        )
