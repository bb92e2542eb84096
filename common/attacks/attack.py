"""The contract of every attack.

An attack is a frozen dataclass: its fields are what a record has of it, and its `repr`
names it. Called as `attack(logits_fn, images, labels, seed=0)`, it checks what it is
given and returns adversarial images.

It is made of restarts, and says by `rounds` how many. A restart is `start` once, and
then `proceed` for its steps, which climb what is `ascended`: all steps at once, or in
chunks, with a state in between. What is `judged` of a state are adversarial images. An
evaluation goes the same way, and looks at the images after each chunk; so it can drop
those on which the attack has reached its goal.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from common import backend
from common.attacks import answers, checks, projections
from common.lazy import ops

CHUNK = 100  # steps of a chunk, where a restart can be cut into several
# Fields that may be tensors, with their types: a compiled function takes them so, and
# is not compiled again for another value.
NUMBERS = {"epsilon": "float32", "step_size": "float32", "num_steps": "int32"}


class Problem(NamedTuple):
    """What an attack is to solve: images to be misclassified, as tensors.

    Attributes:
      logits_fn: images -> logits [B, K]; states the batch norm mode and branch.
      images: float32 [B, H, W, C] in [0, 255], before the attack.
      labels: int32 [B].
      seed: int, or int64 [B] with one for each image; of the restart.
      restart: integer, or int64 [B]: the number of the restart, from 0.
    """

    logits_fn: Callable[[Any], Any]
    images: Any
    labels: Any
    seed: Any = 0
    restart: Any = 0


@dataclasses.dataclass(frozen=True)
class Rounds:
    """How often an attack begins, how it goes on, and what that costs.

    Attributes:
      num_steps: of a restart.
      chunks: parts of equal length into which the steps of a restart can be cut.
      restarts: of the attack.
      gradients: forward and backward passes of each image in a step.
      forwards: forward passes of each image in a step, beside those with a gradient.
      asked: forward passes of each image before the first step of a restart.
      chosen: forward passes of each image before every chunk, for a class that the
        network chooses.
    """

    num_steps: Any = 1
    chunks: int = 1
    restarts: int = 1
    gradients: int = 1
    forwards: int = 0
    asked: int = 0
    chosen: int = 0

    @property
    def chunk(self) -> int:
        """Steps of a chunk."""
        return self.num_steps // self.chunks

    @property
    def cut(self) -> int | None:
        """Steps of a chunk, or None where that is all steps of a restart."""
        return self.chunk if self.chunks > 1 else None

    @property
    def climbs(self) -> bool:
        """Whether it follows a gradient."""
        return self.num_steps > 0 and self.gradients > 0


@dataclasses.dataclass(frozen=True)
class Attack(abc.ABC):
    """Images near others, made to be misclassified."""

    def __post_init__(self) -> None:
        checks.settle(self)
        self._check()

    def __call__(
        self,
        logits_fn: Callable[[Any], Any],
        images: Any,
        labels: Any,
        *,
        seed: Any = 0,
    ) -> Any:
        """Returns float32 [B, H, W, C] in [0, 255], within epsilon of the images.

        Of several restarts an image has the first that fools the network, or the last.
        That is so for a targeted attack, too; an evaluation goes on to the target.

        Args:
          logits_fn: images -> logits [B, K]; states the batch norm mode and branch.
          images: float32 [B, H, W, C] in [0, 255].
          labels: integers [B] or [B, 1]; of no use where the network decides on the
            class.
          seed: int, or int64 [B]: the same seed gives the same images, whatever the
            batch split. Of use where something is drawn.

        Raises:
          ValueError: images, labels or logits are not what they should be.
          GradientError: no gradient leads from the logits to the images.
        """
        images = checks.checked_images(images)
        labels = checks.checked_labels(labels, images)
        checks.check_seed(seed)
        for field in dataclasses.fields(self):
            checks.check_per_image(field.name, getattr(self, field.name), images)
        asked = answers.answering(logits_fn, labels)
        return self.solve(Problem(asked, images, labels, seed))

    @property
    def rounds(self) -> Rounds:
        """Its restarts and steps; by default, one restart of one step."""
        return Rounds()

    @property
    def beginning(self) -> Attack:
        """The attack up to its first chunk: the same for attacks that begin alike."""
        return self

    @property
    def parts(self) -> tuple[Attack, ...]:
        """The attacks of which it is made: each meets what the earlier ones left."""
        return (self,)

    @property
    def has_targets(self) -> bool:
        """Whether its restarts, `num_restarts`, lead to one wrong class each."""
        return False

    def fitted(self, num_classes: int) -> Attack:
        """Returns the attack for a network of K classes, with K - 1 targets at most."""
        if not self.has_targets:
            return self
        fewer = {"num_restarts": min(self.rounds.restarts, num_classes - 1)}
        return dataclasses.replace(self, **fewer)

    @property
    def allows_chance(self) -> bool:
        """Whether the network may answer by chance, another way each time."""
        return False

    @property
    def is_targeted(self) -> bool:
        """Whether the goal is the class that `ascended(problem).choose` names."""
        return False

    @property
    def numbers(self) -> dict[str, Any]:
        """Those fields of `NUMBERS` that are numbers, as tensors."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            name: ops.convert_to_tensor(fields[name], dtype)
            for name, dtype in NUMBERS.items()
            if isinstance(fields.get(name), int | float)
        }

    @property
    def per_image(self) -> dict[str, Any]:
        """Fields of which images in one batch may have their own, as NumPy scalars.

        In an evaluation they are tensors [B], not `numbers`; by default there are none.
        """
        return {}

    @property
    def kind(self) -> Attack:
        """What an attack is compiled for: itself, with 1 for its numbers and restarts.

        With other numbers in their place it is the attack again. So 1 must be a value
        that each number of `NUMBERS` may have, and a field that counts restarts is
        called `num_restarts`.
        """
        ones = dict.fromkeys(self.numbers, 1)
        if hasattr(self, "num_restarts"):
            ones["num_restarts"] = 1
        return dataclasses.replace(self, **ones)

    def start(self, problem: Problem) -> Any:
        """Returns the state in which a restart begins: by default, the images.

        A state is a tensor or a structure of tensors, each with an entry [B, ...] for
        each image. An evaluation calls this only for a batch in which a restart begins.
        """
        return problem.images

    @abc.abstractmethod
    def proceed(
        self, problem: Problem, state: Any, climbed: Any, num_steps: Any
    ) -> Any:
        """Returns the state some steps further on.

        Args:
          problem: that of `start`.
          state: what `start`, or this method, has returned for the same images.
          climbed: what `ascended` returned for the same problem.
          num_steps: int, or an integer tensor; those of a restart or fewer.
        """

    def judged(self, state: Any) -> Any:
        """Returns the adversarial images [B, H, W, C] of a state."""
        return state

    def is_unfinished(self, state: Any) -> Any:
        """Returns bool [B]: whether further steps would get images much further.

        By default it returns None, since an attack does not know.

        Args:
          state: of a restart that is over, of tensors or arrays.
        """
        return None

    def blank(self, images: Any) -> Any:
        """Returns arrays of the form of a state of these images; none is read."""
        return images

    def ascended(self, problem: Problem) -> Callable[[Any], Any] | None:
        """Returns adversarial images -> the scalar that the attack climbs.

        None where it needs no gradient.
        """
        return None

    def solve(self, problem: Problem) -> Any:
        """Returns the adversarial images of all restarts."""
        adv_images = self._restart(problem)
        if self.rounds.restarts == 1:
            return adv_images

        def body(index: Any, adv_images: Any) -> Any:
            logits = problem.logits_fn(adv_images)

            def another() -> Any:
                seed = restart_seed(problem.seed, index)
                other = self._restart(problem._replace(seed=seed, restart=index))
                return select(is_fooled(problem.labels, logits), adv_images, other)

            if not self.has_targets:
                return another()
            restarts = self.fitted(logits.shape[-1]).rounds.restarts
            return ops.cond(index < restarts, another, lambda: adv_images)

        return ops.fori_loop(1, self.rounds.restarts, body, adv_images)

    def _restart(self, problem: Problem) -> Any:
        """Returns the adversarial images of one restart."""
        climbed = self.ascended(problem)
        start = self.start(problem)
        num_steps = self.rounds.num_steps
        return self.judged(self.proceed(problem, start, climbed, num_steps))

    @abc.abstractmethod
    def _check(self) -> None:
        """Raises a ValueError for fields out of range, when the attack is built."""


@dataclasses.dataclass(frozen=True)
class InBall(Attack):
    """An attack within an L-infinity ball around each image.

    Attributes:
      epsilon: radius in pixels of 255: a number, or float32 [B] or [B, 1, 1, 1].

    Raises:
      ValueError: epsilon outside (0.2, 128], when the attack is built.
    """

    epsilon: Any

    def _check(self) -> None:
        checks.check_epsilon(self.epsilon)

    def project(self, images: Any) -> Callable[[Any], Any]:
        """Returns the projection onto the valid images in the balls around `images`."""
        return projections.ball(images, checks.per_image(self.epsilon))


def is_fooled(labels: Any, logits: Any) -> Any:
    """Returns bool [B]: another class than the label has the largest logit.

    It is also so where a logit is not finite. An evaluation refuses what it is shown of
    that, so an attack that remembers such images does not hide them.
    """
    is_known = ops.all(ops.isfinite(logits), axis=-1)
    return ~(is_known & (ops.cast(ops.argmax(logits, axis=-1), "int32") == labels))


def select(condition: Any, images: Any, others: Any) -> Any:
    """Returns images [B, H, W, C] where the condition [B] holds, others elsewhere."""
    return backend.where(condition, images, others)


def wrong_class(problem: Problem) -> Any:
    """Returns int32 [B]: the target of each image's restart.

    They are the classes other than the label by the logits of the image before the
    attack, the largest first; of equal ones the lower class. After the last, the first
    follows again. The network is asked once.
    """
    logits = ops.cast(problem.logits_fn(problem.images), "float32")
    is_label = ops.one_hot(problem.labels, logits.shape[-1], dtype="bool")
    ranked = ops.argsort(ops.where(is_label, float("inf"), -logits), axis=-1)
    place = ops.cast(ops.mod(problem.restart, logits.shape[-1] - 1), "int32")
    place = ops.broadcast_to(place, ops.shape(problem.labels))
    chosen = ops.take_along_axis(ranked, place[:, None], axis=-1)[:, 0]
    return ops.cast(chosen, "int32")


def restart_seed(seed: Any, index: Any) -> Any:
    """Returns the seed of a restart; the first restart is the attack without restarts.

    Args:
      seed: int or int64 scalar.
      index: integer scalar or [B].
    """
    is_first = ops.equal(index, 0)
    return backend.select(is_first, backend.fold(seed), backend.fold(seed, index))
