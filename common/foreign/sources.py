"""Data of anybody's as a dataset of the suite: what a user can hand over.

A string is a folder of photographs (see `albums`), a file `.npz`, or the name of a
dataset that TFDS has prepared (see `arrays` for both). In Python it may also be arrays
(images, labels), a `tf.data.Dataset` of a known length, a pair (training, test) of
either, or a dataset of `common.data`.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from typing import Any

import numpy as np

from common.data.dataset import Dataset
from common.foreign import albums, arrays

_TFDS = re.compile(r"[a-z][a-z0-9_]*(/[\w.:-]+)?")


def dataset(
    data: Any,
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    data_dir: str | None = None,
    padding: int = 0,
    flips: bool = False,
) -> Dataset:
    """Returns the dataset of what was handed over.

    Args:
      data: as above.
      image_shape: height, width and channels of the network's input.
      num_classes: of the network.
      data_dir: of TFDS, or None for its default.
      padding: pixels on each side before a random crop; 0 for no crops.
      flips: whether half of the training images are flipped left to right.

    Raises:
      FileNotFoundError: the data are not there.
      ValueError: they are of another kind, or do not fit each other or the network.
    """
    if isinstance(data, Dataset):
        if padding or flips:
            raise ValueError(
                "A dataset of common.data says its own crops and flips. "
                f"Received: padding={padding}, flips={flips}"
            )
        found: Any = data
    elif isinstance(data, str | os.PathLike):
        found = _named(os.fspath(data), image_shape, num_classes, data_dir)
    else:
        found = arrays.of_arrays(_parts(data), image_shape, name="arrays")
    if padding or flips:
        found = dataclasses.replace(found, padding=padding, flips=flips)
    _check(found, image_shape, num_classes)
    return found


def pair(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels of arrays or of a `tf.data.Dataset`, unsplit.

    Images are float32 [n, H, W, C] in [0, 255], labels int32 [n].

    Raises:
      ValueError: data of another kind.
    """
    parts = _parts(data)
    if len(parts) > 1:
        raise ValueError(
            "Expected (images, labels), one set of them. Received: "
            f"{len(parts)} sets, {', '.join(parts)}"
        )
    images, labels = arrays.checked(*parts["train"])
    return images.astype(np.float32), labels


def _named(
    text: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    data_dir: str | None,
) -> Dataset:
    path = pathlib.Path(text.partition("?")[0]).expanduser()
    if path.is_dir():
        return albums.from_folder(text, image_shape, num_classes)
    if path.suffix == ".npz" and path.is_file():
        if "?" in text:
            raise ValueError(f"A file .npz takes no options. Received: {text}")
        return arrays.from_file(path, image_shape)
    if not path.exists() and _TFDS.fullmatch(text):
        return arrays.from_tfds(text, image_shape, data_dir)
    raise FileNotFoundError(
        "Data are a folder of class folders, a file .npz with x_train and y_train, or "
        f"the name of a dataset that TFDS has prepared. Received: {text}"
    )


def _parts(data: Any) -> dict[str, Any]:
    """Returns images and labels of the training set and, if it is there, of the test.

    Raises:
      ValueError: they are of another kind.
    """
    pair = data if isinstance(data, tuple | list) and len(data) == 2 else None
    if hasattr(data, "as_numpy_iterator"):
        return {"train": arrays.from_stream(data, "the dataset")}
    if pair and all(hasattr(part, "as_numpy_iterator") for part in pair):
        return {
            key: arrays.from_stream(part, f"the dataset to {key}")
            for key, part in zip(("train", "test"), pair, strict=True)
        }
    if pair and all(hasattr(part, "shape") for part in pair):
        return {"train": pair}
    if pair and all(isinstance(p, tuple | list) and len(p) == 2 for p in pair):
        return dict(zip(("train", "test"), pair, strict=True))
    raise ValueError(
        "Data are a string, a dataset, (images, labels), or ((images, labels), (test "
        f"images, test labels)). Received: {type(data).__name__}"
    )


def _check(found: Dataset, image_shape: tuple[int, int, int], num_classes: int) -> None:
    if found.num_classes != num_classes:
        raise ValueError(
            "The network's classes must be those of the data: bring images of the "
            "missing ones, give the network a last layer of as many, or drop a "
            "background class with background=first. Received: "
            f"{num_classes} classes of the network and {found.num_classes} of "
            f"{found.name}"
        )
    if found.image_shape != image_shape:
        raise ValueError(
            "The images must be as the network takes them. Received: images of shape "
            f"{found.image_shape} for a network of {image_shape}"
        )
