"""Random perturbations that ask nothing of the network (Kurakin et al., 2017).

Differs: images are clipped to [0, 255], which no formula of the paper shows; its
authors' released evaluation code does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from keras import ops

from common.attacks import checks, projections, starts


@dataclasses.dataclass(frozen=True)
class RandomSign:
    """Every pixel up or down by epsilon: the sign of a standard normal.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].

    Raises:
      ValueError: epsilon outside (0.05, 64], when the attack is built.
    """

    epsilon: Any
    num_steps: ClassVar[int] = 0  # passes through the network

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
        """Returns images [B, H, W, C] in [0, 255] by the seed: int, or int64 [B].

        Network and labels have no use.
        """
        return _add(starts.random_sign, images, self.epsilon, seed)


@dataclasses.dataclass(frozen=True)
class RandomTruncatedNormal:
    """A normal of standard deviation epsilon / 2 on every pixel, truncated at epsilon.

    What lies beyond epsilon is drawn again, not moved to the bound. The text of the
    paper that we could read says "0.5 standard deviation"; that a lost symbol makes it
    0.5 epsilon is our reading.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].

    Raises:
      ValueError: epsilon outside (0.05, 64], when the attack is built.
    """

    epsilon: Any
    num_steps: ClassVar[int] = 0  # passes through the network

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
        """Returns images [B, H, W, C] in [0, 255] by the seed: int, or int64 [B].

        Network and labels have no use.
        """
        return _add(starts.truncated_normal, images, self.epsilon, seed)


def _add(law: Callable[..., Any], images: Any, epsilon: Any, seed: Any) -> Any:
    images = checks.checked_images(images)
    epsilon = checks.per_image(epsilon)
    project = projections.ball(images, epsilon, projections.linf)
    return ops.stop_gradient(project(images + law(images, epsilon, seed)))
