"""One step after a small random one, which leaves the bends around an image behind.

It is of Tramèr et al. (2018), section 4.1, with alpha = epsilon / 2 as in their Table
2. The least likely class is that of the image before the random step, as in the
evaluation code of the released networks.

Differs: images are clipped to [0, 255] after the random step, too.
"""

from __future__ import annotations

from typing import Any, ClassVar

from common.attacks import attack, checks, objective, starts
from common.attacks.one_step import OneStep


class RStepLL(OneStep):
    """R+Step-LL: half the radius up or down at random, then half of it as StepLL."""

    source: ClassVar[str] = "least_likely"

    @property
    def rounds(self) -> attack.Rounds:
        """One step, after the network was asked for the class."""
        return attack.Rounds(chosen=objective.asks(self.source))

    @property
    def length(self) -> Any:
        """Pixels of each of both steps, alpha and epsilon - alpha."""
        return checks.per_image(self.epsilon) / 2

    def start(self, problem: attack.Problem) -> Any:
        """Returns the images after the random step: the sign of a standard normal."""
        images = problem.images
        noise = starts.random_sign(images, self.length, problem.seed)
        return self.project(images)(images + noise)

    def ascended(self, problem: attack.Problem) -> objective.Objective:
        """Returns the cost down towards the least likely class of the clean images."""
        return objective.objective(problem, source=self.source, cost=self.cost)
