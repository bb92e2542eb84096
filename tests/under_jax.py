"""What the tests of the JAX engine look at: `python -m tests.under_jax FILE`.

Runs under KERAS_BACKEND=jax with two devices, which are one CPU, and writes arrays.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any, ClassVar

import jax
import keras
import numpy as np

from common import attacks, backend, data, engine
from common.training import checkpoint, learner, optimizers, probe
from tests import agreement, small_paper, sources

STEPS = 7


@dataclasses.dataclass(frozen=True)
class Few(data.CIFAR10):
    """A few random images in place of CIFAR-10."""

    num_train: ClassVar[int] = 30

    def arrays(self, split: str, data_dir: str | None) -> Any:
        shape = (self.num_train, 32, 32, 3)
        images = np.random.default_rng(0).integers(0, 256, shape)
        return images.astype(np.uint8), np.arange(self.num_train, dtype=np.int32) % 10


FREE = dataclasses.replace(small_paper.FREE, dataset=Few(), batch_size=16, seed=3)
NATURAL = dataclasses.replace(
    small_paper.RECIPES["natural"],
    dataset=Few(),
    num_steps=STEPS,
    optimizer=optimizers.Momentum(0.9),
    average=0.5,
)
ENSEMBLE = small_paper.with_sources(
    dataclasses.replace(small_paper.ENSEMBLE, dataset=Few()), (NATURAL,)
)


def result(*words: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs a module with words under KERAS_BACKEND=jax."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=sources.ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": agreement.QUICK_XLA,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def batches() -> dict[str, np.ndarray]:
    """Returns the minibatch of each of some steps."""
    built = learner.build(FREE, engine.make("one_device"), "float32")
    updates = engine.Updates(built, FREE, None, most=4)
    found = {}
    for built.step in range(12):
        images, labels = updates.first_batch()
        found[f"images {built.step}"], found[f"labels {built.step}"] = images, labels
    return found


def trained(
    recipe: Any,
    strategy: str,
    *,
    most: int = 1,
    precision: str = "float32",
    kept: pathlib.Path | None = None,
) -> dict[str, np.ndarray]:
    """Returns all variables, states and losses after some updates, `most` a call.

    Where one is made a call, `twin average/...` is what averages should be. `kept` is a
    folder of checkpoints that is written, if given.
    """
    built = learner.build(recipe, engine.make(strategy), precision)
    updates = engine.Updates(built, recipe, None, most=most)
    losses, twins = [], checkpoint.named(built.variables)
    twins = {name: x for name, x in twins.items() if name.startswith("average/")}
    while built.step < STEPS:
        losses += [x["loss"] for x in updates.advance(STEPS - built.step)]
        rate = max(1.0 - recipe.average, 9.0 / (10.0 + built.step))
        now = checkpoint.named(built.variables)
        for name, twin in twins.items():
            twins[name] = twin - rate * (twin - now[name.removeprefix("average/")])
    if kept:
        built.save(kept)
    parts = {"losses": np.array(losses), "state": np.array(built.state)}
    parts |= {f"twin {name}": twin for name, twin in twins.items()}
    return {**checkpoint.named(built.variables), **parts}


def fixed(source: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns losses with the fixed networks, with other ones, and with those again."""
    built = learner.build(ENSEMBLE, engine.make("one_device"), "float32", (source,))
    updates = engine.Updates(built, ENSEMBLE, None, most=4)
    begun = [(v, np.array(v)) for v in built.variables]
    networks = [(v, np.array(v)) for v in built.fixed]
    found = {}
    for name, factor in (("losses", 1.0), ("others", -1.0), ("again", 1.0)):
        for variable, value in begun:
            variable.assign(value)
        for variable, value in networks:
            variable.assign(factor * value)
        built.step = 0
        found[name] = np.array([x["loss"] for x in updates.advance(4)])
    return found


def draws() -> dict[str, np.ndarray]:
    """Returns what each update draws, and what follows from seed and step."""
    recipe = dataclasses.replace(FREE, method=small_paper.Drawing())
    built = learner.build(recipe, engine.make("one_device"), "float32")
    updates = engine.Updates(built, recipe, None, most=4).advance(4)
    seeds = (backend.fold(recipe.seed, step) for step in range(4))
    return {
        "found": np.array([update["draw"] for update in updates]),
        "expected": np.array([backend.uniform((), seed) for seed in seeds]),
    }


def refusals() -> dict[str, np.ndarray]:
    """Returns what is said of variables that a compiled function reads only later."""
    weights = [keras.Variable(1.0), keras.Variable(2.0)]

    @backend.compiled
    def total(numbers: Any) -> Any:
        return sum(weight * numbers for weight in weights[: numbers.shape[0]])

    found = {"first": np.asarray(total(np.ones(1, np.float32)))}
    try:
        total(np.ones(2, np.float32))
    except RuntimeError as error:
        found["later"] = np.array(str(error))
    return found


def lowered() -> dict[str, np.ndarray]:
    """Returns the gradients of an attack's loop as XLA is given them."""
    network = FREE.network.build(10, 32)
    images, labels = np.zeros((2, 32, 32, 3), np.float32), np.zeros(2, np.int32)
    attack = jax.jit(
        lambda images: attacks.PGD(8.0, 2.0, num_steps=3)(
            lambda x: network(x, training=False), images, labels
        )
    )
    return {"text": np.array(attack.lower(images).as_text())}


def probed() -> dict[str, np.ndarray]:
    """Returns what a probe finds of random images, and how many are right unharmed."""
    network = FREE.network.build(10, 32)
    images, labels = FREE.dataset.train_slice(16)
    asked = probe.Probe(network, attacks.PGD(8.0, 2.0, num_steps=2), (images, labels))
    right = np.argmax(network(images), axis=-1) == labels
    found = {**asked(), "right": right.sum()}
    return {name: np.array(value) for name, value in found.items()}


def counts() -> dict[str, np.ndarray]:
    """Returns the operations of a network, as the engine counts them."""
    network = FREE.network.build(10, 32)
    return {"forward": np.array(engine.forward_flops(network, (1, 32, 32, 3)))}


def main(path: str) -> None:
    """Writes the arrays of all runs, each under its name."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder)
        natural = trained(NATURAL, "one_device", kept=source)
        ensemble = fixed(source)
    runs = {
        "one": natural,
        "ensemble": ensemble,
        "two devices": trained(NATURAL, "auto"),
        "free": trained(FREE, "one_device"),
        "free on two": trained(FREE, "auto", most=4),
        "bfloat16": trained(NATURAL, "one_device", precision="mixed_bfloat16"),
        "batches": batches(),
        "draws": draws(),
        "refusals": refusals(),
        "probed": probed(),
        "counts": counts(),
        "lowered": lowered(),
    }
    arrays = {f"{k}: {n}": x for k, run in runs.items() for n, x in run.items()}
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(sys.argv[1])
