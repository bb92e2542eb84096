"""What an evaluation takes beside attacks, as attacks: none at all, and functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common.attacks import attack, objective


@dataclasses.dataclass(frozen=True)
class Clean(attack.Attack):
    """The images as they are."""

    @property
    def rounds(self) -> attack.Rounds:
        """Without a step."""
        return attack.Rounds(num_steps=0)

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the images as they are."""
        return state

    def _check(self) -> None:
        """Has nothing to check."""


CLEAN = Clean()


@dataclasses.dataclass(frozen=True)
class Foreign(Clean):
    """A function that is called as an attack of the suite is, once for each image.

    Attributes:
      function: (logits_fn, images, labels, seed=) -> adversarial images. A `num_steps`
        of its own says how many forward and backward passes it takes, else it is 1.
    """

    function: Callable[..., Any]

    @property
    def rounds(self) -> attack.Rounds:
        """One restart of all steps."""
        return attack.Rounds(getattr(self.function, "num_steps", 1))

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the images of the function."""
        return self.function(*problem[:3], seed=problem.seed)

    def ascended(self, problem: attack.Problem) -> objective.Objective:
        """Returns the cross-entropy at the label, since what it climbs is not known."""
        return objective.objective(problem)


def adapted(given: Any) -> attack.Attack:
    """Returns an attack as it is, and anything else that is evaluated as one.

    Args:
      given: an attack, None for clean images, or a function as of `Foreign`.
    """
    if given is None:
        return CLEAN
    return given if isinstance(given, attack.Attack) else Foreign(given)
