"""Random perturbations that ask nothing of the network (Kurakin et al., 2017).

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

from typing import Any, ClassVar

from common.attacks import attack, checks, starts
from common.lazy import ops


class Noise(attack.InBall):
    """Images plus a draw of a law; an attack names the law.

    Attributes:
      law: a function of `starts`: images, epsilon, seed -> perturbation.
    """

    law: ClassVar[Any]

    @property
    def rounds(self) -> attack.Rounds:
        """One restart, without a step."""
        return attack.Rounds(num_steps=0)

    def start(self, problem: attack.Problem) -> Any:
        """Returns images plus a draw; network and labels have no use."""
        images, epsilon = problem.images, checks.per_image(self.epsilon)
        drawn = self.law(images, epsilon, problem.seed)
        return ops.stop_gradient(self.project(images)(images + drawn))

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the images as they are."""
        return state


class RandomSign(Noise):
    """Every pixel up or down by epsilon: the sign of a standard normal."""

    law = staticmethod(starts.random_sign)


class RandomTruncatedNormal(Noise):
    """A normal of standard deviation epsilon / 2 on every pixel, truncated at epsilon.

    What lies beyond epsilon is drawn again, not moved to the bound. The text of the
    paper that we could read says "0.5 standard deviation"; that a lost symbol makes it
    0.5 epsilon is our reading.
    """

    law = staticmethod(starts.truncated_normal)
