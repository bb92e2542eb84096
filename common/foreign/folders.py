"""Photographs with labels in a folder, as test images."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import os
import pathlib
from typing import Any

import numpy as np

from common.data import crops, decoding, listing, pipeline, unreadable
from common.data.lazy import tf
from common.foreign import labels
from common.names import unknown

_OPTIONS = ("split", "classes")


@dataclasses.dataclass(frozen=True)
class Photographs:
    """Labelled photographs, cropped at their centre unless they have the size.

    Attributes:
      files: paths.
      labels: int32 [n].
      num_classes: number of class folders; None where `labels.csv` has the labels.
      image_size: side of the images, in pixels.
      record: what they are, as JSON values, with a fingerprint of names, labels and
        sizes of the files.
    """

    files: tuple[str, ...]
    labels: np.ndarray
    num_classes: int | None
    image_size: int
    record: dict[str, Any]

    def test_batches(self, *, batch_size: int) -> tf.data.Dataset:
        """Returns images float32 [b, S, S, 3] in [0, 255] and labels int32 [b].

        Args:
          batch_size: images per batch; the last batch may be short.
        """
        size = self.image_size, self.image_size

        def read(file: Any, label: Any) -> tuple[Any, Any]:
            return photograph(tf.io.read_file(file), size), label

        files = [os.fsencode(file) for file in self.files]
        rows = tf.data.Dataset.from_tensor_slices((files, self.labels))
        examples = unreadable.loaded(rows, read, lambda file, _: file)
        return pipeline.finished(examples.batch(batch_size))


def photograph(encoded: Any, size: tuple[int, int]) -> Any:
    """Returns a photograph at the size that a network takes, in a graph.

    One that has this size stays as it is. Of another one it is the central square,
    stretched to a size that is none.

    Args:
      encoded: string scalar, a JPEG or PNG.
      size: height and width.

    Returns:
      float32 [height, width, 3] in [0, 255].
    """
    image = decoding.image(encoded)

    def cropped() -> Any:
        square = crops.centre(image, _resized(max(size)), max(size))
        return square if size[0] == size[1] else tf.image.resize(square, size)

    fits = tf.reduce_all(tf.shape(image)[:2] == size)
    pixels = tf.cond(fits, lambda: tf.cast(image, tf.float32), cropped)
    return tf.ensure_shape(pixels, [*size, 3])


def options(spec: str) -> tuple[str, dict[str, str]]:
    """Returns the folder and the options of FOLDER[?OPTION=VALUE[&OPTION=VALUE...]].

    Args:
      spec: with the options of `photographs` that are strings, `split` and `classes`.

    Raises:
      ValueError: an unknown option, or one without a value or twice.
    """
    folder, _, query = spec.partition("?")
    found: dict[str, str] = {}
    for option in query.split("&") if query else ():
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            raise ValueError(unknown(_OPTIONS, name, f"option in {spec}"))
        if not value or name in found:
            raise ValueError(f"Expected {name}=VALUE once. Received: {spec}")
        found[name] = value
    return folder, found


def photographs(
    folder: str | pathlib.Path,
    image_size: int,
    *,
    split: str = "",
    classes: str = "",
) -> Photographs:
    """Lists the photographs of a folder, and prints what of it is left out.

    The labels come from `labels.csv` in the folder if it is there, from its columns
    `file` (path within the folder) and `class_index`. Otherwise the folder has a folder
    for each class, numbered in the order of their names.

    Args:
      folder: the folder.
      image_size: side of the images, in pixels.
      split: a folder in it, the only one to be read.
      classes: the order of class folders, see `common.data.listing`.

    Raises:
      FileNotFoundError: no photograph, or one of `labels.csv` is missing.
      OSError: a photograph is a link to a file that is not there.
      ValueError: `labels.csv` is not as above, or the order of the class folders has to
        be said.
    """
    root = pathlib.Path(folder).expanduser()
    if labels.escapes(split):
        raise ValueError(f"split must be inside the folder. Received: split={split}")
    is_table = (root / "labels.csv").is_file()
    if is_table and classes:
        raise ValueError(
            "classes= orders class folders; labels.csv has the classes of this folder. "
            f"Received: folder={root}, classes={classes}"
        )
    found = (
        _from_table(root, split) if is_table else _from_classes(root, split, classes)
    )
    if not found.rows:
        raise FileNotFoundError(
            "Expected labels.csv, or a folder of JPEG or PNG files for each class; "
            "?split=NAME reads those in the folder NAME within it. "
            f"Received: folder={root}, split={split!r}"
        )
    return Photographs(
        tuple(str(root / name) for name, _ in found.rows),
        np.array([label for _, label in found.rows], np.int32),
        None if is_table else len(found.names),
        image_size,
        {
            "folder": root.resolve().name,
            "split": split,
            **found.notes(classes),
            "count": len(found.rows),
            "image_size": image_size,
            "resize": _resized(image_size),
            "fingerprint": _fingerprint(root, found.rows),
        },
    )


@dataclasses.dataclass(frozen=True)
class _Found:
    """What a folder has.

    Attributes:
      rows: file, as a path within the folder, and label of the photographs.
      left_out: how many files there are besides, by their kind.
      names: of the class folders, in their order.
    """

    rows: list[tuple[str, int]]
    left_out: dict[str, int]
    names: tuple[str, ...] = ()

    @property
    def empty(self) -> list[str]:
        """Names of the class folders without a photograph."""
        labels = {label for _, label in self.rows}
        return [name for label, name in enumerate(self.names) if label not in labels]

    def notes(self, order: str) -> dict[str, Any]:
        """Returns entries of the record: nothing where there is nothing to say."""
        first = {str(label): name for label, name in enumerate(self.names)}
        notes = {
            "classes": order if order in ("sorted", "numeric") else _base(order),
            "first_classes": dict(itertools.islice(first.items(), listing.SHOWN)),
            "left_out": self.left_out,
            "empty_classes": len(self.empty),
        }
        return {name: value for name, value in notes.items() if value}


def _base(path: str) -> str:
    return pathlib.PurePath(path).name


def _resized(side: int) -> int:
    """Returns the shorter side before the crop of a square: 256 for 224."""
    return round(side * 8 / 7)


def _from_table(root: pathlib.Path, split: str) -> _Found:
    """Returns the photographs that `labels.csv` names within the split."""
    rows = labels.read(root / "labels.csv", split)
    named = {name for name, _ in rows} | {"labels.csv"}
    left_out: collections.Counter[str] = collections.Counter()
    for place, folders, names in os.walk(root / split):
        folders[:] = [name for name in folders if name[0] != "."]
        here = pathlib.Path(place).relative_to(root)
        left_out.update(
            listing.kind(name)
            for name in names
            if name[0] != "." and (here / name).as_posix() not in named
        )
    listing.say(str(root / split), left_out)
    return _Found(rows, dict(sorted(left_out.items())))


def _from_classes(root: pathlib.Path, split: str, order: str) -> _Found:
    """Returns the photographs in class folders."""
    path = str(root / split)
    names = listing.classes(path, order)
    files, left_out = listing.photographs(path, names)
    rows = [
        (str(pathlib.PurePath(split, name, file)), label)
        for label, (name, some) in enumerate(zip(names, files, strict=True))
        for file in some
    ]
    found = _Found(rows, left_out, names)
    if rows:
        listing.say(path, left_out, found.empty)
    return found


def _fingerprint(root: pathlib.Path, found: list[tuple[str, int]]) -> str:
    """Returns a hash of names, labels and sizes: it changes with the list of files.

    Raises:
      OSError: a file is a link to one that is not there.
    """
    lines = []
    for name, label in found:
        try:
            lines.append(f"{name} {label} {(root / name).stat().st_size}")
        except FileNotFoundError:
            raise unreadable.described(str(root / name)) from None
    text = "\n".join(lines).encode(errors="surrogateescape")
    return hashlib.sha256(text).hexdigest()
