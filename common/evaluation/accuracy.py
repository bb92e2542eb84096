"""Clean and robust accuracy: exact counts, and no work on examples already broken."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common import backend
from common import recipe as recipes
from common.attacks import pgd
from common.data import checks
from common.evaluation import logits, record

_NOT_FINITE = -1


def evaluate(
    logits_fn: Callable[[Any], Any],
    dataset: tf.data.Dataset,
    attack: Any = None,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    distribution: tf.distribute.Strategy | None = None,
    progress: bool = False,
) -> record.Record:
    """Counts the examples that a network classifies correctly under an attack.

    An example survives if it is classified correctly at the end of every restart: the
    successes of restarts are united. One that is broken leaves, and the next example
    takes its place in the batch, so that later restarts cost only what is left. The
    outcome is that of running every restart on everything, since each example's random
    start follows from the seed and its own pixels.

    Args:
      logits_fn: images [B, H, W, C] in [0, 255] -> logits [B, K]; states the batch norm
        mode and branch.
      dataset: finite, of (images, labels) batches of any sizes.
      attack: from `common.attacks`, or None for clean images.
      seed: of the attack.
      batch_size: images attacked at a time, over all replicas; the size of the first
        batch by default.
      distribution: a strategy of one machine whose replicas share each batch.
      progress: show a bar.

    Raises:
      ValueError: no example, images outside [0, 255], labels outside the classes, or
        probabilities in place of logits.
    """
    begin = time.perf_counter()
    examples = _Examples(dataset, logits_fn)
    replicas = distribution.num_replicas_in_sync if distribution else 1
    size = _divisible(batch_size or examples.first_size, replicas)
    judge = _compile(logits_fn, attack, seed, distribution)
    num_restarts = getattr(attack, "num_restarts", 1)
    show = _progress_bar() if progress else lambda _: None
    survived: dict[int, bool] = {}
    pool: list[_Slot] = []
    passes = 0
    while True:
        pool += examples.take(size - len(pool))
        if not pool:
            break
        batch = _padded(pool, _bucket(len(pool), size, replicas))
        passes += len(batch[1])
        for slot, correct in zip(pool, _checked(judge(*batch)), strict=False):
            slot.restart += 1
            if not correct or slot.restart == num_restarts:
                survived[slot.index] = bool(correct)
        pool = [slot for slot in pool if slot.index not in survived]
        show(survived)
    outcomes = np.array([survived[index] for index in range(examples.count)], bool)
    return record.Record(
        outcomes,
        attack=recipes.to_dict(attack),
        seed=seed,
        passes=passes * getattr(attack, "num_steps", 1) if attack else 0,
        seconds=time.perf_counter() - begin,
    )


def _progress_bar() -> Callable[[dict[int, bool]], None]:
    """Returns what shows the outcomes so far; the bar counts batches."""
    bar = keras.utils.Progbar(None, stateful_metrics=["done", "accuracy"], interval=1)

    def show(survived: dict[int, bool]) -> None:
        if survived:
            rate = 100.0 * sum(survived.values()) / len(survived)
            bar.add(1, [("done", len(survived)), ("accuracy", rate)])

    return show


@dataclasses.dataclass
class _Slot:
    """An example in the batch, and the restart that it is in."""

    index: int
    image: np.ndarray
    label: int
    restart: int = 0


class _Examples:
    """The dataset, checked and one example at a time."""

    def __init__(self, dataset: tf.data.Dataset, logits_fn: Callable[[Any], Any]):
        self.count = 0
        self._batches = dataset.as_numpy_iterator()
        first = next(self._batches, None)
        if first is None or not len(first[1]):
            raise ValueError("The dataset has no example. Received: 0 batches")
        checks.check_images(first[0])  # before the network is blamed for its answers
        answers = np.asarray(logits_fn(tf.constant(first[0][:8])))
        logits.check_logits(answers)
        self._num_classes = answers.shape[-1]
        self.first_size = len(first[1])
        self._stream = self._read(first)

    def take(self, count: int) -> list[_Slot]:
        """Returns the next examples: `count`, or what is left."""
        return [slot for _, slot in zip(range(count), self._stream, strict=False)]

    def _read(self, first: Any) -> Iterator[_Slot]:
        batch = first
        while batch is not None:
            images, labels = batch
            checks.check_images(images)
            checks.check_labels(labels, self._num_classes)
            for image, label in zip(images, labels, strict=True):
                yield _Slot(self.count, image, int(label))
                self.count += 1
            batch = next(self._batches, None)


def _compile(
    logits_fn: Callable[[Any], Any],
    attack: Any,
    seed: int,
    distribution: tf.distribute.Strategy | None,
) -> Callable[..., np.ndarray]:
    """Returns (images, labels, restarts) -> int8 [B]: 1 if correct after that restart.

    Else 0, or `_NOT_FINITE` where the network has no answer.
    """
    if getattr(attack, "num_restarts", 1) > 1:
        attack = dataclasses.replace(attack, num_restarts=1)

    def correct(images: Any, labels: Any, restarts: Any) -> Any:
        if attack is not None:
            seeds = pgd.restart_seed(seed, restarts)
            images = attack(logits_fn, images, labels, seed=seeds)
        answers = logits_fn(images)
        right = tf.equal(tf.argmax(answers, -1, labels.dtype), labels)
        finite = tf.reduce_all(tf.math.is_finite(answers), -1)
        return tf.where(finite, tf.cast(right, tf.int8), _NOT_FINITE)

    compiled = backend.compiled(correct)
    if distribution is None or distribution.num_replicas_in_sync == 1:
        return lambda *batch: compiled(*map(tf.constant, batch)).numpy()

    @tf.function(reduce_retracing=True)
    def shared(*batch: Any) -> Any:
        def piece() -> Any:
            context = tf.distribute.get_replica_context()
            size = tf.shape(batch[1])[0] // context.num_replicas_in_sync
            start = context.replica_id_in_sync_group * size
            return compiled(*(part[start : start + size] for part in batch))

        return distribution.run(piece)

    def judge(*batch: Any) -> np.ndarray:
        pieces = shared(*map(tf.constant, batch))
        return np.concatenate(
            [p.numpy() for p in distribution.experimental_local_results(pieces)]
        )

    return judge


def _checked(outcomes: np.ndarray) -> np.ndarray:
    """Refuses to count images for which the network has no finite logits."""
    broken = int(np.count_nonzero(outcomes == _NOT_FINITE))
    if broken:
        raise ValueError(
            "logits must be finite; look at the weights and the input scale. "
            f"Received: {broken} of {len(outcomes)} images without, in one batch"
        )
    return outcomes


def _padded(pool: list[_Slot], size: int) -> tuple[np.ndarray, ...]:
    """Returns images, labels and restarts of the pool, its first slot repeated."""
    slots = pool + pool[:1] * (size - len(pool))
    return (
        np.stack([slot.image for slot in slots]).astype(np.float32),
        np.array([slot.label for slot in slots], np.int32),
        np.array([slot.restart for slot in slots], np.int64),
    )


def _bucket(count: int, size: int, replicas: int) -> int:
    """Returns the smallest of size, size / 2, size / 4, size / 8 that holds count."""
    fitting = [s for s in (size // 8, size // 4, size // 2) if s >= count]
    return next((s for s in fitting if s % replicas == 0), size)


def _divisible(size: int, replicas: int) -> int:
    return -(-size // replicas) * replicas
