"""c. PGD-20 with ten restarts beside the loop that runs them all on everything."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import records, setting, timing, trained
from common import backend, evaluation
from common.attacks import PGD
from common.attacks.attack import restart_seed

RESTARTS = 10
NUM_IMAGES = 500
BATCH_SIZE = 50
ROUNDS = 3
OURS, NAIVE = "evaluation.evaluate", "every restart on everything"


def measure(workdir: pathlib.Path) -> tuple[records.Comparison, ...]:
    """Times both, compilation included, and takes down who survives."""
    found = trained.load(workdir, NUM_IMAGES)
    images, labels = found.images, found.labels
    attack = dataclasses.replace(found.attack, num_restarts=RESTARTS)
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH_SIZE)
    results: dict[str, Any] = {}

    def ours(_: int) -> None:
        record = evaluation.evaluate(found.logits_fn, dataset, attack)
        results[OURS] = record.survived, record.passes

    def naive(_: int) -> None:
        survived = _naive(found, attack)
        results[NAIVE] = survived, len(images) * RESTARTS * attack.num_steps

    samples = timing.interleaved({NAIVE: naive, OURS: ours}, ROUNDS)
    comparison = records.Comparison(
        setting=f"{found.description}; {setting.attack_name(attack)}, "
        f"{BATCH_SIZE} images at a time",
        reference=NAIVE,
        samples=samples,
        passes={row: {"image passes": passes} for row, (_, passes) in results.items()},
        counts={
            row: (int(survived.sum()), len(survived))
            for row, (survived, _) in results.items()
        },
    )
    return (comparison,)


def _naive(found: trained.Trained, attack: PGD) -> np.ndarray:
    """Returns bool [n]: correct after every restart, each run on every image."""
    once = dataclasses.replace(attack, num_restarts=1)

    @backend.compiled
    def correct(images: Any, labels: Any, restart: Any) -> Any:
        seed = restart_seed(0, restart)
        adv_images = once(found.logits_fn, images, labels, seed=seed)
        return tf.equal(tf.argmax(found.logits_fn(adv_images), -1, tf.int32), labels)

    survived = np.ones(len(found.labels), bool)
    for restart in range(attack.num_restarts):
        for start in range(0, len(survived), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            batch = found.images[part], found.labels[part], np.int64(restart)
            survived[part] &= correct(*map(tf.constant, batch)).numpy()
    return survived
