"""Images of anybody's that lie in memory: arrays, files of NumPy, and TFDS."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from common import files
from common.data import checks, memory, pipeline, shifts, tfds_files
from common.data.lazy import tf
from common.foreign import albums, described, loaded, splits
from common.names import lookup


@dataclasses.dataclass(frozen=True)
class Arrays(described.Described, memory.InMemory):
    """Labelled images in memory.

    Attributes:
      examples: `train` and `test` -> images [n, H, W, C] and labels int32 [n].
    """

    examples: Mapping[str, memory.Arrays] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )

    def arrays(self, split: str, data_dir: str | None) -> memory.Arrays:
        """Returns the images and labels of a split; `data_dir` is not used."""
        return self.examples[split]

    def train_slice(
        self, num_images: int, *, data_dir: str | None = None
    ) -> memory.Arrays:
        """Returns training images as they are, spread evenly over all of them."""
        images, labels = self.arrays("train", data_dir)
        rows = pipeline.spread(self.num_train, num_images)
        return images[rows].astype(np.float32), labels[rows]

    def augment(self, images: Any, draw: Callable[[int], Any]) -> Any:
        """Returns the images, cropped and flipped as asked for."""
        if not (self.padding or self.flips):
            return images
        return self.shifted(images, draw(shifts.NUM_DRAWS))


def of_arrays(
    parts: Mapping[str, memory.Arrays],
    image_shape: tuple[int, int, int],
    *,
    name: str,
    classes: tuple[str, ...] = (),
) -> Arrays:
    """Returns the dataset of arrays, checked.

    Args:
      parts: `train`, and `test` or nothing; images [n, H, W, C] or gray [n, H, W] in
        [0, 255], labels [n] or [n, 1]. Without `test`, a tenth is held out.
      image_shape: of the network's input. Gray images get its three channels, and
        colours become their luma for a network of one.
      name: in records.
      classes: their names, if they have some.

    Raises:
      ValueError: images of another size, pixels or labels that are none, one class
        alone, or a class without a training image.
    """
    found = {key: _fitted(*part, image_shape) for key, part in parts.items()}
    split = splits.GIVEN
    if "test" not in found:
        images, labels = found["train"]
        held_out = splits.held_out(map(zlib.crc32, images), name)
        split = splits.BY_HASH
        found = {
            "train": (images[~held_out], labels[~held_out]),
            "test": (images[held_out], labels[held_out]),
        }
    every = np.concatenate([labels for _, labels in found.values()])
    splits.check_labels(found["train"][1], every, classes)
    digest = hashlib.sha256()
    for images, labels in found.values():
        digest.update(images.data)
        digest.update(labels.data)
    return Arrays(
        name=name,
        num_classes=len(classes) or int(every.max()) + 1,
        image_shape=image_shape,
        num_train=len(found["train"][1]),
        num_test=len(found["test"][1]),
        split=split,
        fingerprint=digest.hexdigest(),
        classes=classes,
        examples=found,
    )


def from_file(file: pathlib.Path, image_shape: tuple[int, int, int]) -> Arrays:
    """Returns the dataset of an `.npz` file with `x_train`, `y_train`, `x_test`, ...

    A file with `x_train` and `y_train` alone is split.

    Raises:
      ValueError: the file is broken or lacks a name, and as `of_arrays`.
    """
    found = files.load_arrays(file, "x_train", "y_train")
    parts = {"train": (found["x_train"], found["y_train"])}
    if "x_test" in found:
        parts["test"] = (found["x_test"], files.named(found, "y_test", file))
    return of_arrays(parts, image_shape, name=file.stem)


def from_tfds(
    name: str, image_shape: tuple[int, int, int], data_dir: str | None
) -> Arrays:
    """Returns the dataset that TFDS has prepared under a name; downloads nothing.

    Photographs of several sizes are cropped at their centre, as those of a folder are.
    What `common.data.export` has written comes before.

    Raises:
      FileNotFoundError: it is not prepared in `data_dir`.
      ValueError: it has no images with one label each, and as `of_arrays`.
    """
    folder = tfds_files.folder(data_dir)
    if os.path.exists(os.path.join(folder, tfds_files.exported(name))):
        exported = {
            split: tfds_files.cached(name, split, folder) for split in ("train", "test")
        }
        return of_arrays(exported, image_shape, name=name)
    how = f"tfds build {name} --data_dir={folder}"
    if not os.path.isdir(os.path.join(folder, name.partition("/")[0])):
        raise FileNotFoundError(
            "DATA is a folder of class folders, a file .npz, or a dataset of TFDS, "
            f"prepared by {how}. Received: {name}, which is none of these"
        )
    source = tfds_files.builder(name, folder, how=how, split="train")
    features = source.info.features
    for key in ("image", "label"):
        lookup(features, key, f"feature of {name}, which needs it")
    known = ("test", "validation")
    parts = {"train": _prepared(source, "train", image_shape, folder)}
    for split in (key for key in known if key in source.info.splits):
        parts.setdefault("test", _prepared(source, split, image_shape, folder))
    classes = tuple(getattr(features["label"], "names", None) or ())
    return of_arrays(parts, image_shape, name=name, classes=classes)


def from_stream(stream: Any, what: str) -> memory.Arrays:
    """Returns the images and labels of a `tf.data.Dataset`, batched or not.

    Raises:
      ValueError: its length is not known, endless or 0, or it gives something else.
    """
    if not (isinstance(stream.element_spec, tuple) and len(stream.element_spec) == 2):
        raise ValueError(
            "A tf.data.Dataset must give pairs (images, labels). "
            f"Received: {what}, which gives {stream.element_spec}"
        )
    length = int(stream.cardinality())
    if length == 0:
        raise ValueError(f"A set of images must not be empty. Received: {what}")
    if length < 0:
        kind = "endless" if length == -1 else "not known"
        raise ValueError(
            "A tf.data.Dataset is read into memory, so its length must be known: take "
            f".take(n), or .apply(tf.data.experimental.assert_cardinality(n)). "
            f"Received: {what}, whose length is {kind}"
        )
    try:
        images, labels = zip(*stream.as_numpy_iterator(), strict=True)
    except Exception as error:  # whatever TensorFlow raises of a stream that fails
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            "A tf.data.Dataset of pairs (images, labels), batched once or not at all, "
            f"is read into memory. Received: {what}, which fails: "
            f"{type(error).__name__}: {reason}"
        ) from error
    first = np.shape(labels[0])
    if first and first[0] == len(images[0]):
        return np.concatenate(images), np.concatenate(labels)
    return np.stack(images), np.stack(labels)


def checked(images: Any, labels: Any) -> memory.Arrays:
    """Returns images [n, H, W, C] in [0, 255] and labels int32 [n], which they are.

    Args:
      images: or gray [n, H, W].
      labels: [n] or [n, 1].

    Raises:
      ValueError: there is none, or they are something else.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim == 3:
        images = images[..., None]
    checks.check_images(images)
    checks.check_classes(labels)
    checks.check_as_many(images, labels)
    if not len(labels):
        raise ValueError("A set of images must not be empty. Received: 0 images")
    narrow = labels.reshape(-1).astype(np.int32)
    if not np.array_equal(narrow, labels.reshape(-1)):
        raise ValueError(
            "Labels count the classes from 0, and are below 2**31. "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    return images, narrow


def _fitted(
    images: Any, labels: Any, image_shape: tuple[int, int, int]
) -> memory.Arrays:
    """Returns images [n, H, W, C] and labels int32 [n] as the network takes them."""
    images, labels = checked(images, labels)
    if images.shape[1:3] != image_shape[:2] or images.shape[3] not in (1, 3):
        height, width, channels = image_shape
        raise ValueError(
            f"The network takes images of {height} x {width} pixels with {channels} "
            "channels: resize them, or say ?image_size= of a network that takes any. "
            f"Received: images of shape {images.shape[1:]}"
        )
    if images.shape[3] < image_shape[2]:
        images = images.repeat(3, axis=3)
    elif images.shape[3] > image_shape[2]:
        luma = images @ np.array(loaded.LUMA, np.float32)
        images = np.clip(luma, 0, 255)[..., None]
    kind = np.uint8 if images.dtype == np.uint8 else np.float32
    return np.ascontiguousarray(images, kind), labels


def _prepared(
    source: Any, split: str, image_shape: tuple[int, int, int], folder: str
) -> memory.Arrays:
    """Returns a split that TFDS has prepared."""
    name, shape = source.name, source.info.features["image"].shape
    if None not in shape:
        return tfds_files.cached(name, split, folder)

    def cropped(encoded: Any, label: Any) -> tuple[Any, Any]:
        pixels = albums.photograph(encoded, image_shape)
        return tf.cast(tf.round(pixels), tf.uint8), label

    stream = pipeline.parallel(tfds_files.photographs(source, split), cropped)
    return from_stream(stream, f"{name}, {split}")
