"""f. Updates and an attack on JAX beside TensorFlow, each in a process of its own.

`python -m benchmarks.engines` is one, on the engine that KERAS_BACKEND names: it
does the work that a line of standard input names, and answers with a line.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import records, setting, throughput, timing
from common import backend
from common.recipe import Recipe
from free_at import presets

ENGINES = {"TensorFlow": "tensorflow", "JAX": "jax"}  # row -> KERAS_BACKEND
REFERENCE = "TensorFlow"
UPDATES = 16  # of a sample
ROUNDS = 9
TRAINED = {
    "natural updates": setting.NATURAL,
    "Free replays": setting.FREE,
    "7-PGD updates": setting.PGD_7,
}
ATTACK = setting.attack_name(setting.PGD_20)


def measure() -> tuple[records.Comparison, ...]:
    """Has both engines do each work in turns."""
    with contextlib.ExitStack() as stack:
        do = {row: stack.enter_context(_started(row)) for row in ENGINES}
        return tuple(_compared(work, do) for work in (ATTACK, *TRAINED))


def _compared(work: str, do: dict[str, Callable[[str], None]]) -> records.Comparison:
    candidates = {row: lambda _, ask=ask: ask(work) for row, ask in do.items()}
    recipe = _recipe(TRAINED.get(work, setting.NATURAL))
    count = "" if work == ATTACK else f", {work} in a sample: {UPDATES}"
    return records.Comparison(
        setting=f"{work}, {setting.network_name(recipe.network)}, "
        f"{setting.batch_name(recipe, recipe.batch_size)}{count}",
        reference=REFERENCE,
        samples=timing.interleaved(candidates, ROUNDS),
    )


@contextlib.contextmanager
def _started(row: str) -> Iterator[Callable[[str], None]]:
    """Gives a function that has a new process do some work, and waits for it."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.engines"],
        env={**os.environ, "KERAS_BACKEND": ENGINES[row]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def do(work: str) -> None:
            print(work, file=process.stdin, flush=True)
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError(f"{row} ended with status {process.wait()}")

        yield do


def _recipe(name: str) -> Recipe:
    return dataclasses.replace(presets.SMALL[name], dataset=throughput.Random())


def _attack() -> Callable[[], Any]:
    """Returns what attacks a minibatch."""
    recipe = _recipe(setting.NATURAL)
    network = setting.network(recipe)
    batch = setting.random_batch(recipe, recipe.batch_size)
    compiled = backend.compiled(
        lambda images, labels: setting.PGD_20(
            lambda x: network(x, training=False), images, labels
        )
    )
    return lambda: np.asarray(compiled(*batch))


def main() -> None:
    """Does what standard input asks for, until it ends."""
    known: dict[str, Callable[[], Any]] = {ATTACK: _attack()}
    for work, name in TRAINED.items():
        known[work] = functools.partial(
            throughput.updates(_recipe(name), UPDATES, "float32"), 0
        )
    for line in sys.stdin:
        known[line.strip()]()
        print(flush=True)


if __name__ == "__main__":
    main()
