"""Datasets that fit in memory: minibatches are gathered from two arrays.

TensorFlow's pipeline gathers and augments them on the host; another engine keeps the
arrays in its device's memory, and does both there, in its compiled updates.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from common.data import pipeline
from common.data.lazy import tf

Arrays = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class InMemory(abc.ABC):
    """Base of the datasets that are held in memory.

    A subclass sets the class attributes and `arrays`, and `augment` if it augments.
    """

    name: ClassVar[str]
    num_classes: ClassVar[int]
    image_size: ClassVar[int]
    channels: ClassVar[int]
    num_train: ClassVar[int]
    num_test: ClassVar[int]

    @abc.abstractmethod
    def arrays(self, split: str, data_dir: str | None) -> Arrays:
        """Returns the images [n, H, W, C] in [0, 255] and labels [n] of a split.

        Args:
          split: `train` or `test`.
          data_dir: where the data are, or None for the default place.
        """

    def augment(self, images: Any, draw: Callable[[int], Any]) -> Any:
        """Returns the augmented images [b, H, W, C], in the type they came in.

        Args:
          images: [b, H, W, C], as in `arrays`.
          draw: k -> float32 [b, k] in [0, 1), each row of its own example.
        """
        del draw
        return images

    def train_batches(
        self,
        *,
        batch_size: int,
        seed: int,
        start: int = 0,
        data_dir: str | None = None,
        shard: tuple[int, int] = (0, 1),
        replicas: int = 1,
    ) -> tf.data.Dataset:
        """Returns the endless training minibatches, one element per replica.

        Args:
          batch_size: B, over all workers and replicas.
          seed: decides order and augmentation.
          start: minibatches already consumed; nothing of them is read again.
          data_dir: where the data are, or None for the default place.
          shard: (worker, number of workers).
          replicas: of this worker.

        Returns:
          Images float32 [B / (workers * replicas), H, W, C] in [0, 255] and labels
          int32, in replica order.

        Raises:
          FileNotFoundError: the data are not there.
          ValueError: the batch does not divide by workers * replicas.
        """
        stream = pipeline.index_stream(
            self.num_train,
            batch_size=batch_size,
            seed=seed,
            start=start,
            shard=shard,
            replicas=replicas,
        )
        images, labels = _on_host(self.arrays("train", data_dir))

        def batch(epochs: Any, indices: Any) -> tuple[Any, Any]:
            draw = functools.partial(pipeline.uniform, seed, epochs, indices)
            augmented = self.augment(tf.gather(images, indices), draw)
            return tf.cast(augmented, tf.float32), tf.gather(labels, indices)

        return pipeline.finished(pipeline.parallel(stream, batch))

    def minibatch(
        self, arrays: tuple[Any, Any], row: tuple[Any, Any], *, seed: int
    ) -> tuple[Any, Any]:
        """Returns a minibatch of `train_batches`, gathered where the arrays are.

        Args:
          arrays: all training images and int32 labels, as tensors.
          row: its epochs and indices, int32 [B]: a row of `common.data.order`.
          seed: decides the augmentation.

        Returns:
          Images float32 [B, H, W, C] in [0, 255] and labels int32 [B].
        """
        (images, labels), (epochs, indices) = arrays, row
        draw = functools.partial(pipeline.uniform, seed, epochs, indices)
        augmented = self.augment(ops.take(images, indices, axis=0), draw)
        return ops.cast(augmented, "float32"), ops.take(labels, indices, axis=0)

    def test_batches(
        self,
        *,
        batch_size: int,
        data_dir: str | None = None,
        shard: tuple[int, int] = (0, 1),
        indices: np.ndarray | None = None,
    ) -> Iterable[Any]:
        """Returns this worker's test batches: every example once, in the set's order.

        Args:
          batch_size: images per batch; the last batch may be short.
          data_dir: where the data are, or None for the default place.
          shard: (worker, number of workers); workers take contiguous parts.
          indices: positions in the test set to read, in that order; None for all.

        Returns:
          Images float32 [b, H, W, C] in [0, 255] and labels int32 [b]; a
          `tf.data.Dataset` under TensorFlow.

        Raises:
          FileNotFoundError: the data are not there.
          ValueError: an index out of range.
        """
        asked: Any = {"batch_size": batch_size, "shard": shard, "indices": indices}
        if keras.backend.backend() != "tensorflow":
            rows = pipeline.test_rows(self.num_test, **asked)
            return _Cuts(self.arrays("test", data_dir), rows, batch_size)
        stream = pipeline.test_range(self.num_test, **asked)
        images, labels = _on_host(self.arrays("test", data_dir))

        def batch(indices: Any) -> tuple[Any, Any]:
            return (
                tf.cast(tf.gather(images, indices), tf.float32),
                tf.gather(labels, indices),
            )

        return pipeline.finished(pipeline.parallel(stream, batch))

    def train_slice(self, num_images: int, *, data_dir: str | None = None) -> Arrays:
        """Returns the first training examples without augmentation, as NumPy arrays.

        Args:
          num_images: how many; at most the size of the training set.
          data_dir: where the data are, or None for the default place.

        Returns:
          Images float32 [num_images, H, W, C] in [0, 255] and labels int32.
        """
        images, labels = self.arrays("train", data_dir)
        return images[:num_images].astype(np.float32), labels[:num_images].copy()


def _on_host(arrays: Arrays) -> tuple[Any, Any]:
    """Puts the arrays where tf.data runs; the default place may be an accelerator."""
    with tf.device("CPU:0"):
        images, labels = arrays
        return tf.constant(images), tf.constant(labels, tf.int32)


@dataclasses.dataclass(frozen=True)
class _Cuts:
    """Batches of rows, which are made again whenever they are read."""

    arrays: Arrays
    rows: np.ndarray
    batch_size: int

    def __iter__(self) -> Iterator[Arrays]:
        images, labels = self.arrays
        for first in range(0, len(self.rows), self.batch_size):
            some = self.rows[first : first + self.batch_size]
            yield images[some].astype(np.float32), labels[some].astype(np.int32)
