"""One step along the gradient itself, or up the entropy (Kurakin et al., 2017).

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.attacks import ascent, attack, losses, steps
from common.attacks.one_step import OneStep
from common.lazy import ops


class FastEntropy(ascent.Ascent):
    """One sign step of length epsilon up the entropy of the predicted distribution.

    The paper describes it in words; that the step is FGSM's is how we read them.
    """

    def ascended(self, problem: attack.Problem) -> Callable[[Any], Any]:
        """Returns the sum of the entropies."""
        return lambda adv_images: ops.sum(losses.entropy(problem.logits_fn(adv_images)))


class FastGradL2(OneStep):
    """The gradient of the cross-entropy at the true label, at L2 norm epsilon.

    The norm is that of each image's perturbation in pixels of 255, so that no pixel
    moves by more than epsilon.
    """

    step = staticmethod(steps.along_l2)


class FastGradLinf(OneStep):
    """The gradient of the cross-entropy at the true label, at L-infinity norm epsilon.

    Unlike FGSM, it moves only the pixel of the largest derivative by epsilon.
    """

    step = staticmethod(steps.along_linf)
