"""Fast adaptive boundary attack (Croce and Hein, 2020), towards one class a restart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from common import backend
from common.attacks import attack, checks, losses, objective, projections
from common.lazy import ops

BIAS = 0.1  # largest share of the clean image in a step, alpha_max
OVERSHOOT = 1.05  # of the way to the hyperplane, eta
BACKWARD = 0.9  # of the way from the clean image, beta


class State(NamedTuple):
    """How far a restart has come with each image.

    Attributes:
      images: float32 [B, H, W, C], where the next step begins.
      adv_images: float32 [B, H, W, C], those that are judged.
      distance: float32 [B], between the clean image and the closest misclassified one
        so far: the largest |entry| of the change. It is infinite where there is none.
      target: int32 [B], the class that the restart leads to.
    """

    images: Any
    adv_images: Any
    distance: Any
    target: Any


@dataclasses.dataclass(frozen=True)
class FAB(attack.InBall):
    """The misclassified image that is closest to the clean one, by projections.

    A step takes z_target - z_label for linear. It projects the image, and the clean
    image, onto the hyperplane where this difference is 0, goes a little beyond, and
    takes a mean of both. An image that is misclassified there goes back by a tenth of
    its way from the clean image.

    No step knows epsilon, and nothing is drawn by chance. What is judged is the closest
    misclassified image, cut to the ball; where none was met, it is the last image, cut
    likewise. An image that the network has wrong before the attack is its own closest.
    A gradient or a difference that is not finite counts as 0.

    Differs: the paper ends with a search between the closest image and the clean one,
    which the released code leaves out. Its three passes would only put the image onto
    the boundary between two classes, where a rounding error decides what is judged; the
    cut to the ball brings it near enough. That code gives up where the closest image is
    outside the ball, if only by a rounding error, and looks at images only after the
    step forwards. Here they count after the step back, too, since the logits come with
    the next gradient.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].
      num_steps: steps of each restart: int, or an integer tensor.
      num_restarts: each leads to another class, the likeliest wrong one first;
        whichever wrong class it meets, it has succeeded.

    Raises:
      ValueError: a value out of range, when the attack is built.
    """

    num_steps: Any = 100
    num_restarts: int = 9

    @property
    def rounds(self) -> attack.Rounds:
        """A restart for each target; a step asks twice, once for the gradient."""
        return attack.Rounds(
            self.num_steps, restarts=self.num_restarts, forwards=1, asked=1
        )

    @property
    def has_targets(self) -> bool:
        """Whether restarts lead to one wrong class each: always."""
        return True

    def start(self, problem: attack.Problem) -> State:
        """Returns the clean images, with their targets."""
        images, target = problem.images, attack.wrong_class(problem)
        distance = ops.full_like(images[:, 0, 0, 0], float("inf"))
        return State(images, images, distance, target)

    def proceed(
        self, problem: attack.Problem, state: State, climbed: Any, num_steps: Any
    ) -> State:
        """Returns the state some steps further on."""
        project = self.project(problem.images)

        def body(_: Any, state: State) -> State:
            return _stepped(problem, state, project)

        state = ops.fori_loop(0, num_steps, body, state)
        checks.check_moved(climbed, problem.images, state.images)
        is_met = ops.isfinite(state.distance)
        adv_images = attack.select(is_met, state.adv_images, project(state.images))
        return state._replace(adv_images=ops.stop_gradient(adv_images))

    def judged(self, state: State) -> Any:
        """Returns the closest misclassified images, cut to the ball."""
        return state.adv_images

    def blank(self, images: Any) -> State:
        """Returns arrays of the form of a state of these images; none is read."""
        count = len(images)
        numbers, targets = np.zeros(count, np.float32), np.zeros(count, np.int32)
        return State(images, images, numbers, targets)

    def ascended(self, problem: attack.Problem) -> Callable[[Any], Any]:
        """Returns adversarial images -> the sum of z_target - z_label."""
        return objective.towards_wrong(problem)

    def _check(self) -> None:
        super()._check()
        checks.check_steps(1.0, self.num_steps)
        checks.check_count("num_restarts", self.num_restarts)


def _stepped(
    problem: attack.Problem, state: State, project: Callable[[Any], Any]
) -> State:
    """Returns the state after one pass with a gradient, and one without."""

    def ahead(images: Any) -> tuple[Any, Any, Any]:
        logits = problem.logits_fn(images)
        gaps = losses.targeted_margin(problem.labels, state.target, logits)
        return ops.sum(gaps), gaps, logits

    def seen(state: State, images: Any, fools: Any) -> State:
        distance = _length(images - problem.images)
        is_closer = fools & (distance < state.distance)
        return state._replace(
            adv_images=attack.select(is_closer, project(images), state.adv_images),
            distance=ops.where(is_closer, distance, state.distance),
        )

    here = state.images
    (_, gaps, logits), normal = backend.value_and_gradients(ahead, here)
    state = seen(state, here, attack.is_fooled(problem.labels, logits))
    normal, gaps = checks.finite(normal), checks.finite(gaps)
    moved = crossed(problem.images, here, normal, gaps)
    fools = attack.is_fooled(problem.labels, problem.logits_fn(moved))
    state = seen(state, moved, fools)
    back = problem.images + BACKWARD * (moved - problem.images)
    return state._replace(images=attack.select(fools, back, moved))


def crossed(clean: Any, images: Any, normal: Any, gaps: Any) -> Any:
    """Returns images a little beyond the hyperplane where a linear function is 0.

    Args:
      clean: float32 [B, H, W, C] in [0, 255], towards which the result is drawn.
      images: of the same form, at which the function is known.
      normal: of the same form, its gradient.
      gaps: float32 [B], its values.
    """
    along = ops.sum(normal * (images - clean), axis=(1, 2, 3))
    change = projections.hyperplane(images, normal, -gaps)
    clean_change = projections.hyperplane(clean, normal, along - gaps)
    length, clean_length = _length(change), _length(clean_change)
    share = _wide(ops.minimum(ops.divide_no_nan(length, length + clean_length), BIAS))
    from_images = images + OVERSHOOT * change
    from_clean = clean + OVERSHOOT * clean_change
    return projections.pixels((1.0 - share) * from_images + share * from_clean)


def _length(changes: Any) -> Any:
    """Returns the largest |entry| of each change, [B]."""
    return ops.max(ops.abs(changes), axis=(1, 2, 3))


def _wide(values: Any) -> Any:
    """Returns values [B] as [B, 1, 1, 1], one for each image."""
    return ops.reshape(values, (-1, 1, 1, 1))
