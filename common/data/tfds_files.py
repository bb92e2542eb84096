"""Finds datasets prepared by TensorFlow Datasets (TFDS), or says how to get them.

Those that fit in memory are also read from what `common.data.export` has written.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import json
import os
from typing import Any

import numpy as np

from common.data import lazy, memory, unreadable


@dataclasses.dataclass(frozen=True)
class Prepared(memory.InMemory):
    """Base of the datasets that are prepared by TFDS and held in memory.

    Its name is the one that it has in TFDS.
    """

    def arrays(self, split: str, data_dir: str | None) -> memory.Arrays:
        """Returns images uint8 [n, H, W, C] and labels int32 [n], as `in_memory`.

        Raises:
          FileNotFoundError: TFDS has not prepared the dataset in `data_dir`.
          OSError: it is damaged.
          ValueError: the prepared dataset is not complete.
        """
        images, labels = cached(self.name, split, folder(data_dir))
        expected = self.num_train if split == "train" else self.num_test
        shape = (expected, self.image_size, self.image_size, self.channels)
        if images.shape != shape or labels.shape != (expected,):
            raise ValueError(
                f"{self.name} has {expected} images in {split}. Received: "
                f"{len(images)} images, {images.shape}, and {len(labels)} labels; "
                "prepare it again in TFDS"
            )
        return images, labels


def folder(data_dir: str | None) -> str:
    """Returns `data_dir`, or TFDS_DATA_DIR, or the default folder of TFDS."""
    found = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return os.path.expanduser(found)


def builder(
    name: str,
    data_dir: str,
    *,
    how: str,
    split: str = "",
    without: str = "this is not read: install requirements.txt",
) -> Any:
    """Returns the TFDS builder of a prepared dataset. Never downloads.

    Args:
      name: in TFDS, such as `cifar10`.
      data_dir: what `folder` returned.
      how: how to get the dataset, for the error.
      split: that it must have; empty for any.
      without: what to do where TFDS is not installed, likewise.

    Raises:
      FileNotFoundError: the folder does not hold the prepared dataset, or there is no
        TFDS.
      OSError: what describes the dataset is damaged.
    """
    try:
        lazy.load()
        import tensorflow_datasets as tfds  # slow to import; the digits do not need it
    except ImportError as error:
        raise FileNotFoundError(
            f"Without TensorFlow and TFDS ({error}), {without}. "
            f"Received: data_dir={data_dir}"
        ) from None
    try:
        found = tfds.builder(name, data_dir=data_dir)
    except OSError:
        raise
    except Exception as error:  # of JSON, of protocol buffers, of assertions, ...
        raise OSError(
            f"The description of {name} is damaged; prepare it again: {how}. "
            f"Received: file={_description(os.path.join(data_dir, name))}"
        ) from error
    if not found.info.splits or (split and split not in found.info.splits):
        what = f"no split {split}" if found.info.splits else "none"
        raise FileNotFoundError(
            f"Expected the prepared TFDS dataset {found.info.full_name}. Received: "
            f"data_dir={data_dir}, which has {what}. Set TFDS_DATA_DIR or --data_dir "
            f"to the folder that has it, or get it: {how}"
        )
    return found


def exported(name: str) -> str:
    """Returns the name of the file that an exported dataset is in."""
    return f"{name}.npz"


def in_memory(name: str, split: str, data_dir: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images uint8 [n, H, W, C] and labels int32 [n] of a split.

    They stand in the order of the published files where TFDS keeps it in `id`
    (`train_00000`, ...), and else in the one that TFDS shuffled them into, which is the
    same in every copy, of however many shards. An exported file comes before what TFDS
    has prepared.

    Raises:
      FileNotFoundError: the folder holds neither.
      OSError: what it holds is damaged.
      ValueError: it holds a file of something else.
    """
    file = os.path.join(data_dir, exported(name))
    if os.path.exists(file):
        return _from_export(file, split)
    source = builder(
        name,
        data_dir,
        how=f"tfds build {name} --data_dir={data_dir}",
        split=split,
        without=(
            f"{name} is read from a file: where they are, run python -m "
            f"common.data.export {name} --to=FOLDER; then set --data_dir to that folder"
        ),
    )
    try:
        columns = _read(source, split)
    except lazy.tf.errors.OpError as error:
        raise _damaged(source.info.splits[split], error) from error
    images, labels = columns["image"], columns["label"].astype(np.int32)
    if "id" not in columns:
        return images, labels
    order = np.argsort(columns["id"])
    return images[order], labels[order]


def photographs(source: Any, split: str) -> lazy.tf.data.Dataset:
    """Returns the photographs of a split, as bytes, with their labels, in its order."""
    from tensorflow_datasets import decode

    examples = source.as_dataset(
        split=split,
        shuffle_files=False,
        decoders={"image": decode.SkipDecoding()},
    )
    return examples.map(lambda example: (example["image"], example["label"]))


# Decoding 60,000 PNGs takes seconds: once per process and folder.
cached = functools.cache(in_memory)


def _read(source: Any, split: str) -> dict[str, np.ndarray]:
    """Returns the features of all examples, shard after shard."""
    import tensorflow_datasets as tfds

    dataset = source.as_dataset(
        split=split,
        batch_size=1_000,
        shuffle_files=False,
        read_config=tfds.ReadConfig(interleave_cycle_length=1),
    )
    batches = list(dataset.as_numpy_iterator())
    return {key: np.concatenate([b[key] for b in batches]) for key in batches[0]}


def _from_export(file: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    how = "write it again with python -m common.data.export"
    try:
        with np.load(file) as arrays:
            return arrays[f"{split}_images"], arrays[f"{split}_labels"]
    except KeyError as error:
        raise ValueError(f"{file} is of something else; {how}. {error}") from None
    except Exception as error:  # a damaged archive raises almost anything
        raise OSError(f"{file} is damaged; {how}. Received: {error}") from None


def _description(folder: str) -> str:
    """Returns the first file of a folder that should be JSON and is not."""
    files = sorted(glob.glob(os.path.join(folder, "**", "*.json"), recursive=True))
    for file in files:
        try:
            with open(file, encoding="utf-8") as stream:
                if not isinstance(json.load(stream), dict):
                    return file
        except ValueError:
            return file
    return next((f for f in files if f.endswith("dataset_info.json")), folder)


def _damaged(split: Any, error: Exception) -> OSError:
    """Returns the error of the first file of a split that does not read back."""
    for path, length in zip(split.filepaths, split.shard_lengths, strict=True):
        records = lazy.tf.data.TFRecordDataset(str(path))
        try:
            count = int(records.reduce(np.int64(0), lambda n, _: n + 1))
        except lazy.tf.errors.OpError:
            return unreadable.described(str(path))
        if count != length:
            return unreadable.described(str(path))
    reason = str(error).partition("\n")[0]
    return OSError(f"The records cannot be read: {reason}. Received: file={path}")
