"""Compiled judges: which images of a batch a network classifies correctly, attacked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from common import backend, engine
from common.attacks import pgd
from common.evaluation import attackable

# Fields of attacks that enter as tensors: another value does not compile again.
_NUMBERS = {"epsilon": "float32", "step_size": "float32", "num_steps": "int32"}
_TOP1, _TOP5, _HIT, _STILL = 1, 2, 4, 8  # bits of an outcome
_NOT_FINITE = -1


class Batch(NamedTuple):
    """What a judge is shown.

    Attributes:
      images: float32 [B, H, W, C] in [0, 255].
      labels: int32 [B].
      restarts: int64 [B], the restart of the attack that each image is in.
      rounds: int64 [B], the rounds of that restart behind it; see `plan`.
      adv_images: float32 [B, H, W, C], what they ended with; not read after no round.
    """

    images: Any
    labels: Any
    restarts: Any
    rounds: Any
    adv_images: Any


class Verdict(NamedTuple):
    """What a judge found.

    Attributes:
      top1: bool [B], the label has the largest logit.
      top5: bool [B], it is among the five largest; False with five classes or fewer.
      hit: bool [B], the attack's target has the largest logit; False without one.
      still: bool [B], the first round of a restart ended where it began.
      pieces: the images that were judged, a tensor per replica.
    """

    top1: np.ndarray
    top5: np.ndarray
    hit: np.ndarray
    still: np.ndarray
    pieces: tuple[Any, ...]

    @property
    def images(self) -> np.ndarray:
        """The images that were judged: float32 [B, H, W, C]."""
        return np.concatenate([np.asarray(piece) for piece in self.pieces])


class Judges:
    """The judges of one network: `judges(attack, batch, seed)`.

    They are compiled once for each kind of attack: FGSM at four epsilons is one. Of
    equal logits the one of the lower class counts as larger, as in `tf.math.top_k`.
    """

    def __init__(
        self,
        logits_fn: Callable[[Any], Any],
        distribution: Any = None,
    ) -> None:
        """Compiles nothing yet.

        Args:
          logits_fn: images [B, H, W, C] in [0, 255] -> logits [B, K].
          distribution: a strategy of one machine whose replicas share each batch, or
            None for one device.
        """
        self.logits_fn = logits_fn
        self.distribution = distribution
        self.questions = attackable.Questions(logits_fn)
        self._compiled: dict[Any, Callable[..., Any]] = {}

    @property
    def num_devices(self) -> int:
        """Devices that share a batch, so what its size must divide by."""
        return engine.num_devices(self.distribution)

    def __call__(
        self, attack: Any, batch: Batch, seed: int, *, num_steps: int | None = None
    ) -> Verdict:
        """Attacks the batch, one restart of each image or a round, and judges it.

        Args:
          attack: from `common.attacks`, or None to judge the images as they are.
          batch: NumPy arrays or tensors; B divides by the devices.
          seed: of the attack.
          num_steps: that PGD takes before it is judged; all of its steps by default.

        Raises:
          ValueError: the logits of an image are not finite, a field of the attack has a
            value per image, or chance decides on the start for all images at once.
        """
        kind, numbers = _split(attack)
        if kind not in self._compiled:
            compiled = _compile(self.logits_fn, attack)
            self._compiled[kind] = engine.shared(compiled, self.distribution)
        if num_steps is not None:
            num_steps = ops.convert_to_tensor(num_steps, "int32")
        images, outcomes = self._compiled[kind](
            Batch(*map(ops.convert_to_tensor, batch)),
            seed=backend.fold(seed),
            numbers=numbers,
            num_steps=numbers.get("num_steps") if num_steps is None else num_steps,
        )
        outcomes = np.concatenate([np.asarray(x) for x in self._pieces(outcomes)])
        _check(outcomes)
        bits = (_TOP1, _TOP5, _HIT, _STILL)
        top1, top5, hit, still = (outcomes & bit > 0 for bit in bits)
        return Verdict(top1, top5, hit, still, self._pieces(images))

    def _pieces(self, parts: Any) -> tuple[Any, ...]:
        return engine.parts(self.distribution, parts)


def of_network(
    judges: Judges | None,
    logits_fn: Callable[[Any], Any],
    distribution: Any = None,
) -> Judges:
    """Returns the judges that were handed over, or new ones if None were.

    Raises:
      ValueError: they are those of another network or distribution.
    """
    if judges is None:
        return Judges(logits_fn, distribution)
    if judges.logits_fn is not logits_fn or judges.distribution is not distribution:
        raise ValueError(
            "judges must have been made with the same logits_fn and distribution. "
            f"Received: judges of {judges.logits_fn} for {logits_fn}"
        )
    return judges


def _split(attack: Any) -> tuple[Any, dict[str, Any]]:
    """Returns what an attack is compiled for, as a key, and its numbers as tensors."""
    if not dataclasses.is_dataclass(attack):
        return attack, {}
    fields = {f.name: getattr(attack, f.name) for f in dataclasses.fields(attack)}
    numbers = {
        name: ops.convert_to_tensor(fields.pop(name), dtype)
        for name, dtype in _NUMBERS.items()
        if isinstance(fields.get(name), (int, float))
    }
    if fields.get("clean_start"):
        raise ValueError(
            "Evaluation starts every image by itself: set clean_start=0. "
            f"Received: clean_start={fields['clean_start']}"
        )
    fields.pop("num_restarts", None)  # a judge runs one at a time
    kind = (type(attack), *numbers, *fields.items())
    try:
        hash(kind)
    except TypeError:
        raise ValueError(
            "Evaluation takes attacks with one value for all images: they move between "
            f"batches. Received: attack={type(attack).__name__} with fields={fields}"
        ) from None
    return kind, numbers


def _compile(logits_fn: Callable[[Any], Any], attack: Any) -> Callable[..., Any]:
    """Returns (batch, seed, numbers, num_steps) -> images judged, outcomes.

    An outcome is int8 [B]: the bits `_TOP1`, `_TOP5`, `_HIT` and `_STILL`, or
    `_NOT_FINITE` where the network has no answer.
    """
    if getattr(attack, "num_restarts", 1) > 1:
        attack = dataclasses.replace(attack, num_restarts=1)

    def judge(batch: Batch, *, seed: Any, numbers: Any, num_steps: Any) -> Any:
        one = dataclasses.replace(attack, **numbers) if numbers else attack
        seeds = pgd.restart_seed(seed, batch.restarts)
        begin, images, choose = _attacked(
            one, logits_fn, batch, seed=seeds, steps=num_steps
        )
        logits = logits_fn(images)
        outcomes = _TOP1 * _among_largest(1, batch.labels, logits)
        if logits.shape[-1] > 5:
            outcomes += _TOP5 * _among_largest(5, batch.labels, logits)
        if choose is not None:
            outcomes += _HIT * _among_largest(1, choose(logits), logits)
        still = ops.all(ops.equal(images, begin), axis=(1, 2, 3)) & (batch.rounds == 0)
        outcomes += _STILL * ops.cast(still, "int8")
        finite = ops.all(ops.isfinite(logits), axis=-1)
        broken = ops.full_like(outcomes, _NOT_FINITE)
        return images, ops.where(finite, outcomes, broken)

    return backend.compiled(judge)


def _attacked(
    attack: Any, logits_fn: Callable[[Any], Any], batch: Batch, *, seed: Any, steps: Any
) -> tuple[Any, Any, Callable[[Any], Any] | None]:
    """Returns where a round begins and ends, and logits -> the target if any."""
    images, labels = batch.images, batch.labels
    if attack is None:
        return images, images, None
    if not isinstance(attack, pgd.PGD):
        return images, attack(logits_fn, images, labels, seed=seed), None
    choose = attack.chooser(logits_fn, images, labels, seed=seed)
    is_first = (batch.rounds == 0)[:, None, None, None]
    reached = ops.where(is_first, attack.start(images, seed=seed), batch.adv_images)
    adv_images = attack.proceed(
        logits_fn, reached, images=images, choose=choose, num_steps=steps
    )
    return reached, adv_images, choose if attack.is_targeted else None


def _among_largest(count: int, labels: Any, logits: Any) -> Any:
    """Returns int8 [B]: 1 if fewer than `count` classes come before the label's."""
    at_label = ops.take_along_axis(logits, labels[:, None], axis=-1)
    lower = ops.arange(logits.shape[-1], dtype=labels.dtype) < labels[:, None]
    before = (logits > at_label) | ((logits == at_label) & lower)
    return ops.cast(ops.sum(ops.cast(before, "int32"), axis=-1) < count, "int8")


def _check(outcomes: np.ndarray) -> None:
    """Refuses to count images for which the network has no finite logits."""
    broken = int(np.count_nonzero(outcomes == _NOT_FINITE))
    if broken:
        raise ValueError(
            "logits must be finite; look at the weights and the input scale. "
            f"Received: {broken} of {len(outcomes)} images without, in one batch"
        )
