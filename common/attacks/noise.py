"""Random perturbations that ask nothing of the network (Kurakin et al., 2017).

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

from common.attacks import checks, projections, starts
from common.attacks.one_step import Radius


class Noise(Radius):
    """Images plus a draw of a law; an attack names the law.

    Attributes:
      num_steps: passes through the network.
      law: a function of `starts`: images, epsilon, seed -> perturbation.
    """

    num_steps: ClassVar[int] = 0
    law: ClassVar[Any]

    def crafted(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Any:
        """Returns images plus a draw; network and labels have no use."""
        epsilon = checks.per_image(self.epsilon)
        project = projections.ball(images, epsilon, projections.linf)
        return ops.stop_gradient(project(images + self.law(images, epsilon, seed)))


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
