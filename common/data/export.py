"""Writes CIFAR and MNIST as files that are read without TensorFlow.

    python -m common.data.export NAME ... --to=FOLDER [--data_dir=TFDS_FOLDER]

NAME is cifar10, cifar100 or mnist. FOLDER, given as --data_dir or TFDS_DATA_DIR to the
commands of a paper, is all that they need: NAME.npz has both splits, about 180 MB, or
55 MB of MNIST.
Exit status: 0 written, 2 usage, 3 it could not be written.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence

import numpy as np
from absl import flags

from common import errors, files, logs
from common.data import CIFAR10, CIFAR100, MNIST, tfds_files
from common.names import lookup

WRITTEN, USAGE, FAILED = 0, 2, 3
_DATASETS = {dataset.name: dataset for dataset in (CIFAR10(), CIFAR100(), MNIST())}


def export(name: str, to: pathlib.Path, data_dir: str | None = None) -> pathlib.Path:
    """Writes a dataset and returns the path of the file, which is whole or not there.

    Args:
      name: of the dataset.
      to: folder of the file; made if it is not there.
      data_dir: of TFDS, or None for its default.

    Raises:
      ValueError: an unknown dataset.
      FileNotFoundError: the dataset is not there.
    """
    dataset = lookup(_DATASETS, name, "dataset to export")
    arrays = {}
    for split in ("train", "test"):
        images, labels = dataset.arrays(split, data_dir)
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images, labels
    path = to / tfds_files.exported(name)
    with files.whole(path) as file:
        np.savez(file, **arrays)
    return path


def main(argv: Sequence[str]) -> int:
    """Writes what the words name and returns the exit status."""
    values = flags.FlagValues()
    flags.DEFINE_string("to", None, "folder of the files", flag_values=values)
    flags.DEFINE_string("data_dir", None, "TFDS folder", flag_values=values)
    flags.DEFINE_boolean("help", False, "show this", flag_values=values)
    logs.define_flag(values)
    try:
        _, *names = values(list(argv))
        if values.help:
            print(__doc__)
            return WRITTEN
        if not names or not values.to:
            raise ValueError("Expected NAME ... --to=FOLDER. Received: too few words")
        logs.show(values.verbosity)
        to = pathlib.Path(values.to).expanduser()
        for name in names:
            print(export(name, to, values.data_dir))
    except (ValueError, FileNotFoundError, flags.Error) as error:
        return _fail(USAGE, error)
    except (OSError, errors.RunError) as error:  # such as a full disk
        return _fail(FAILED, error)
    return WRITTEN


def _fail(status: int, error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
