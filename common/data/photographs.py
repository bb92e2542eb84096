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

from common.data import listing, tfds_files, unreadable
from common.data.lazy import tf

_LAYOUT = "train/CLASS/*.JPEG and val/CLASS/*.JPEG, or .jpg or .png"
_HOW = "see the page imagenet2012 of the TFDS catalog (manual download)"


class Source(Protocol):
    """A split: `count` photographs by index."""

    count: int

    def read(self, index: Any) -> tuple[Any, Any]:
        """Returns JPEG bytes (string scalar) and label (int32 scalar), in a graph."""

    def file(self, index: Any) -> Any:
        """Returns the name of the file that is read (string scalar), in a graph."""


class Folder:
    """A split stored as one folder of JPEG or PNG files per class.

    Classes are numbered in the order given, files within a class come in the order of
    their names.
    """

    def __init__(self, path: str, classes: tuple[str, ...]) -> None:
        """Lists the files of every class, and says what else there is.

        Raises:
          FileNotFoundError: a class has no folder, or no file in it that is read.
        """
        files, left_out = listing.photographs(path, classes)
        listing.say(path, left_out)
        folders = [os.path.join(path, name) for name in classes]
        for folder, names in zip(folders, files, strict=True):
            if not names:
                raise FileNotFoundError(
                    "Expected JPEG or PNG files in every class folder "
                    f"({_LAYOUT}). Received: folder={folder}, which has none. "
                    "Complete the folder"
                )
        self.count = sum(map(len, files))
        with tf.device("CPU:0"):
            self._paths = tf.constant(
                [
                    os.fsencode(os.path.join(folder, name))
                    for folder, names in zip(folders, files, strict=True)
                    for name in names
                ]
            )
            counts = [len(names) for names in files]
            self._labels = tf.constant(np.repeat(np.arange(len(classes)), counts))

    def read(self, index: Any) -> tuple[Any, Any]:
        """Returns JPEG or PNG bytes and label of a file."""
        encoded = tf.io.read_file(self._paths[index])
        return encoded, tf.cast(self._labels[index], tf.int32)

    def file(self, index: Any) -> Any:
        """Returns the name of a file."""
        return self._paths[index]


class Records:
    """A split stored as TFRecord files, read at random positions.

    TFDS stores the examples in these files one after the other; the headers, a few
    bytes each, are read once to learn where each begins. That takes seconds on a local
    disk and asks for files that the operating system can open (no bucket addresses).
    TensorFlow compares each record with its checksum when it is read.
    """

    def __init__(self, paths: list[str], features: Any) -> None:
        """Reads the headers of all files.

        Args:
          paths: the TFRecord files, in order.
          features: the `FeaturesDict` that decodes a record; has `image` and `label`.

        Raises:
          OSError: a file is missing, damaged or cut short.
        """
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            starts = list(pool.map(_starts, paths))
        self.count, self._features = sum(map(len, starts)), features
        with tf.device("CPU:0"):
            self._paths = tf.constant(paths)
            self._starts = tf.constant(np.concatenate(starts))
            counts = [len(some) for some in starts]
            self._files = tf.constant(np.repeat(np.arange(len(paths)), counts))

    def read(self, index: Any) -> tuple[Any, Any]:
        """Returns JPEG bytes and label of a record."""
        from tensorflow_datasets import decode

        example = self._features.deserialize_example(
            self._record(index), decoders={"image": decode.SkipDecoding()}
        )
        return example["image"], tf.cast(example["label"], tf.int32)

    def file(self, index: Any) -> Any:
        """Returns the name of the file that a record is in."""
        return self._paths[self._files[index]]

    def _record(self, index: Any) -> Any:
        """Returns the bytes of a record, string scalar; fails if they are damaged."""
        one = {"output_types": [tf.string], "output_shapes": [[]]}
        # Its public twin, `tf.data.TFRecordDataset`, begins at the first record.
        records = tf.raw_ops.TFRecordDatasetV2(
            filenames=[self.file(index)],
            compression_type="",
            buffer_size=tf.constant(0, tf.int64),
            byte_offsets=[self._starts[index]],
        )
        first = tf.raw_ops.TakeDataset(
            input_dataset=records, count=tf.constant(1, tf.int64), **one
        )
        return tf.raw_ops.DatasetToSingleElement(dataset=first, **one)[0]


@functools.cache
def folder(path: str, split: str, order: str = "") -> Folder:
    """Returns the source of a split of an image folder.

    Args:
      path: of the folder.
      split: `train` or `val`.
      order: of the classes, see `listing.classes`.

    Raises:
      FileNotFoundError: the split lacks a class of `train`, or a class photographs.
      ValueError: the split has a class that `train` lacks, or as `class_names`.
    """
    classes, part = class_names(path, order), os.path.join(path, split)
    unknown = sorted(set(listing.classes(part, "sorted")) - set(classes))
    if unknown:
        raise ValueError(
            f"Expected the classes of train in {split}. Received: "
            f"class={unknown[0]} in folder={part}. Remove it"
        )
    return Folder(part, classes)


@functools.cache
def class_names(path: str, order: str = "") -> tuple[str, ...]:
    """Returns the names of the class folders of an image folder, in their order.

    Raises:
      FileNotFoundError: there is no `train` folder with class folders in it.
      ValueError: the order has to be said, see `listing.classes`.
    """
    names = listing.classes(os.path.join(path, "train"), order)
    if not names:
        raise FileNotFoundError(
            f"Expected an image folder with {_LAYOUT}. Received: folder={path}, "
            "without class folders in train. Set --data_dir or dataset.folder"
        )
    return names


@functools.cache
def records(data_dir: str, split: str) -> Records:
    """Returns the source of a split of TFDS `imagenet2012`.

    Raises:
      FileNotFoundError: the folder does not hold the prepared dataset.
      OSError: it is damaged.
      ValueError: it was prepared in another format than TFRecord.
    """
    source = tfds_files.builder("imagenet2012", data_dir, how=_HOW, split=split)
    form = source.info.file_format.value
    if form != "tfrecord":
        raise ValueError(
            "imagenet2012 must be prepared with the file format tfrecord. "
            f"Received: file_format={form}, data_dir={data_dir}. Set another --data_dir"
        )
    paths = [str(path) for path in source.info.splits[split].filepaths]
    return Records(paths, source.info.features)


def _starts(path: str) -> np.ndarray:
    """Returns where each record starts, int64 [n].

    A record is its length (8 bytes) and 4 of checksum, the data, 4 of checksum.
    """
    if not os.path.exists(path):
        raise unreadable.described(path)
    starts, position = [], 0
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        while position < size:
            starts.append(position)
            header = os.pread(file.fileno(), 12, position).ljust(12)
            position += struct.unpack("<Q", header[:8])[0] + 16
    if position != size or not starts:
        raise unreadable.described(path)
    return np.array(starts, np.int64)
