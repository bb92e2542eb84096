"""Samples taken in turns, and passes counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from common.data.lazy import tf


def interleaved(
    candidates: Mapping[str, Callable[[int], Any]], rounds: int
) -> dict[str, list[float]]:
    """Returns the seconds of every candidate in every round.

    Each round runs all of them, every other round in reverse, so that a machine that
    slows down or speeds up moves all alike. A first round, which compiles, is dropped.

    Args:
      candidates: name -> function of the round, done when it returns.
      rounds: how many count.
    """
    for run in candidates.values():
        run(0)
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for index in range(rounds):
        names = list(candidates)
        for name in names[:: -1 if index % 2 else 1]:
            begin = time.perf_counter()
            candidates[name](index)
            samples[name].append(time.perf_counter() - begin)
    return samples


class Counter:
    """Counts forward and backward passes of what goes through it."""

    def __init__(self) -> None:
        """Starts at zero."""
        self.forward = 0
        self.backward = 0

    def __call__(self, logits: Any) -> Any:
        """Returns the logits as they are, counted there and on the way back."""

        @tf.custom_gradient
        def passed(logits: Any) -> Any:
            self.forward += 1

            def gradient(upstream: Any) -> Any:
                self.backward += 1
                return upstream

            return tf.identity(logits), gradient

        return passed(logits)


def count_passes(
    run: Callable[[Callable[[Any], Any]], Any], logits_fn: Callable[[Any], Any]
) -> dict[str, int]:
    """Returns the forward and backward passes that `run(logits_fn)` makes.

    It runs uncompiled, so that loops come through Python and are counted turn by turn.
    """
    counter = Counter()
    tf.config.run_functions_eagerly(True)
    try:
        run(lambda images: counter(logits_fn(images)))
    finally:
        tf.config.run_functions_eagerly(False)
    return {"forward": counter.forward, "backward": counter.backward}
