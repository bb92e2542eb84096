"""a. PGD-20 beside 20 bare passes: what the attack adds to its gradients."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import records, setting, timing
from common import backend
from free_at import presets

ATTACK = setting.PGD_20
ROUNDS = 15
OURS = "PGD-20"


def measure() -> tuple[records.Comparison, ...]:
    """Times the compiled attack and two bare loops of as many passes."""
    recipe = presets.SMALL[setting.FREE]
    network = setting.network(recipe)
    images, labels = setting.random_batch(recipe, recipe.batch_size)

    def logits_fn(images: Any) -> Any:
        return network(images, training=False)

    def count(name: str) -> dict[str, int]:
        return timing.count_passes(
            lambda f: _candidates(f, images[:2], labels[:2])[name](0), logits_fn
        )

    candidates = _candidates(logits_fn, images, labels)
    samples = timing.interleaved(candidates, ROUNDS)
    floors = [name for name in candidates if name != OURS]
    comparison = records.Comparison(
        setting=f"{setting.network_name(recipe.network)}, "
        f"{setting.batch_name(recipe, recipe.batch_size)}, "
        f"{setting.attack_name(ATTACK)}",
        reference=min(floors, key=lambda name: statistics.median(samples[name])),
        samples=samples,
        passes={name: count(name) for name in candidates},
    )
    return (comparison,)


def _candidates(
    logits_fn: Callable[[Any], Any], images: Any, labels: Any
) -> dict[str, Callable[[int], Any]]:
    """Returns the attack and the loops that a TensorFlow user would write."""
    attack = backend.compiled(lambda x, y: ATTACK(logits_fn, x, y))

    def gradient(images: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = logits_fn(images)
            loss = tf.reduce_sum(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        return tape.gradient(loss, images)

    one_pass = backend.compiled(gradient)

    def called(_: int) -> Any:
        for _ in range(ATTACK.num_steps):
            result = one_pass(images)
        return result.numpy()

    @backend.compiled
    def looped(images: Any) -> Any:
        # One iteration at a time, as in an attack, where each waits for the one before.
        return tf.while_loop(
            lambda i, _: i < ATTACK.num_steps,
            lambda i, _: (i + 1, gradient(images)),
            (0, images),
            parallel_iterations=1,
        )[1]

    return {
        OURS: lambda _: attack(images, labels).numpy(),
        "20 calls of a compiled pass": called,
        "20 passes in a compiled loop": lambda _: looped(images).numpy(),
    }
