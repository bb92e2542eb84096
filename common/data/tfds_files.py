"""Datasets prepared by TensorFlow Datasets (TFDS): found, or a line that says where.

CIFAR is also read from what `common.data.export` has written of it.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from typing import Any

import numpy as np

from common.data import lazy


def folder(data_dir: str | None) -> str:
    """Returns `data_dir`, or TFDS_DATA_DIR, or the default folder of TFDS."""
    found = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return os.path.expanduser(found)


def builder(
    name: str,
    data_dir: str,
    *,
    how: str,
    without: str = "this is not read: install requirements.txt",
) -> Any:
    """Returns the TFDS builder of a prepared dataset. Never downloads.

    Args:
      name: in TFDS, such as `cifar10`.
      data_dir: what `folder` returned.
      how: how to get the dataset, for the error.
      without: what to do where TFDS is not installed, likewise.

    Raises:
      FileNotFoundError: the folder does not hold the prepared dataset, or there is no
        TFDS.
    """
    try:
        lazy.load()
        import tensorflow_datasets as tfds  # slow to import; the digits do not need it
    except ImportError as error:
        raise FileNotFoundError(
            f"Without TensorFlow and TFDS ({error}), {without}. "
            f"Received: data_dir={data_dir}"
        ) from None
    found = tfds.builder(name, data_dir=data_dir)
    if not found.info.splits:
        raise FileNotFoundError(
            f"Expected the prepared TFDS dataset {found.info.full_name}. Received: "
            f"data_dir={data_dir}, which has none. Set TFDS_DATA_DIR or --data_dir to "
            f"the folder that has it, or get it: {how}"
        )
    return found


def exported(name: str) -> str:
    """Returns the name of the file that an exported dataset is in."""
    return f"{name}.npz"


def in_memory(name: str, split: str, data_dir: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images uint8 [n, H, W, C] and labels int32 [n] of a CIFAR split.

    They stand in the order of the published files, which TFDS keeps in `id`
    (`train_00000`, ...); TFDS itself stores them shuffled. An exported file comes
    before what TFDS has prepared.

    Raises:
      FileNotFoundError: the folder holds neither.
    """
    file = os.path.join(data_dir, exported(name))
    if os.path.exists(file):
        try:
            with np.load(file) as arrays:
                return arrays[f"{split}_images"], arrays[f"{split}_labels"]
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            KeyError,
            ValueError,
        ) as error:
            raise FileNotFoundError(
                f"{file} is damaged, or not of common.data.export; write it again. "
                f"Received: {error}"
            ) from None
    source = builder(
        name,
        data_dir,
        how=f"tfds build {name} --data_dir={data_dir}",
        without=(
            f"{name} is read from a file: where they are, run python -m "
            f"common.data.export {name} --to=FOLDER; then set --data_dir to that folder"
        ),
    )
    dataset = source.as_dataset(split=split, batch_size=1_000, shuffle_files=False)
    ids, images, labels = [], [], []
    for batch in dataset.as_numpy_iterator():
        ids.append(batch["id"])
        images.append(batch["image"])
        labels.append(batch["label"])
    order = np.argsort(np.concatenate(ids))
    return (
        np.concatenate(images)[order],
        np.concatenate(labels)[order].astype(np.int32),
    )
