"""Where the photographs of ImageNet are read from: image folders or TFDS records.

A source gives the JPEG bytes and the label of any index, so that both are read in the
order of `pipeline.index_stream`, whatever the layout, and a restored run reads nothing
of what was consumed.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import struct
from typing import Any, Protocol

import numpy as np

from common.data import tfds_files
from common.data.lazy import tf

_LAYOUT = "train/CLASS/*.JPEG and val/CLASS/*.JPEG"
_HOW = "see the page imagenet2012 of the TFDS catalog (manual download)"


class Source(Protocol):
    """A split: `count` photographs by index."""

    count: int

    def read(self, index: Any) -> tuple[Any, Any]:
        """Returns JPEG bytes (string scalar) and label (int32 scalar), in a graph."""


class Folder:
    """A split stored as one folder of JPEG files per class.

    Classes are numbered in the order of their names (ImageNet's wnids in sorted order
    give the usual 0 to 999), files within a class come in the order of theirs.
    """

    def __init__(self, path: str, classes: tuple[str, ...]) -> None:
        """Lists the files of every class.

        Raises:
          FileNotFoundError: a class has no folder or no JPEG file.
        """
        files = [_jpegs(os.path.join(path, name)) for name in classes]
        self.count = sum(map(len, files))
        with tf.device("CPU:0"):
            self._paths = tf.constant([name for names in files for name in names])
            counts = [len(names) for names in files]
            self._labels = tf.constant(np.repeat(np.arange(len(classes)), counts))

    def read(self, index: Any) -> tuple[Any, Any]:
        """Returns JPEG bytes and label of a file."""
        encoded = tf.io.read_file(self._paths[index])
        return encoded, tf.cast(self._labels[index], tf.int32)


class Records:
    """A split stored as TFRecord files, read at random positions.

    TFDS stores the examples in these files one after the other; the headers, a few
    bytes each, are read once to learn where each begins. That takes seconds on a local
    disk and asks for files that the operating system can open (no bucket addresses).
    """

    def __init__(self, paths: list[str], features: Any) -> None:
        """Reads the headers of all files.

        Args:
          paths: the TFRecord files, in order.
          features: the `FeaturesDict` that decodes a record; has `image` and `label`.
        """
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            spans = list(pool.map(_spans, paths))
        self.count = sum(map(len, spans))
        self._paths, self._features = paths, features
        self._spans = np.concatenate(spans)
        self._files = np.repeat(np.arange(len(paths)), [len(span) for span in spans])

    def read(self, index: Any) -> tuple[Any, Any]:
        """Returns JPEG bytes and label of a record."""
        from tensorflow_datasets import decode

        record = tf.numpy_function(self._record, [index], tf.string, stateful=False)
        example = self._features.deserialize_example(
            tf.ensure_shape(record, []), decoders={"image": decode.SkipDecoding()}
        )
        return example["image"], tf.cast(example["label"], tf.int32)

    def _record(self, index: Any) -> bytes:
        start, length = self._spans[index]
        with open(self._paths[self._files[index]], "rb") as file:
            return os.pread(file.fileno(), int(length), int(start))


@functools.cache
def folder(path: str, split: str) -> Folder:
    """Returns the source of a split (`train` or `val`) of an image folder.

    Raises:
      FileNotFoundError: the split lacks a class of `train`, or a class JPEG files.
      ValueError: the split has a class that `train` lacks.
    """
    classes, part = class_names(path), os.path.join(path, split)
    unknown = sorted(set(_subfolders(part)) - set(classes))
    if unknown:
        raise ValueError(
            f"Expected the classes of train in {split}. Received: "
            f"class={unknown[0]} in folder={part}. Remove it, or set dataset.folder"
        )
    return Folder(part, classes)


@functools.cache
def class_names(path: str) -> tuple[str, ...]:
    """Returns the names of the class folders of an image folder, sorted.

    Raises:
      FileNotFoundError: there is no `train` folder with class folders in it.
    """
    names = _subfolders(os.path.join(path, "train"))
    if not names:
        raise FileNotFoundError(
            f"Expected an image folder with {_LAYOUT}. Received: folder={path}, "
            "without class folders in train. Set dataset.folder"
        )
    return names


@functools.cache
def records(data_dir: str, split: str) -> Records:
    """Returns the source of a split of TFDS `imagenet2012`.

    Raises:
      FileNotFoundError: the folder does not hold the prepared dataset.
      ValueError: it was prepared in another format than TFRecord.
    """
    source = tfds_files.builder("imagenet2012", data_dir, how=_HOW)
    form = source.info.file_format.value
    if form != "tfrecord":
        raise ValueError(
            "imagenet2012 must be prepared with the file format tfrecord. "
            f"Received: file_format={form}, data_dir={data_dir}. Set another --data_dir"
        )
    return Records(source.info.splits[split].filepaths, source.info.features)


def _subfolders(path: str) -> tuple[str, ...]:
    found = os.scandir(path) if os.path.isdir(path) else ()
    return tuple(sorted(e.name for e in found if e.is_dir() and e.name[0] != "."))


def _jpegs(path: str) -> list[str]:
    found = os.listdir(path) if os.path.isdir(path) else ()
    names = sorted(
        name
        for name in found
        if name.lower().endswith((".jpeg", ".jpg")) and name[0] != "."
    )
    if not names:
        raise FileNotFoundError(
            f"Expected JPEG files in every class folder ({_LAYOUT}). "
            f"Received: folder={path}, which has none. Set dataset.folder"
        )
    return [os.path.join(path, name) for name in names]


def _spans(path: str) -> np.ndarray:
    """Returns start and length of each record's data, int64 [n, 2].

    A record is its length (8 bytes) and 4 of checksum, the data, 4 of checksum.
    """
    spans, position = [], 0
    with open(path, "rb", buffering=0) as file:
        while header := os.pread(file.fileno(), 12, position):
            (length,) = struct.unpack("<Q", header[:8])
            spans.append((position + 12, length))
            position += length + 16
    return np.array(spans, np.int64).reshape(-1, 2)
