"""Small sign steps from the image, clipped to the ball each time.

Both are of Kurakin et al. (2017), section 2. The class of the loss is fixed before the
first step: what the network decides, it decides on the clean image.

Differs: images are clipped to [0, 255] too, which the paper's formulas do not show; its
authors' released evaluation code does.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, ClassVar

from common.attacks import ascent, attack, checks, objective
from common.attacks import cost as costs
from common.names import lookup


@dataclasses.dataclass(frozen=True)
class Iterated(ascent.Ascent):
    """Sign steps from the image; an attack says at which classes.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step; 1 in the paper.
      num_steps: or None for the paper's min(epsilon + 4, 1.25 epsilon), rounded up
        (the rounding is not stated; ours). Epsilon is a number then. The attack holds
        the number of steps that follows, so give `num_steps=None` again with another
        epsilon.
      source: the class of the cost, one of `sources`.
      cost: that is ascended; hard labels by default.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    step_size: Any = 1.0
    num_steps: Any = None
    source: str = ""
    cost: costs.TrainingCost = costs.HARD

    sources: ClassVar[tuple[str, ...]]

    @property
    def rounds(self) -> attack.Rounds:
        """One restart of all steps."""
        return attack.Rounds(self.num_steps, chosen=objective.asks(self.source))

    @property
    def length(self) -> Any:
        """Pixels of a step, `step_size`."""
        return checks.per_image(self.step_size)

    def ascended(self, problem: attack.Problem) -> objective.Objective:
        """Returns the cost at the class, which the clean images decide."""
        return objective.objective(problem, source=self.source, cost=self.cost)

    def _check(self) -> None:
        """Refuses values out of range, and fills in the number of steps."""
        super()._check()
        lookup(dict.fromkeys(self.sources), self.source, "source of the class")
        if self.num_steps is None:
            if not isinstance(self.epsilon, (int, float)):
                raise ValueError(
                    "num_steps must be given with an epsilon that is no number. "
                    f"Received: num_steps=None, epsilon={type(self.epsilon).__name__}"
                )
            num_steps = math.ceil(min(self.epsilon + 4, 1.25 * self.epsilon))
            object.__setattr__(self, "num_steps", num_steps)
        checks.check_steps(self.step_size, self.num_steps)


@dataclasses.dataclass(frozen=True)
class IterBasic(Iterated):
    """FGSM repeated in small steps, up from the label or the `predicted` class."""

    source: str = "true"

    sources: ClassVar[tuple[str, ...]] = ("true", "predicted")


@dataclasses.dataclass(frozen=True)
class IterLL(Iterated):
    """StepLL repeated in small steps.

    It goes down towards the `least_likely` class, or towards a `random` one, uniform
    over those that are not the label.
    """

    source: str = "least_likely"

    sources: ClassVar[tuple[str, ...]] = ("least_likely", "random")
