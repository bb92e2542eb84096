"""Projected gradient descent (Madry et al., 2018), with restarts and in chunks."""

from __future__ import annotations

import dataclasses
from typing import Any

from common import backend
from common.attacks import ascent, attack, checks, memory, objective, starts
from common.lazy import ops, tree
from common.names import lookup

# The value of `targeted` -> where the class of the loss comes from.
TARGETED = {"no": "true", "random": "random", "least_likely": "least_likely"}
_COIN_STREAM = -4  # of the seed; `starts` lists the other streams


@dataclasses.dataclass(frozen=True)
class PGD(ascent.Ascent):
    """L-infinity PGD: `adv_images = PGD(...)(logits_fn, images, labels, seed=0)`.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      step_size: length of a step, in the same unit.
      num_steps: steps of each restart: int, or an integer tensor.
      random_start: start uniform in the ball, or at the image.
      loss: `cross_entropy`, or `margin` for the Carlini-Wagner loss at confidence 0.
      targeted: `no`, `random` (uniform over the wrong classes) or `least_likely`, by
        the network, which may be the label of an image that it has wrong.
      num_restarts: starts tried; an image keeps the first that fools the network.
      clean_start: probability that a call starts at the images, in [0, 1). One coin
        for the whole call, which the seed tosses; so a call takes one seed.
      reaching: take steps of at least epsilon / num_steps, so that they reach the
        boundary of the ball.
      every_iterate: look at the class of every iterate, which the pass for the gradient
        gives as well. If iterates fool the network, the last of them is the result.
        Not for a targeted attack.

    Raises:
      ValueError: a value out of range, when the attack is built; images outside
        [0, 255], when it is called.
    """

    step_size: Any
    num_steps: Any
    random_start: bool = True
    loss: str = "cross_entropy"
    targeted: str = "no"
    num_restarts: int = 1
    clean_start: float = 0.0
    reaching: bool = False
    every_iterate: bool = False

    def _check(self) -> None:
        super()._check()
        checks.check_steps(self.step_size, self.num_steps)
        lookup(dict.fromkeys(objective.LOSSES), self.loss, "attack loss")
        lookup(TARGETED, self.targeted, "targeted")
        checks.check_count("num_restarts", self.num_restarts)
        checks.check_flag("random_start", self.random_start)
        checks.check_flag("reaching", self.reaching)
        checks.check_flag("every_iterate", self.every_iterate)
        if self.every_iterate and self.is_targeted:
            raise ValueError(
                "every_iterate looks for any wrong class, not for a target: set "
                f"targeted=no. Received: targeted={self.targeted}"
            )
        draws = self.random_start or self.targeted == "random"
        if self.num_restarts > 1 and not draws:
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
    def rounds(self) -> attack.Rounds:
        """Restarts, cut where they are a multiple of `attack.CHUNK` steps."""
        chunks = self.num_steps // attack.CHUNK if self._is_cut else 1
        chosen = objective.asks(TARGETED[self.targeted])
        return attack.Rounds(self.num_steps, chunks, self.num_restarts, chosen=chosen)

    @property
    def beginning(self) -> PGD:
        """The first `attack.CHUNK` steps of a single restart that is cut there."""
        if self.num_restarts > 1 or not self._is_cut:
            return self
        return dataclasses.replace(
            self, num_steps=attack.CHUNK, step_size=float(self.length), reaching=False
        )

    @property
    def is_targeted(self) -> bool:
        """Whether the attack leads to a class, rather than away from the label."""
        return self.targeted != "no"

    @property
    def may_rest(self) -> bool:
        """Whether an image that fools the network stays where it is."""
        return self.loss == "margin"

    @property
    def length(self) -> Any:
        """Pixels of a step as it is taken: a number, or a tensor; can be per image."""
        step_size = checks.per_image(self.step_size)
        if not self.reaching:
            return step_size
        steps_across = ops.cast(self.num_steps, "float32")
        return ops.maximum(step_size, checks.per_image(self.epsilon) / steps_across)

    def start(self, problem: attack.Problem) -> Any:
        """Returns where a restart begins.

        Raises:
          ValueError: a seed for each image, but one coin for all.
        """
        begun = self._begun(problem)
        return (begun, memory.begin(begun)) if self.every_iterate else begun

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the state some steps further on."""
        if not self.every_iterate:
            return super().proceed(problem, state, climbed, num_steps)
        length, project = self.length, self.project(problem.images)

        def body(_: Any, state: Any) -> Any:
            here, seen = state
            (_, logits), gradient = backend.value_and_gradients(
                climbed.with_logits, here
            )
            change = self.step(checks.finite(gradient), length)
            return project(here + change), seen.after(here, problem.labels, logits)

        reached = ops.fori_loop(0, num_steps, body, state)
        checks.check_moved(climbed, state[0], reached[0], may_rest=self.may_rest)
        return tree.map_structure(ops.stop_gradient, reached)

    def judged(self, state: Any) -> Any:
        """Returns the last images, or those that have fooled the network before."""
        if not self.every_iterate:
            return state
        images, seen = state
        return seen.or_else(images)

    def blank(self, images: Any) -> Any:
        """Returns arrays of the form of a state of these images; none is read."""
        return (images, memory.blank(images)) if self.every_iterate else images

    def ascended(self, problem: attack.Problem) -> objective.Objective:
        """Returns the loss at the label, or minus the loss at the target."""
        return objective.objective(
            problem, source=TARGETED[self.targeted], loss=self.loss
        )

    def _begun(self, problem: attack.Problem) -> Any:
        """Returns the images where a restart begins."""
        images, seed = problem.images, problem.seed
        if not self.random_start:
            return images
        noise = starts.uniform_linf(images, checks.per_image(self.epsilon), seed)
        noisy = self.project(images)(images + noise)
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

    @property
    def _is_cut(self) -> bool:
        is_known = isinstance(self.num_steps, int)
        return is_known and self.num_steps % attack.CHUNK == 0
