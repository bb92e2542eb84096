"""Photographs with labels in a folder, as test images."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import pathlib
from typing import Any

import numpy as np

from common.data import crops, pipeline
from common.data.lazy import tf

_SUFFIXES = (".jpeg", ".jpg", ".png")


@dataclasses.dataclass(frozen=True)
class Photographs:
    """Labelled photographs, cropped at their centre.

    Attributes:
      files: paths.
      labels: int32 [n].
      num_classes: number of class folders; None where `labels.csv` has the labels.
      image_size: side of the images, in pixels.
      resize: shorter side before the crop, in pixels.
      record: what they are, as JSON values, with a fingerprint of names, labels and
        sizes of the files.
    """

    files: tuple[str, ...]
    labels: np.ndarray
    num_classes: int | None
    image_size: int
    resize: int
    record: dict[str, Any]

    def test_batches(self, *, batch_size: int) -> tf.data.Dataset:
        """Returns images float32 [b, S, S, 3] in [0, 255] and labels int32 [b].

        Args:
          batch_size: images per batch; the last batch may be short.
        """

        def photograph(file: Any, label: Any) -> tuple[Any, Any]:
            encoded = tf.io.read_file(file)
            return crops.central_crop(encoded, self.resize, self.image_size), label

        rows = tf.data.Dataset.from_tensor_slices((list(self.files), self.labels))
        return pipeline.finished(pipeline.parallel(rows, photograph).batch(batch_size))


def photographs(
    folder: str | pathlib.Path,
    image_size: int,
    *,
    resize: int | None = None,
    split: str = "",
) -> Photographs:
    """Lists the photographs of a folder.

    The labels come from `labels.csv` in the folder if it is there, from its columns
    `file` (path within the folder) and `class_index`. Otherwise the folder has a folder
    for each class, numbered in the order of their names.

    Args:
      folder: the folder.
      image_size: side of the images, in pixels.
      resize: shorter side before the crop; 8/7 of the side by default (256 for 224).
      split: a folder in it, the only one to be read.

    Raises:
      FileNotFoundError: no photograph, or one of `labels.csv` is missing.
      ValueError: `labels.csv` lacks a column, or the crop is larger than `resize`.
    """
    root = pathlib.Path(folder).expanduser()
    resize = round(image_size * 8 / 7) if resize is None else resize
    if not 1 <= image_size <= resize:
        raise ValueError(
            "Photographs need 1 <= image_size <= resize. Received: "
            f"image_size={image_size}, resize={resize}"
        )
    table = root / "labels.csv"
    num_classes = None
    if table.is_file():
        found = _from_table(table, split)
    else:
        found, num_classes = _from_classes(root, split)
    if not found:
        raise FileNotFoundError(
            "Expected labels.csv, or a folder of JPEG or PNG files for each class. "
            f"Received: folder={root}, split={split!r}"
        )
    files = [root / name for name, _ in found]
    labels = np.array([label for _, label in found], np.int32)
    return Photographs(
        tuple(map(str, files)),
        labels,
        num_classes,
        image_size,
        resize,
        {
            "folder": root.resolve().name,
            "split": split,
            "count": len(found),
            "image_size": image_size,
            "resize": resize,
            "fingerprint": _fingerprint(root, found),
        },
    )


def _from_table(table: pathlib.Path, split: str) -> list[tuple[str, int]]:
    """Returns file and label of the rows, without those outside the split."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for column in ("file", "class_index"):
        if rows and column not in rows[0]:
            raise ValueError(
                f"{table} must have the columns file and class_index. "
                f"Received: {', '.join(rows[0])}"
            )
    inside = f"{split}/" if split else ""
    return [
        (row["file"], int(row["class_index"]))
        for row in rows
        if row["file"].startswith(inside)
    ]


def _from_classes(root: pathlib.Path, split: str) -> tuple[list[tuple[str, int]], int]:
    """Returns file and label of the files in class folders, and number of classes."""
    folders = sorted(
        path
        for path in (root / split).glob("*/")
        if path.is_dir() and path.name[0] != "."
    )
    found = [
        (str(path.relative_to(root)), label)
        for label, folder in enumerate(folders)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _SUFFIXES and path.name[0] != "."
    ]
    return found, len(folders)


def _fingerprint(root: pathlib.Path, found: list[tuple[str, int]]) -> str:
    """Returns a hash of names, labels and sizes: it changes with the list of files.

    Raises:
      FileNotFoundError: a file is missing.
    """
    lines = [f"{name} {label} {(root / name).stat().st_size}" for name, label in found]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
