"""Projected gradient descent (Madry et al., 2018), with restarts and in pieces.

A restart is `chooser` once, `start` once, and then `proceed` for its steps, all at once
or some at a time: an evaluation looks at the images in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from keras import ops

from common import backend
from common.attacks import (
    ascent,
    attack,
    checks,
    objective,
    projections,
    starts,
    steps,
)
from common.names import lookup

# The value of `targeted` -> where the class of the loss comes from.
TARGETED = {"no": "true", "random": "random", "least_likely": "least_likely"}
_COIN_STREAM = -4  # of the seed; random targets and the laws of starts have -1 to -3


@dataclasses.dataclass(frozen=True)
class PGD(attack.Attack):
    """L-infinity PGD: `adv_images = PGD(...)(logits_fn, images, labels, seed=0)`.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step, in the same unit.
      num_steps: steps of each restart: int, or an integer tensor.
      random_start: start uniform in the ball, or at the image.
      loss: `cross_entropy`, or `margin` for the Carlini-Wagner loss at confidence 0.
      targeted: `no`, `random` (uniform over the wrong classes) or `least_likely`.
      num_restarts: starts tried; an image keeps the first that fools the network.
      clean_start: probability that a call starts at the images, in [0, 1). One coin
        for the whole call, which the seed tosses; so a call takes one seed.
      reaching: take steps of at least epsilon / num_steps, so that they reach the
        boundary of the ball.

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
    clean_start: float = 0.0
    reaching: bool = False

    def _check(self) -> None:
        checks.check_epsilon(self.epsilon)
        checks.check_steps(self.step_size, self.num_steps)
        lookup(dict.fromkeys(objective.LOSSES), self.loss, "attack loss")
        lookup(TARGETED, self.targeted, "targeted")
        checks.check_count("num_restarts", self.num_restarts)
        checks.check_flag("random_start", self.random_start)
        checks.check_flag("reaching", self.reaching)
        if self.num_restarts > 1 and not self.random_start:
            raise ValueError(
                "Restarts from one fixed start repeat each other: set "
                f"random_start=True. Received: num_restarts={self.num_restarts}"
            )
        if not (
            isinstance(self.clean_start, int | float) and 0 <= self.clean_start < 1
        ):
            raise ValueError(
                "clean_start is a probability in [0, 1); random_start=False starts at "
                f"the images always. Received: clean_start={self.clean_start}"
            )
        if self.clean_start and (not self.random_start or self.num_restarts > 1):
            raise ValueError(
                "clean_start chooses between two kinds of one start: set "
                "random_start=True and num_restarts=1. Received: "
                f"clean_start={self.clean_start}, random_start={self.random_start}, "
                f"num_restarts={self.num_restarts}"
            )

    @property
    def is_targeted(self) -> bool:
        """Whether the attack leads to a class, rather than away from the label."""
        return self.targeted != "no"

    @property
    def length(self) -> Any:
        """Pixels of a step as it is taken: a number, or a tensor; can be per image."""
        step_size = checks.per_image(self.step_size)
        if not self.reaching:
            return step_size
        steps_across = ops.cast(self.num_steps, "float32")
        return ops.maximum(step_size, checks.per_image(self.epsilon) / steps_across)

    def crafted(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Any:
        """Returns the first start's images that fool the network, or the last's."""
        adv_images = self.restart(logits_fn, images, labels, seed=seed)
        if self.num_restarts == 1:
            return adv_images

        def body(index: Any, adv_images: Any) -> Any:
            fooled = ops.argmax(logits_fn(adv_images), axis=-1) != labels
            candidate = self.restart(
                logits_fn, images, labels, seed=restart_seed(seed, index)
            )
            return ops.where(fooled[:, None, None, None], adv_images, candidate)

        return ops.fori_loop(1, self.num_restarts, body, adv_images)

    def ascended(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Callable[[Any], Any]:
        """Returns the loss at the label, or minus the loss at the target."""
        choose = self.chooser(logits_fn, images, labels, seed=seed)
        return self._objective(logits_fn, choose)

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
        choose = self.chooser(logits_fn, images, labels, seed=seed)
        start = self.start(images, seed=seed)
        return self.proceed(
            logits_fn, start, images=images, choose=choose, num_steps=self.num_steps
        )

    def chooser(
        self, logits_fn: Callable[[Any], Any], images: Any, labels: Any, *, seed: Any
    ) -> Callable[[Any], Any]:
        """Returns logits [B, K] -> int [B]: the target; untargeted, the label.

        Arguments as for `restart`. The logits say how many classes there are.
        """
        return objective.chooser(
            logits_fn, images, labels, source=TARGETED[self.targeted], seed=seed
        )

    def start(self, images: Any, *, seed: Any) -> Any:
        """Returns where a restart begins.

        Args:
          images: as for the call.
          seed: as for `restart`; with `clean_start`, a scalar.

        Raises:
          ValueError: a seed for each image, but one coin for all.
        """
        if not self.random_start:
            return images
        noise = starts.uniform_linf(images, checks.per_image(self.epsilon), seed)
        noisy = self._project(images)(images + noise)
        if not self.clean_start:
            return noisy
        seed = backend.fold(seed, _COIN_STREAM)
        if len(seed.shape):
            raise ValueError(
                "clean_start is one coin for all images of a call, and an evaluation "
                "has a seed for each: set clean_start=0. "
                f"Received: clean_start={self.clean_start}"
            )
        return ops.where(backend.uniform((), seed) < self.clean_start, images, noisy)

    def proceed(
        self,
        logits_fn: Callable[[Any], Any],
        adv_images: Any,
        *,
        images: Any,
        choose: Callable[[Any], Any],
        num_steps: Any,
    ) -> Any:
        """Returns the adversarial images some steps further on.

        Args:
          logits_fn: as for the call.
          adv_images: of `start`, or what this method has returned for the same images.
          images: as for the call.
          choose: of `chooser`, for the same images and seed.
          num_steps: int, or an integer tensor; the attack's own or fewer.
        """
        length = self.length
        return ascent.ascend(
            self._objective(logits_fn, choose),
            adv_images,
            step=lambda gradient: steps.sign(gradient, length),
            project=self._project(images),
            num_steps=num_steps,
            may_rest=self.loss == "margin",
        )

    def _objective(
        self, logits_fn: Callable[[Any], Any], choose: Callable[[Any], Any]
    ) -> Callable[[Any], Any]:
        source = TARGETED[self.targeted]
        return objective.at_class(choose, logits_fn, source=source, loss=self.loss)

    def _project(self, images: Any) -> Callable[[Any], Any]:
        epsilon = checks.per_image(self.epsilon)
        return projections.ball(images, epsilon, projections.linf)


def restart_seed(seed: Any, index: Any) -> Any:
    """Returns the seed of a restart; the first restart is the attack without restarts.

    Args:
      seed: int or int64 scalar.
      index: integer scalar or [B].
    """
    is_first = ops.equal(index, 0)
    return backend.select(is_first, backend.fold(seed), backend.fold(seed, index))
