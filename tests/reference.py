"""AutoAttack on a network of which the reference's outcomes are known.

`python -m tests.reference FOLDER VERSION EPSILON COUNT FILE` evaluates the first images
on the engine that KERAS_BACKEND names, and writes which of them survive. FOLDER has the
network, the images of CIFAR-10 as a directory of TFDS, and the outcomes.
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import keras
import numpy as np
import tensorflow_datasets as tfds

from common import attacks, evaluation

NETWORK = "weights/vnncomp21_resnet2b_adv2.keras"
OUTCOMES = "autoattack/ref_resnet2b_eps{}_seed0_n500.npz"


def survived(
    folder: pathlib.Path, attack: Any, count: int, **options: Any
) -> evaluation.Record:
    """Returns the record of an attack on the network.

    Args:
      folder: of the network and the images.
      attack: from `common.attacks`.
      count: images of the test set, the first ones in the published order.
      **options: of `evaluate`.
    """
    network = keras.models.load_model(folder / NETWORK, compile=False)
    in_order = tfds.ReadConfig(interleave_cycle_length=1)
    images, labels = next(
        iter(
            tfds.load(
                "cifar10:3.0.2",
                split="test",
                data_dir=str(folder / "tfds"),
                download=False,
                as_supervised=True,
                read_config=in_order,
            ).batch(count)
        )
    )
    return evaluation.evaluate(
        lambda images: network(images / 255.0, training=False),
        [(np.asarray(images, np.float32), np.asarray(labels))],
        attack,
        batch_size=min(count, 100),
        **options,
    )


def main(folder: str, version: str, epsilon: str, count: str, file: str) -> None:
    """Writes what survives a version of AutoAttack."""
    attack = attacks.autoattack(float(epsilon), version)
    record = survived(pathlib.Path(folder), attack, int(count), progress=True)
    print("", *record.parts, *record.warnings, f"{record.seconds:.0f} s", sep="\n")
    np.savez(file, survived=record.survived, broken_by=record.broken_by)


if __name__ == "__main__":
    main(*sys.argv[1:])
