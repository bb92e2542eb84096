"""Clean and robust accuracy: exact counts, and no work on examples already broken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common import recipe as recipes
from common.evaluation import judges as judging
from common.evaluation import record, stream


def evaluate(
    logits_fn: Callable[[Any], Any],
    dataset: tf.data.Dataset,
    attack: Any = None,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    distribution: tf.distribute.Strategy | None = None,
    progress: bool = False,
    judges: judging.Judges | None = None,
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
      judges: `Judges(logits_fn, distribution)` that earlier evaluations have used, so
        that what they compiled is used again; the record is the same without.

    Raises:
      ValueError: no example, images outside [0, 255], labels outside the classes,
        probabilities in place of logits, or judges of another network.
    """
    begin = time.perf_counter()
    judges = judging.of_network(judges, logits_fn, distribution)
    examples = stream.Examples(dataset, logits_fn)
    size = stream.divisible(batch_size or examples.first_size, judges.num_replicas)
    num_restarts = getattr(attack, "num_restarts", 1)
    show = progress_bar() if progress else lambda *_: None
    survived: dict[int, tuple[bool, bool]] = {}
    pool: list[stream.Slot] = []
    passes = 0
    while True:
        pool += examples.take(size - len(pool))
        if not pool:
            break
        batch = stream.batch(pool, size, judges.num_replicas)
        passes += len(batch.labels)
        verdict = judges(attack, batch, seed)
        for slot, *right in zip(pool, verdict.top1, verdict.top5, strict=False):
            slot.restart += 1
            if not right[0] or slot.restart == num_restarts:
                survived[slot.index] = (right[0], right[1])
        pool = [slot for slot in pool if slot.index not in survived]
        show(sum(top1 for top1, _ in survived.values()), len(survived))
    outcomes = np.array([survived[index] for index in range(examples.count)], bool)
    has_top5 = examples.num_classes > 5 and num_restarts == 1
    return record.Record(
        outcomes[:, 0],
        top5=outcomes[:, 1] if has_top5 else None,
        attack=recipes.to_dict(attack),
        seed=seed,
        passes=passes * getattr(attack, "num_steps", 1) if attack else 0,
        seconds=time.perf_counter() - begin,
    )


def progress_bar() -> Callable[[int, int], None]:
    """Returns what shows how many are right of how many; the bar counts batches."""
    bar = keras.utils.Progbar(None, stateful_metrics=["done", "accuracy"], interval=1)

    def show(right: int, done: int) -> None:
        if done:
            bar.add(1, [("done", done), ("accuracy", 100.0 * right / done)])

    return show
