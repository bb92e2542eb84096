"""Compiled judges: which images of a batch a network classifies correctly, attacked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from common import backend, engine
from common.attacks import adapted, losses
from common.attacks import attack as attacks
from common.evaluation import attackable
from common.lazy import ops, tree

ROUNDING = 1e-3  # pixels of 255, by which an image may lie outside of a ball
_TOP1, _TOP5, _HIT, _STILL = 1, 2, 4, 8  # bits of an outcome
_NOT_FINITE, _OUTSIDE, _FAR = -1, -2, -3  # outcomes that are refused
_REFUSED = {
    _NOT_FINITE: "logits must be finite; look at the weights and the input scale. "
    "Received: {} of {} images without",
    _OUTSIDE: "An attack must return images in [0, 255]; clip what it returns. "
    "Received: {} of {} images outside",
    _FAR: "An attack must stay within its epsilon, in pixels of 255; a radius in other "
    "units needs another name. Received: {} of {} images farther away",
}


class Batch(NamedTuple):
    """What a judge is shown.

    Attributes:
      images: float32 [B, H, W, C] in [0, 255].
      labels: int32 [B].
      restarts: int64 [B], the restart of the attack that each image is in.
      chunks: int64 [B], the chunks of that restart behind it.
      state: of the attack after these chunks; not read where there were none.
      numbers: name -> [B], fields of the attack that each image has its own of.
    """

    images: Any
    labels: Any
    restarts: Any
    chunks: Any
    state: Any
    numbers: dict[str, Any] = {}  # noqa: RUF012


class Verdict(NamedTuple):
    """What a judge found.

    Attributes:
      top1: bool [B], the label has the largest logit.
      top5: bool [B], it is among the five largest; False with five classes or fewer.
      hit: bool [B], the attack's target has the largest logit; False without one.
      still: bool [B], the first chunk of a restart ended where it began.
      near: float32 [B], how near the label is to losing, see `losses.nearness`.
      fetch: () -> the state of the attack by which it was judged, as arrays.
    """

    top1: np.ndarray
    top5: np.ndarray
    hit: np.ndarray
    still: np.ndarray
    near: np.ndarray
    fetch: Callable[[], Any]


class Judges:
    """The judges of one network: `judges(attack, batch, seed)`.

    They are compiled once for each kind of attack: FGSM at four epsilons is one. Of
    equal logits the one of the lower class counts as larger, as in `tf.math.top_k`.
    """

    def __init__(
        self,
        logits_fn: Callable[[Any], Any],
        distribution: Any = None,
        *,
        attacked_fn: Callable[[Any], Any] | None = None,
    ) -> None:
        """Compiles nothing yet.

        Args:
          logits_fn: images [B, H, W, C] in [0, 255] -> logits [B, K].
          distribution: a strategy of one machine whose replicas share each batch, or
            None for one device.
          attacked_fn: the network as attacks see it, such as in bfloat16, where that is
            not `logits_fn`, which judges what they find.
        """
        self.logits_fn = logits_fn
        self.attacked_fn = attacked_fn or logits_fn
        self.distribution = distribution
        self.questions = attackable.Questions(logits_fn, attacked_fn)
        self._compiled: dict[Any, Callable[..., Any]] = {}

    @property
    def num_devices(self) -> int:
        """Devices that share a batch, so what its size must divide by."""
        return engine.num_devices(self.distribution)

    def __call__(
        self,
        attack: Any,
        batch: Batch,
        seed: int,
        *,
        num_steps: int | None = None,
        count: int | None = None,
    ) -> Verdict:
        """Attacks the batch, one restart of each image or a chunk, and judges it.

        Args:
          attack: from `common.attacks`, or None to judge the images as they are; where
            the batch has numbers, any of its kind.
          batch: NumPy arrays or tensors; B divides by the devices.
          seed: of the attack.
          num_steps: of the chunk; all of a restart by default.
          count: images of the batch that are asked about, the first ones; all by
            default.

        Raises:
          ValueError: the logits of an image are not finite, a field of the attack has a
            value per image, chance decides on the start for all images at once, or a
            function that is no attack of the suite returns images that are none, or
            farther away than an `epsilon` of its own.
        """
        attack = adapted.adapted(attack)
        numbers = attack.numbers
        chunk = numbers.get("num_steps")  # a tensor, or else a part of the kind
        if attack.per_image:
            num_steps = num_steps or attack.rounds.num_steps
        if num_steps is not None:
            chunk = ops.convert_to_tensor(num_steps, "int32")
        state, outcomes, near = self._judge(attack)(
            tree.map_structure(ops.convert_to_tensor, batch),
            seed=backend.fold(seed),
            numbers=numbers,
            num_steps=chunk,
        )
        outcomes = self._whole(outcomes)
        _check(outcomes[:count])
        bits = (_TOP1, _TOP5, _HIT, _STILL)
        top1, top5, hit, still = (outcomes & bit > 0 for bit in bits)
        return Verdict(
            *(top1, top5, hit, still),
            self._whole(near),
            lambda: tree.map_structure(self._whole, state),
        )

    def _judge(self, attack: attacks.Attack) -> Callable[..., Any]:
        """Returns the judge of attacks of this kind, compiled on first use."""
        kind = attack.kind
        try:
            is_known = kind in self._compiled
        except TypeError:
            raise ValueError(
                "Evaluation takes attacks with one value for all images: they move "
                f"between batches. Received: attack={' '.join(repr(attack).split())}"
            ) from None
        if not is_known:
            compiled = _compile(self.logits_fn, self.attacked_fn, kind)
            self._compiled[kind] = engine.shared(compiled, self.distribution)
        return self._compiled[kind]

    def _whole(self, parts: Any) -> np.ndarray:
        """Returns the array [B, ...] of which every device has a part."""
        pieces = engine.parts(self.distribution, parts)
        return np.concatenate([np.asarray(piece) for piece in pieces])


def of_network(
    network: Callable[[Any], Any] | Judges, distribution: Any = None
) -> Judges:
    """Returns new judges of a function, or those that are handed over in its place.

    Raises:
      ValueError: judges with a distribution beside them, since they have their own.
    """
    if not isinstance(network, Judges):
        return Judges(network, distribution)
    if distribution is not None:
        raise ValueError(
            "Judges have a distribution of their own: Judges(logits_fn, distribution). "
            f"Received: Judges, and distribution={type(distribution).__name__}"
        )
    return network


def _compile(
    logits_fn: Callable[[Any], Any],
    attacked_fn: Callable[[Any], Any],
    kind: attacks.Attack,
) -> Any:
    """Returns (batch, seed, numbers, num_steps) -> state, outcomes, nearness.

    The state is the attack's. An outcome is int8 [B]: the bits `_TOP1`, `_TOP5`, `_HIT`
    and `_STILL`, or `_NOT_FINITE` where the network has no answer.
    """

    def judge(batch: Batch, *, seed: Any, numbers: Any, num_steps: Any) -> Any:
        attack = dataclasses.replace(kind, **numbers, **batch.numbers)
        seeds = attacks.restart_seed(seed, batch.restarts)
        problem = attacks.Problem(
            attacked_fn, batch.images, batch.labels, seeds, batch.restarts
        )
        climbed: Any = attack.ascended(problem)
        begun = _begun(lambda: attack.start(problem), batch)
        if num_steps is None:
            num_steps = attack.rounds.num_steps
        state = attack.proceed(problem, begun, climbed, num_steps)
        images = attack.judged(state)
        logits = logits_fn(images)
        outcomes = _TOP1 * _among_largest(1, batch.labels, logits)
        if logits.shape[-1] > 5:
            outcomes += _TOP5 * _among_largest(5, batch.labels, logits)
        if attack.is_targeted:
            outcomes += _HIT * _among_largest(1, climbed.choose(logits), logits)
        stayed = ops.all(ops.equal(images, attack.judged(begun)), axis=(1, 2, 3))
        outcomes += _STILL * ops.cast(stayed & (batch.chunks == 0), "int8")
        faults = {_NOT_FINITE: ~ops.all(ops.isfinite(logits), axis=-1)}
        if isinstance(kind, adapted.Foreign):
            faults |= _unlike_an_attack(kind.function, images, batch.images)
        for code, is_so in faults.items():
            outcomes = ops.where(is_so, ops.full_like(outcomes, code), outcomes)
        return state, outcomes, losses.nearness(batch.labels, logits)

    return backend.compiled(judge)


def _begun(start: Callable[[], Any], batch: Batch) -> Any:
    """Returns the state that each image is in: the start, or that of the batch."""

    def select(start: Any, later: Any) -> Any:
        is_first = ops.reshape(batch.chunks == 0, (-1,) + (1,) * (start.ndim - 1))
        return ops.where(is_first, start, later)

    return ops.cond(
        ops.any(batch.chunks == 0),
        lambda: tree.map_structure(select, start(), batch.state),
        lambda: batch.state,
    )


def _among_largest(count: int, labels: Any, logits: Any) -> Any:
    """Returns int8 [B]: 1 if fewer than `count` classes come before the label's."""
    at_label = ops.take_along_axis(logits, labels[:, None], axis=-1)
    lower = ops.arange(logits.shape[-1], dtype=labels.dtype) < labels[:, None]
    before = (logits > at_label) | ((logits == at_label) & lower)
    return ops.cast(ops.sum(ops.cast(before, "int32"), axis=-1) < count, "int8")


def _unlike_an_attack(function: Any, images: Any, clean: Any) -> dict[int, Any]:
    """Returns what attacks of the suite cannot do: outcome -> bool [B].

    Args:
      function: that is evaluated as an attack.
      images: float [B, H, W, C], what it returned.
      clean: of the same form, what it was given.
    """
    is_pixel = ops.logical_and(images >= 0.0, images <= 255.0)  # NaN is none
    found = {_OUTSIDE: ~ops.all(is_pixel, axis=(1, 2, 3))}
    epsilon = getattr(function, "epsilon", None)
    if isinstance(epsilon, int | float):
        distance = ops.max(ops.abs(images - clean), axis=(1, 2, 3))
        found[_FAR] = distance > epsilon + ROUNDING
    return found


def check_finite(known: np.ndarray) -> None:
    """Refuses to count images for which the network has no finite logits.

    Args:
      known: bool [B], whether it has.
    """
    _check(np.where(known, 0, _NOT_FINITE))


def _check(outcomes: np.ndarray) -> None:
    """Refuses outcomes [B] that say that something is wrong."""
    for code, message in _REFUSED.items():
        if count := int(np.count_nonzero(outcomes == code)):
            raise ValueError(message.format(count, len(outcomes)))
