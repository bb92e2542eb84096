"""d. Peak memory of PGD with 100 steps beside 10, each in a process of its own.

`python -m benchmarks.memory STEPS` is one such process; it prints its peak.
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys

from benchmarks import records, setting
from common import backend
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
    recipe = presets.SMALL[setting.FREE]
    comparison = records.Comparison(
        setting=f"{setting.network_name(recipe.network)}, "
        f"{setting.batch_name(recipe, BATCH_SIZE)}; peak resident memory of the whole "
        "process, Python and TensorFlow included, nothing subtracted",
        reference=f"{STEPS[0]} steps",
        samples=samples,
        unit="MiB",
    )
    return (comparison,)


def attack_once(num_steps: int) -> float:
    """Attacks one batch; returns the peak resident memory of this process in MiB."""
    recipe = presets.SMALL[setting.FREE]
    network = setting.network(recipe)
    attack = dataclasses.replace(setting.PGD_20, num_steps=num_steps)
    compiled = backend.compiled(
        lambda images, labels: attack(
            lambda x: network(x, training=False), images, labels
        )
    )
    compiled(*setting.random_batch(recipe, BATCH_SIZE)).numpy()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    print(attack_once(int(sys.argv[1])))
