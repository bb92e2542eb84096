"""Photographs of anybody's in a folder, read anew in every pass by TensorFlow."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.data import dataset, listing, pipeline, shifts, unreadable
from common.data.lazy import tf
from common.foreign import described, folders, loaded, splits

_TESTS = ("test", "val", "validation")  # folders beside `train`

Rows = tuple[tuple[str, ...], np.ndarray]  # files, and their labels int32 [n]


@dataclasses.dataclass(frozen=True)
class Album(described.Described, dataset.Dataset):
    """Labelled photographs at the size that a network takes.

    Attributes:
      rows: `train` and `test` -> files and labels.
    """

    rows: Mapping[str, Rows] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def training(
        self, stream: tf.data.Dataset, *, seed: int, data_dir: str | None
    ) -> tf.data.Dataset:
        """Returns batches of photographs, cropped and flipped as asked for."""
        files, labels = self._on_host("train")

        def read(epoch: Any, index: Any) -> tuple[Any, Any, Any]:
            encoded = tf.io.read_file(files[index])
            count = shifts.NUM_DRAWS
            draws = pipeline.uniform(seed, epoch[None], index[None], count)[0]
            return photograph(encoded, self.image_shape), labels[index], draws

        def augmented(images: Any, labels: Any, draws: Any) -> tuple[Any, Any]:
            return self.shifted(images, draws), labels

        rows = stream.unbatch()
        examples = unreadable.loaded(rows, read, lambda _, index: files[index])
        size = stream.element_spec[0].shape[0]
        return pipeline.parallel(examples.batch(size, drop_remainder=True), augmented)

    def testing(
        self, rows: np.ndarray, *, batch_size: int, data_dir: str | None
    ) -> tf.data.Dataset:
        """Returns batches of photographs as they are."""
        return pipeline.finished(self._read("test", rows).batch(batch_size))

    def train_slice(
        self, num_images: int, *, data_dir: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns training photographs as they are, spread evenly over all classes."""
        rows = pipeline.spread(self.num_train, num_images)
        return next(unreadable.batches(self._read("train", rows).batch(len(rows))))

    def _read(self, split: str, indices: np.ndarray) -> tf.data.Dataset:
        files, labels = self._on_host(split)

        def read(index: Any) -> tuple[Any, Any]:
            encoded = tf.io.read_file(files[index])
            return photograph(encoded, self.image_shape), labels[index]

        rows = tf.data.Dataset.from_tensor_slices(indices)
        return unreadable.loaded(rows, read, lambda index: files[index])

    def _on_host(self, split: str) -> tuple[Any, Any]:
        files, labels = self.rows[split]
        with tf.device("CPU:0"):
            return tf.constant([os.fsencode(f) for f in files]), tf.constant(labels)


def photograph(encoded: Any, image_shape: tuple[int, int, int]) -> Any:
    """Returns a photograph as a network takes it, see `folders.photograph`.

    Args:
      encoded: string scalar, a JPEG or PNG.
      image_shape: height, width and channels; it becomes gray for one channel.

    Returns:
      float32 [H, W, C] in [0, 255].
    """
    height, width, channels = image_shape
    pixels = folders.photograph(encoded, (height, width))
    if channels == 1:
        pixels = tf.reduce_sum(pixels * loaded.LUMA, axis=-1, keepdims=True)
    return tf.ensure_shape(tf.clip_by_value(pixels, 0.0, 255.0), image_shape)


def from_folder(
    spec: str, image_shape: tuple[int, int, int], num_classes: int
) -> Album:
    """Returns the dataset of FOLDER[?OPTION=VALUE...], see `folders`.

    Without a folder `test`, `val` or `validation` beside `train`, a tenth is held out,
    by a hash of the names of the files.

    Args:
      spec: the folder, with class folders or a `labels.csv`.
      image_shape: of the network's input.
      num_classes: of the network, which the labels of `labels.csv` are about.

    Raises:
      FileNotFoundError: no photograph, or one of `labels.csv` is missing.
      ValueError: folders of other classes in the parts, one class alone, or a class
        without a training image.
    """
    folder, options = folders.options(spec)
    root, order = pathlib.Path(folder).expanduser(), options.get("classes", "")
    given = [split for split in _TESTS if (root / split).is_dir()]
    is_split = not options.get("split") and (root / "train").is_dir() and given
    parts = {"train": "train", "test": given[0]} if is_split else {"": ""}
    side = max(image_shape[:2])
    found = {
        key: folders.photographs(
            root, side, split=place or options.get("split", ""), classes=order
        )
        for key, place in parts.items()
    }
    classes = _classes(root, [p.record["split"] for p in found.values()], order)
    rows = {key: (part.files, part.labels) for key, part in found.items()}
    if not is_split:
        rows = _split(rows[""], root)
    every = np.concatenate([labels for _, labels in rows.values()])
    if classes:
        splits.check_labels(rows["train"][1], every, classes)
    elif every.max() >= num_classes:
        raise ValueError(
            "labels.csv numbers the network's classes from 0; ?background=first drops "
            f"a background class. Received: class_index={every.max()}, and a network "
            f"of {num_classes} classes"
        )
    prints = "".join(part.record["fingerprint"] for part in found.values())
    return Album(
        name=root.resolve().name,
        num_classes=len(classes) or num_classes,
        image_shape=image_shape,
        num_train=len(rows["train"][1]),
        num_test=len(rows["test"][1]),
        split=splits.GIVEN if is_split else splits.BY_HASH,
        fingerprint=hashlib.sha256(prints.encode()).hexdigest(),
        classes=classes,
        rows=rows,
    )


def _classes(root: pathlib.Path, places: list[str], order: str) -> tuple[str, ...]:
    """Returns the names of the class folders, the same in all places; () for a table.

    Raises:
      ValueError: a class is not in all places.
    """
    if (root / "labels.csv").is_file():
        return ()
    names = [listing.classes(str(root / place), order) for place in places]
    for place, other in zip(places, names, strict=True):
        if odd := set(names[0]) ^ set(other):
            raise ValueError(
                "The class folders of training and test images must be the same. "
                f"Received: {min(odd)}, which is not in both {places[0]} and {place}"
            )
    return names[0]


def _split(rows: Rows, root: pathlib.Path) -> dict[str, Rows]:
    """Returns the rows of training and of test images."""
    files, labels = rows
    names = [pathlib.Path(file).relative_to(root).as_posix() for file in files]
    numbers = (zlib.crc32(os.fsencode(name)) for name in names)
    held_out = splits.held_out(numbers, root.name)
    return {
        key: (tuple(np.array(files)[chosen].tolist()), labels[chosen])
        for key, chosen in (("train", ~held_out), ("test", held_out))
    }
