"""Auto-PGD: momentum, and step sizes that each image halves for itself.

Source: Croce 2020, "Reliable evaluation of adversarial robustness with an ensemble of
diverse parameter-free attacks", section 3 and algorithm 1.

Differs: cross-entropy is climbed by the log odds against the label, see `objective`.
As in the authors' code, and not in the paper, a start has an entry at the bound.
"""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from common import backend
from common.attacks import attack, checks, halving, losses, memory, starts, steps
from common.lazy import ops, tree
from common.names import lookup

CHUNK = 20  # steps of a chunk, where a restart can be cut into several
MOMENTUM = 0.25  # share of the last change in the next
UNFINISHED = 0.05  # of the best loss, by which it must not rise at the last look
# Name -> (labels, targets, logits) -> losses [B].
LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "cross_entropy": lambda labels, _, z: losses.log_odds_against(labels, z),
    "margin": lambda labels, _, z: losses.margin(labels, z),
    "dlr": lambda labels, _, z: losses.dlr(labels, z),
    "gap_scaled": lambda labels, _, z: losses.gap_scaled(labels, z),
    "targeted_dlr": losses.targeted_dlr,
}
TARGETED = ("targeted_dlr",)


class State(NamedTuple):
    """How far each image has come.

    Attributes:
      images: float32 [B, H, W, C], where it stands.
      previous: likewise, one step before.
      best: likewise, where its loss was largest.
      best_sign: likewise, of the gradient there.
      memory: of the points that fool the network.
      target: int32 [B], a class.
      progress: of its step size.
    """

    images: Any
    previous: Any
    best: Any
    best_sign: Any
    memory: memory.Memory
    target: Any
    progress: halving.Progress


@dataclasses.dataclass(frozen=True)
class APGD(attack.InBall):
    """Auto-PGD in the L-infinity ball, which looks at every iterate.

    Images go their way alone, so a batch may hold any radii, losses, targets and
    numbers of steps. A call returns of each image the last iterate that fools the
    network or, if none does, the last one.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      num_steps: of each restart. In an evaluation, where images of several attacks
        share a batch, also int32 [B].
      loss: a name in `LOSSES`; likewise also int32 [B] of their places there.
      num_restarts: starts tried. Of a targeted loss each leads to another class, the
        likeliest wrong one first; whichever wrong class it meets, it has succeeded.
      samples: passes of which an iterate has the mean gradient, loss and logits, where
        the network answers by chance.

    Raises:
      ValueError: a value out of range, when the attack is built; steps of each image,
        when it is called.
    """

    num_steps: Any = 100
    loss: Any = "cross_entropy"
    num_restarts: int = 1
    samples: int = 1

    def _check(self) -> None:
        super()._check()
        if not _is_tensor(self.num_steps):
            checks.check_count("num_steps", self.num_steps)
        checks.check_count("num_restarts", self.num_restarts)
        checks.check_count("samples", self.samples)
        if not _is_tensor(self.loss):
            lookup(LOSSES, self.loss, "attack loss")

    @property
    def rounds(self) -> attack.Rounds:
        """Restarts, cut where they are a multiple of `CHUNK` steps.

        Where the network answers by chance they are not, since each chunk is judged,
        and each judgement would be another chance to be wrong.
        """
        is_known = isinstance(self.num_steps, int) and not self.allows_chance
        is_cut = is_known and self.num_steps % CHUNK == 0
        chunks = self.num_steps // CHUNK if is_cut else 1
        return attack.Rounds(
            *(self.num_steps, chunks, self.num_restarts),
            gradients=self.samples,
            asked=1,
        )

    @property
    def allows_chance(self) -> bool:
        """Whether it takes means over several passes."""
        return self.samples > 1

    @property
    def has_targets(self) -> bool:
        """Whether restarts lead to one wrong class each, as the loss says."""
        return isinstance(self.loss, str) and self.loss in TARGETED

    @property
    def numbers(self) -> dict[str, Any]:
        """None: they are said for each image."""
        return {}

    @property
    def per_image(self) -> dict[str, Any]:
        """Radius, steps and loss, of which images of one batch may have their own."""
        return {
            "epsilon": np.float32(self.epsilon),
            "num_steps": np.int32(self.num_steps),
            "loss": np.int32(list(LOSSES).index(self.loss)),
        }

    @property
    def kind(self) -> APGD:
        """One for all that the attack may be, but for its samples."""
        own = {name: getattr(APGD, name) for name in ("num_steps", "loss")}
        return dataclasses.replace(self, epsilon=1.0, num_restarts=1, **own)

    def solve(self, problem: attack.Problem) -> Any:
        """Returns the adversarial images of all restarts.

        Raises:
          ValueError: steps of each image.
        """
        if _is_tensor(self.num_steps) and len(self.num_steps.shape):
            raise ValueError(
                "A call takes one number of steps for all images. "
                f"Received: num_steps={self.num_steps}"
            )
        return super().solve(problem)

    def start(self, problem: attack.Problem) -> State:
        """Returns random points of the ball, each with an entry at its bound."""
        images, epsilon = problem.images, checks.per_image(self.epsilon)
        noise = starts.uniform_linf(images, 1.0, problem.seed)
        begun = self.project(images)(images + steps.along_linf(noise, epsilon))
        none = ops.zeros_like(images[:, 0, 0, 0])
        radius = ops.reshape(ops.cast(epsilon, "float32"), (-1,))
        return State(
            images=begun,
            previous=begun,
            best=begun,
            best_sign=ops.zeros_like(begun),
            memory=memory.begin(begun),
            target=attack.wrong_class(problem),
            progress=halving.begin(none + 2.0 * radius, self.num_steps),
        )

    def blank(self, images: Any) -> State:
        """Returns arrays of the form of a state of these images; none is read."""
        targets, progress = np.zeros(len(images), np.int32), halving.blank(len(images))
        found = memory.blank(images)
        return State(images, images, images, images, found, targets, progress)

    def proceed(
        self, problem: attack.Problem, state: Any, climbed: Any, num_steps: Any
    ) -> State:
        """Returns the state some steps further on; each image climbs its own loss."""
        project = self.project(problem.images)

        def body(_: Any, state: State) -> State:
            return self._step(problem, state, project)

        reached = ops.fori_loop(0, num_steps, body, state)
        checks.check_moved(climbed, state.images, reached.images)
        return tree.map_structure(ops.stop_gradient, reached)

    def judged(self, state: State) -> Any:
        """Returns the last iterate that fools the network, or else the last one."""
        return state.memory.or_else(state.images)

    def is_unfinished(self, state: State) -> Any:
        """Returns bool [B]: the best loss still rose by a share of it at the end."""
        progress = state.progress
        return progress.gained > UNFINISHED * abs(progress.best)

    def ascended(self, problem: attack.Problem) -> Callable[[Any], Any]:
        """Returns adversarial images -> the sum of their losses."""

        def climbed(adv_images: Any) -> Any:
            targets, logits = attack.wrong_class(problem), problem.logits_fn(adv_images)
            return ops.sum(self._losses(problem.labels, targets, logits))

        return climbed

    def _step(
        self, problem: attack.Problem, state: State, project: Callable[[Any], Any]
    ) -> State:
        """Returns the state after one pass through the network, and a step."""
        here = state.images
        losses, logits, gradient = self._asked(problem, state.target, here)
        sign = ops.sign(checks.finite(gradient))
        progress, is_best, goes_back = halving.after(
            state.progress, losses, self.num_steps
        )
        best = attack.select(is_best, here, state.best)
        best_sign = attack.select(is_best, sign, state.best_sign)
        begin = attack.select(goes_back, best, here)
        change = attack.select(goes_back, best_sign, sign)
        length = ops.reshape(progress.size, (-1, 1, 1, 1))
        stepped = project(begin + length * change)
        onward = stepped + MOMENTUM * (begin - state.previous - (stepped - begin))
        return State(
            images=attack.select(state.progress.taken == 0, stepped, project(onward)),
            previous=begin,
            best=best,
            best_sign=best_sign,
            memory=state.memory.after(here, problem.labels, logits),
            target=state.target,
            progress=progress,
        )

    def _asked(self, problem: attack.Problem, targets: Any, images: Any) -> Any:
        """Returns losses [B], logits and gradients of images, of means over samples."""

        def climbed(adv_images: Any) -> Any:
            logits = problem.logits_fn(adv_images)
            losses = self._losses(problem.labels, targets, logits)
            return ops.sum(losses), losses, ops.cast(logits, "float32")

        def sample() -> Any:
            (_, *seen), gradient = backend.value_and_gradients(climbed, images)
            return *seen, gradient

        def add(_: Any, sums: Any) -> Any:
            return tree.map_structure(ops.add, sums, sample())

        if self.samples == 1:
            return sample()
        sums = ops.fori_loop(1, self.samples, add, sample())
        return tree.map_structure(lambda total: total / self.samples, sums)

    def _losses(self, labels: Any, targets: Any, logits: Any) -> Any:
        """Returns float32 [B], what each image climbs."""
        if isinstance(self.loss, str):
            return LOSSES[self.loss](labels, targets, logits)
        every = [loss(labels, targets, logits) for loss in LOSSES.values()]
        chosen = ops.stack(every, axis=-1), self.loss[:, None]
        return ops.take_along_axis(*chosen, axis=-1)[:, 0]


def _is_tensor(value: Any) -> bool:
    """Whether a value is in a tensor or an array, and is not looked at."""
    return hasattr(value, "shape") and not isinstance(value, numbers.Number)
