"""Images per second of training, on the engine that KERAS_BACKEND names.

    python -m benchmarks.throughput [--scale=paper] [--precision=mixed_bfloat16]

Natural training and Free training, m = 8, in the updates of the training loop, on
random images in the place of CIFAR-10. Prints for each the images per second and the
share of the matrix peak of the devices, and what a Free replay costs beside a natural
update. The peak is that of 16-bit matrices without sparsity, whatever the precision, by
the name of the device or --peak in TFLOP/s; without one, as on a CPU, the share is n/a.
"""

from __future__ import annotations

import dataclasses
import functools
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import flags

from benchmarks import setting, timing
from common import cli, data, engine, manifest
from common.names import lookup
from common.training import cost, learner
from free_at import presets

PEAKS = {  # name of a device -> TFLOP/s, as the makers' data sheets are remembered
    "H200": 989.0,
    "H100": 989.0,  # SXM
    "A100": 312.0,
    "V100": 125.0,
    "T4": 65.0,
    "TPU v6 lite": 918.0,
    "TPU v5 lite": 197.0,
    "TPU v5": 459.0,
    "TPU v4": 275.0,
}


@dataclasses.dataclass(frozen=True)
class Random(data.CIFAR10):
    """Random images in the place of CIFAR-10."""

    def arrays(self, split: str, data_dir: str | None) -> Any:
        """Returns random images uint8 and labels."""
        rng, count = np.random.default_rng(0), self.num_train
        shape = (count, self.image_size, self.image_size, self.channels)
        images = rng.integers(0, 256, shape, dtype=np.uint8)
        return images, rng.integers(0, self.num_classes, count, dtype=np.int32)


def peak(hardware: str) -> float:
    """Returns the TFLOP/s of devices such as `2 x NVIDIA H200`; 0 if unknown."""
    count, _, name = hardware.partition(" x ")
    known = next((PEAKS[key] for key in PEAKS if key in name), 0.0)
    return int(count) * known if known else 0.0


def updates(recipe: Any, number: int, precision: str) -> Callable[[int], None]:
    """Returns what does a number of updates, in calls of at most 100."""
    built = learner.build(recipe, engine.make(), precision)
    runner = engine.Updates(built, recipe, None, most=min(number, 100))

    def run(_: int) -> None:
        end = built.step + number
        while built.step < end:
            values = runner.advance(min(end - built.step, 100))
        float(values[-1]["loss"])  # waits for it

    return run


def main(argv: Sequence[str]) -> int:
    """Measures and prints; returns 0, or 2 for words that it does not know."""
    values = flags.FlagValues()
    define = functools.partial(flags.DEFINE_integer, flag_values=values)
    define("updates", 100, "updates of a sample")
    define("rounds", 5, "samples of each")
    flags.DEFINE_string("scale", "small", "small or paper", flag_values=values)
    flags.DEFINE_string("precision", "float32", "of training", flag_values=values)
    flags.DEFINE_float("peak", 0.0, "TFLOP/s of all devices", flag_values=values)
    flags.DEFINE_boolean("help", False, "show this", flag_values=values)
    try:
        values(list(argv))
        known = lookup(presets.RECIPES, values.scale, "scale")
        lookup(dict.fromkeys(learner.PRECISIONS), values.precision, "precision")
    except (ValueError, flags.Error) as error:
        return cli.fail(error)
    if values.help:
        print(__doc__)
        return 0
    _measure(
        {
            name: dataclasses.replace(known[name], dataset=Random())
            for name in (setting.NATURAL, setting.FREE)
        },
        values,
    )
    return 0


def _measure(recipes: dict[str, Any], values: flags.FlagValues) -> None:
    samples = timing.interleaved(
        {n: updates(r, values.updates, values.precision) for n, r in recipes.items()},
        values.rounds,
    )
    hardware, natural = manifest.environment()["hardware"], recipes[setting.NATURAL]
    most = values.peak or peak(hardware)
    network = natural.network.build(10, 32)
    flops = cost.UPDATE * engine.forward_flops(network, (1, 32, 32, 3))
    print(f"{engine.NAME}, {hardware}, {values.precision}, scale {values.scale}")
    for name, seconds in samples.items():
        rate = values.updates * natural.batch_size / statistics.median(seconds)
        share = f"{rate * flops / most / 1e10:.1f} %" if most else "n/a"
        print(f"{name:16}{rate:10,.0f} images/s, {share} of the matrix peak")
    pairs = zip(samples[setting.FREE], samples[setting.NATURAL], strict=True)
    ratios = sorted(free / natural for free, natural in pairs)
    print(
        f"a Free replay costs {statistics.median(ratios):.3f} natural updates "
        f"[{ratios[0]:.3f}, {ratios[-1]:.3f}]"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv))
