"""A few large steps towards each wrong class: what breaks most images for little.

Source: Gowal 2019, "An alternative surrogate loss for PGD-based adversarial testing":
z_target - z_label for one target after the other.

Differs: steps shorten along half a cosine, from 2 epsilon to almost 0.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from common import backend
from common.attacks import attack, checks, losses, memory, objective, starts, steps
from common.lazy import ops, tree


class State(NamedTuple):
    """How far each image has come.

    Attributes:
      images: float32 [B, H, W, C], where it stands.
      memory: of the points that fool the network.
      target: int32 [B], a class.
      taken: int32 [B], steps behind it.
    """

    images: Any
    memory: memory.Memory
    target: Any
    taken: Any


@dataclasses.dataclass(frozen=True)
class MultiTargeted(attack.InBall):
    """Sign steps up z_target - z_label in the L-infinity ball, from random starts.

    A call returns of each image the last iterate that fools the network, whichever
    wrong class it has, or else the last one.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      num_steps: of each restart: int, or an integer tensor.
      num_restarts: each leads to another class, the likeliest wrong one first.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    num_steps: Any = 10
    num_restarts: int = 9

    def _check(self) -> None:
        super()._check()
        checks.check_steps(1.0, self.num_steps)
        checks.check_count("num_restarts", self.num_restarts)

    @property
    def rounds(self) -> attack.Rounds:
        """A restart for each target."""
        return attack.Rounds(self.num_steps, restarts=self.num_restarts, asked=1)

    @property
    def has_targets(self) -> bool:
        """Whether restarts lead to one wrong class each: always."""
        return True

    def start(self, problem: attack.Problem) -> State:
        """Returns points uniform in the ball, and the class that each is to reach."""
        images, epsilon = problem.images, checks.per_image(self.epsilon)
        noise = starts.uniform_linf(images, epsilon, problem.seed)
        begun = self.project(images)(images + noise)
        target = attack.wrong_class(problem)
        return State(begun, memory.begin(begun), target, ops.zeros_like(target))

    def blank(self, images: Any) -> State:
        """Returns arrays of the form of a state of these images; none is read."""
        counts = np.zeros(len(images), np.int32)
        return State(images, memory.blank(images), counts, counts)

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> State:
        """Returns the state some steps further on; each image has its own target."""
        epsilon, project = checks.per_image(self.epsilon), self.project(problem.images)
        labels, target, all_steps = problem.labels, state.target, self.num_steps

        def towards(adv_images: Any) -> Any:
            logits = problem.logits_fn(adv_images)
            return ops.sum(losses.targeted_margin(labels, target, logits)), logits

        def body(_: Any, state: State) -> State:
            here = state.images
            (_, logits), gradient = backend.value_and_gradients(towards, here)
            share = ops.cast(state.taken, "float32") / ops.cast(all_steps, "float32")
            length = epsilon * (
                1.0 + ops.cos(math.pi * ops.reshape(share, (-1, 1, 1, 1)))
            )
            change = steps.sign(checks.finite(gradient), length)
            return State(
                project(here + change),
                state.memory.after(here, labels, logits),
                target,
                state.taken + 1,
            )

        reached = ops.fori_loop(0, num_steps, body, state)
        checks.check_moved(climbed, state.images, reached.images)
        return tree.map_structure(ops.stop_gradient, reached)

    def judged(self, state: State) -> Any:
        """Returns the last iterate that fools the network, or else the last one."""
        return state.memory.or_else(state.images)

    def ascended(self, problem: attack.Problem) -> Callable[[Any], Any]:
        """Returns adversarial images -> the sum of z_target - z_label."""
        return objective.towards_wrong(problem)
