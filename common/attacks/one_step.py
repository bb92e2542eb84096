"""What the attacks of one step on a cost share: a radius, and a step of that length."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from common.attacks import ascent, attack, objective
from common.attacks import cost as costs


@dataclasses.dataclass(frozen=True)
class OneStep(ascent.Ascent):
    """One step of length epsilon on a cost at a class; an attack names the class.

    Attributes:
      cost: that is ascended; hard labels by default.
      source: the class of the loss, a key of `objective.SOURCES`.
    """

    cost: costs.TrainingCost = costs.HARD

    source: ClassVar[str] = "true"

    def ascended(self, problem: attack.Problem) -> objective.Objective:
        """Returns the cost at the class, up from it or down towards it."""
        return objective.objective(
            problem, source=self.source, cost=self.cost, one_step=True
        )
