"""d. Peak memory of PGD with 100 steps beside 10, each in a process of its own.

`python -m benchmarks.memory STEPS` is one such process; it prints its peak.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import tensorflow as tf

from benchmarks import records
from common import backend
from common.attacks import PGD
from free_at import presets

STEPS = (10, 100)
BATCH_SIZE = 256
ROUNDS = 3


def measure() -> tuple[records.Comparison, ...]:
    """Runs a process of each kind in turns."""
    samples: dict[str, list[float]] = {f"{steps} steps": [] for steps in STEPS}
    for _ in range(ROUNDS):
        for steps in STEPS:
            command = [sys.executable, "-m", "benchmarks.memory", str(steps)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            samples[f"{steps} steps"].append(float(done.stdout.split()[-1]))
    recipe = presets.SMALL["cifar10_free_8"]
    comparison = records.Comparison(
        setting=f"{recipe.network}, {BATCH_SIZE} random images of "
        f"{recipe.dataset.image_size} pixels; peak resident memory of the whole "
        "process, Python and TensorFlow included, nothing subtracted",
        reference=f"{STEPS[0]} steps",
        samples=samples,
        unit="MiB",
    )
    return (comparison,)


def attack_once(num_steps: int) -> float:
    """Attacks one batch; returns the peak resident memory of this process in MiB."""
    recipe = presets.SMALL["cifar10_free_8"]
    data = recipe.dataset
    network = recipe.network.build(data.num_classes, data.image_size)
    shape = (BATCH_SIZE, data.image_size, data.image_size, data.channels)
    attack = PGD(epsilon=8.0, step_size=2.0, num_steps=num_steps)
    compiled = backend.compiled(
        lambda images, labels: attack(
            lambda x: network(x, training=False), images, labels
        )
    )
    labels = tf.range(BATCH_SIZE) % data.num_classes
    compiled(255.0 * backend.uniform(shape, 0), labels).numpy()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    print(attack_once(int(sys.argv[1])))
