"""Projected gradient descent (Madry et al., 2018), with restarts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops

from common import backend, recipe
from common.attacks import (
    ascent,
    checks,
    objective,
    projections,
    starts,
    steps,
)

# The value of `targeted` -> where the class of the loss comes from.
TARGETED = {"no": "true", "random": "random", "least_likely": "least_likely"}


@dataclasses.dataclass(frozen=True)
class PGD:
    """L-infinity PGD: `adv_images = PGD(...)(logits_fn, images, labels, seed=0)`.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step, in the same unit.
      num_steps: steps of each restart: int, or an integer tensor.
      random_start: start uniform in the ball, or at the image.
      loss: `cross_entropy`, or `margin` for the Carlini-Wagner loss at confidence 0.
      targeted: `no`, `random` (uniform over the wrong classes) or `least_likely`.
      num_restarts: starts tried; an image keeps the first that fools the network.

    Raises:
      ValueError: a value out of range, when the attack is built; images outside
        [0, 255], when it is called.
    """

    epsilon: Any
    step_size: Any
    num_steps: Any
    random_start: bool = True
    loss: str = "cross_entropy"
    targeted: str = "no"
    num_restarts: int = 1

    def __post_init__(self) -> None:
        checks.check_epsilon(self.epsilon)
        checks.check_steps(self.step_size, self.num_steps)
        recipe.lookup(objective.LOSSES, self.loss, "attack loss")
        recipe.lookup(TARGETED, self.targeted, "targeted")
        if self.num_restarts < 1:
            raise ValueError(
                "num_restarts must be at least 1. "
                f"Received: num_restarts={self.num_restarts}"
            )
        if self.num_restarts > 1 and not self.random_start:
            raise ValueError(
                "Restarts from one fixed start repeat each other: set "
                f"random_start=True. Received: num_restarts={self.num_restarts}"
            )

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns float32 [B, H, W, C] in [0, 255], within epsilon of the images.

        Args:
          logits_fn: images -> logits [B, K]; states the batch norm mode and branch.
          images: float32 [B, H, W, C] in [0, 255].
          labels: int32 [B].
          seed: int: the same seed gives the same images, whatever the batch split.
        """
        images = checks.checked_images(images)
        adv_images = self.restart(logits_fn, images, labels, seed=seed)
        if self.num_restarts == 1:
            return adv_images

        def body(index: Any, adv_images: Any) -> Any:
            fooled = ops.argmax(logits_fn(adv_images), axis=-1) != ops.cast(
                labels, "int32"
            )
            candidate = self.restart(
                logits_fn, images, labels, seed=restart_seed(seed, index)
            )
            return ops.where(fooled[:, None, None, None], adv_images, candidate)

        return ops.fori_loop(1, self.num_restarts, body, adv_images)

    def restart(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Any:
        """Returns the adversarial images of one start; arguments as for the call.

        Args:
          logits_fn: as for the call.
          images: as for the call.
          labels: as for the call.
          seed: also int64 [B], one for each image.
        """
        epsilon = checks.per_image(self.epsilon)
        project = projections.ball(images, epsilon, projections.linf)
        start = images
        if self.random_start:
            start = project(images + starts.uniform_linf(images, epsilon, seed))
        ascended = objective.objective(
            logits_fn,
            images,
            labels,
            source=TARGETED[self.targeted],
            loss=self.loss,
            seed=seed,
        )
        return ascent.ascend(
            ascended,
            start,
            step=lambda gradient: steps.sign(gradient, self.step_size),
            project=project,
            num_steps=self.num_steps,
        )


def restart_seed(seed: Any, index: Any) -> Any:
    """Returns the seed of a restart; the first restart is the attack without restarts.

    Args:
      seed: int or int64 scalar.
      index: integer scalar or [B].
    """
    return ops.where(ops.equal(index, 0), backend.fold(seed), backend.fold(seed, index))
