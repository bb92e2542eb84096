"""Whether a network can be attacked: what is asked before a number is believed.

An attack that finds nothing says one of two things: the network is robust, or the
attack could not see. Every way to a robust accuracy asks here which of them it is.

`Questions.check` asks a network several times for its answers to the first images: they
must be logits, and depend on the image alone. `Watch` asks for gradients: of the first
images, before the attack runs, and of every image that the attack leaves where it
began. Images that the network has right, without a gradient, are counted in the record;
where that is all of them, there is no evaluation.

What cannot be seen: a gradient that is there and leads nowhere, as of a network with
noise in it that is the same in every call. The report's warnings look for the traces of
that (see `common.evaluation.alarms`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from common import backend, intervals
from common.attacks import adapted, answers, checks, losses
from common.attacks import attack as attacks
from common.lazy import ops, tree

ASKED = 32  # images asked at a time
FIRST = 256  # images at most of which a gradient is asked before an attack
TIMES = 4  # that the network is asked for its answers
CHANGE = 1e-3  # of the range of the logits: more is another answer
NEAR_CHANCE = 0.1  # of the way from chance to 100 %


class Questions:
    """What one network is asked.

    What is compiled for it is used again, and so is what was found of the same images,
    as long as the network answers them as it did.
    """

    def __init__(
        self,
        logits_fn: Callable[[Any], Any],
        attacked_fn: Callable[[Any], Any] | None = None,
    ) -> None:
        """Asks nothing yet.

        Args:
          logits_fn: images -> logits.
          attacked_fn: as `Judges` have it; of it a gradient is asked.
        """
        self.logits_fn, self.attacked_fn = logits_fn, attacked_fn or logits_fn
        # Two traces, since a network in which Python draws differs from one to another.
        self._traces = [backend.briefly(self._answer) for _ in range(2)]
        self._gradients = backend.briefly(self._right_and_stuck)
        self._answered: tuple[np.ndarray, ...] = ()  # images, and their logits
        self._known: tuple[np.ndarray, ...] = ()  # images, labels, and what was found

    def check(self, images: np.ndarray, *, by_chance: bool = False) -> np.ndarray:
        """Returns the logits of the first images, or refuses the network.

        It is asked `TIMES` times. The other images of the batch change, so that a
        network that looks at the whole batch shows.

        Args:
          images: [B, H, W, C] in [0, 255], on the host; the first `ASKED` are shown.
          by_chance: allow answers that change.

        Raises:
          ValueError: the answers are no logits, or change from one call to the next.
        """
        images = np.asarray(images[:ASKED], np.float32)
        batch = images if len(images) > 1 else images.repeat(2, axis=0)
        first = self._ask(0, batch)
        if _are_equal(self._answered, (batch, first)):
            return first[: len(images)]
        self._known = ()
        answers.check_logits(first[: len(images)])
        asked = batch
        if by_chance:  # answers that change tell nothing
            return first[: len(images)]
        shown = len(batch) // 2
        others = np.repeat(255.0 - batch[:1], len(batch) - shown, axis=0)
        batch = np.concatenate([batch[:shown], others])
        for _ in range(TIMES - 1):
            change = np.abs(first - self._ask(1, batch))[:shown].max()
            if change > CHANGE * np.ptp(answers.in_play(first)):
                raise ValueError(
                    "The network answers differently when it is asked again, in a "
                    "batch with other images: leave out dropout and noise, and batch "
                    "norm's training mode, with training=False; of AutoAttack, the "
                    "version rand is for a network that is meant to answer by chance. "
                    f"Received: logits that changed by {change:.3g}"
                )
        self._answered = asked, first
        return first[: len(images)]

    def right_and_stuck(
        self, images: np.ndarray, labels: np.ndarray, at_once: int = ASKED
    ) -> np.ndarray:
        """Returns bool [2, B]: images that are right, and those without a gradient.

        Args:
          images: float32 [B, H, W, C] in [0, 255], of which the first were shown to
            `check`.
          labels: int32 [B].
          at_once: images that fit into memory with their gradients.
        """
        if not _are_equal(self._known[:2], (images, labels)):
            shown = np.asarray(images, np.float32), np.asarray(labels, np.int32)
            found = _in_slices(self._gradients, at_once, *shown)
            self._known = images, labels, found
        return self._known[2]

    def _answer(self, images: Any) -> Any:
        logits = self.logits_fn(images)
        answers.check_answer(logits, images)
        return logits

    def _right_and_stuck(self, images: Any, labels: Any) -> Any:
        def odds(images: Any) -> Any:
            logits = self.attacked_fn(images)
            return ops.sum(losses.log_odds_against(labels, logits)), logits

        (_, logits), gradient = backend.value_and_gradients(odds, images)
        classes = ops.cast(ops.argmax(logits, axis=-1), "int32")
        return ops.equal(classes, labels), _is_none(gradient)

    def _ask(self, trace: int, images: np.ndarray) -> np.ndarray:
        """Returns the logits of images [B, H, W, C], float64 [B, K].

        Raises:
          ValueError: the network failed, answers with something else, or assigns
            variables where the engine cannot have that.
        """
        asked = self._traces[trace]
        try:
            logits = asked(ops.convert_to_tensor(images))
        except Exception as error:  # whatever a network raises
            if "exhausted" in f"{type(error).__name__} {error}".lower():
                raise  # memory, which smaller batches may mend
            reason = " ".join(str(error).split())[:300]
            is_ours = isinstance(error, ValueError) and "Received: " in reason
            if is_ours and "\n" not in str(error):
                raise
            raise ValueError(
                "logits_fn must answer images, float32 "
                f"{list(images.shape)} in [0, 255], with tensor operations; hand over "
                "the network itself, not network.predict. "
                f"Received: {type(error).__name__}: {reason}"
            ) from error
        if getattr(asked, "assigns", False):
            raise ValueError(
                "On JAX a network must not assign its variables when it is attacked: "
                "leave out counters, and batch norm's training mode, with "
                "training=False. Received: a network that assigns some"
            )
        return np.asarray(logits, np.float64)


class Watch:
    """Finds the images of one evaluation that no gradient leads away from."""

    def __init__(
        self,
        judges: Any,
        attack: Any,
        *,
        seed: int = 0,
        size: int = ASKED,
    ) -> None:
        """Asks nothing yet.

        Args:
          judges: of the network.
          attack: from `common.attacks`, any callable, or None.
          seed: of the attack.
          size: images that the devices attack at a time, together. So many of one
            device fit into its memory, and of no more gradients are asked at a time.
        """
        self._questions, self._seed = judges.questions, seed
        self._at_once = max(1, min(ASKED, size // judges.num_devices))
        self._parts = adapted.adapted(attack).parts
        self._asks: dict[attacks.Attack, Callable[..., Any]] = {}  # compiled once

    def check_first(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Refuses a network that has no gradient at the first images.

        Nothing is asked for an attack that needs no gradient, or is not of the suite.

        Args:
          images: float32 [B, H, W, C] in [0, 255].
          labels: int32 [B].

        Raises:
          GradientError: none of those that are right has one.
        """
        if not any(
            part.rounds.climbs and not isinstance(part, adapted.Foreign)
            for part in self._parts
        ):
            return
        right, stuck = self._questions.right_and_stuck(
            images[:FIRST], labels[:FIRST], self._at_once
        )
        if right.any() and stuck[right].all():
            raise backend.GradientError(
                "No image that the network has right has a gradient, so that no attack "
                f"can find a direction. {backend.CAUSES}; half precision can lose it. "
                f"Received: {right.sum()} of {right.sum()} images without gradient"
            )

    def stuck(
        self, part: attacks.Attack, batch: Any, verdict: Any, count: int
    ) -> list[int]:
        """Returns the places in a batch of images that stood still for no gradient.

        Args:
          part: of the attack, that the batch is in.
          batch: that was judged.
          verdict: of the batch.
          count: of its images that are looked at, the first ones.
        """
        still = np.flatnonzero((verdict.still & verdict.top1)[:count])
        if not (part.rounds.climbs and still.size):
            return []
        here = part.judged(verdict.fetch())
        asked = (here, batch.images, batch.labels, batch.restarts, batch.numbers)
        chosen = tree.map_structure(lambda array: np.asarray(array)[still], asked)
        if part not in self._asks:
            self._asks[part] = backend.briefly(self._has_none(part))
        return still[_in_slices(self._asks[part], self._at_once, *chosen)[0]]

    def _has_none(self, part: attacks.Attack) -> Callable[..., Any]:
        """Returns what tells of images that stand still whether they have no gradient.

        The loss is that which the attack climbed: of the restart of each image, and
        with its own numbers. An image may also stand at the bounds of its pixels, with
        a gradient that points beyond them: that is no fault.

        Args:
          part: of the attack.
        """
        logits_fn, seed = self._questions.attacked_fn, backend.fold(self._seed)

        def ask(*asked: Any) -> tuple[Any]:
            here, images, labels, restarts, numbers = asked
            attack = dataclasses.replace(part, **numbers)
            seeds = attacks.restart_seed(seed, restarts)
            problem = attacks.Problem(logits_fn, images, labels, seeds, restarts)
            loss: Any = attack.ascended(problem)
            return (_is_none(backend.value_and_gradients(loss, here)[1]),)

        return ask


def without_gradient(count: int, total: int) -> list[str]:
    """Returns a warning if images could not be attacked.

    Args:
      count: of images that were right and had no gradient.
      total: images evaluated.
    """
    if not count:
        return []
    return [
        f"{count} of {total} images are right and have no gradient where an attack or "
        "a restart of it began: it could not move them, so they do not show robustness"
    ]


def near_chance(right: np.ndarray, labels: np.ndarray, num_classes: int) -> list[str]:
    """Returns a warning if a network knows the clean images hardly or not at all.

    Each label counts alike: where nine images of ten have one label, a network that
    always answers with it is right as often, and cannot be attacked.

    Args:
      right: bool [n], of the clean images.
      labels: integers [n].
      num_classes: K.
    """
    chance, total = 1 / num_classes, len(labels)
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    mean = float(np.mean(np.bincount(places, right) / counts))
    reached = (mean - chance) / (1 - chance)
    low, _ = intervals.wilson(int(right.sum()), total)
    is_above = low > 100 * chance or reached > 0.5  # few images are not enough to tell
    if reached >= NEAR_CHANCE and is_above:
        return []
    return [
        f"clean accuracy, as the mean over the labels, is near chance: {100 * mean:.2f}"
        f" of {100 * chance:.3g} % on {total} images, so attacks say nothing. Look at "
        "the order of the classes, a background class (?background=), what pixels are "
        "(?pixels=) and which output is read (?output=)"
    ]


def are_alike(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether logits [n, K] are those of one network, up to rounding."""
    if ours.shape != theirs.shape:
        return False
    return not ours.size or np.abs(ours - theirs).max() <= CHANGE * np.ptp(theirs)


def _are_equal(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> bool:
    """Whether two tuples of arrays have the same values."""
    return len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def _is_none(gradient: Any) -> Any:
    """Returns bool [B]: gradients [B, H, W, C] that move no pixel, as attacks see them.

    An entry that is not finite moves none.
    """
    return ops.all(ops.equal(checks.finite(gradient), 0.0), axis=(1, 2, 3))


def _in_slices(ask: Callable[..., Any], at_once: int, *arrays: Any) -> np.ndarray:
    """Returns what is asked of arrays [B, ...], some at a time: bool [n, B]."""
    found = []
    total = len(arrays[0])
    size = min(at_once, total)
    for start in range(0, total, size):
        rows = np.arange(start, start + size) % total  # one shape for all
        chosen = tree.map_structure(lambda array, rows=rows: array[rows], arrays)
        parts = ask(*chosen)
        found.append(np.stack(parts)[:, : total - start])
    return np.concatenate(found, axis=1)
