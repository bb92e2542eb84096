"""Datasets that fit in memory: minibatches are gathered from two arrays.

TensorFlow's pipeline gathers and augments them on the host; another engine keeps the
arrays in its device's memory, and does both there, in its compiled updates.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from common.data import dataset, pipeline
from common.data.lazy import tf
from common.lazy import keras, ops

Arrays = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class InMemory(dataset.Dataset):
    """Base of the datasets that are held in memory.

    A subclass sets name and sizes as class attributes, and `arrays`, and `augment` if
    it augments.
    """

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

    def training(
        self, stream: tf.data.Dataset, *, seed: int, data_dir: str | None
    ) -> tf.data.Dataset:
        """Returns batches that are gathered from the arrays and augmented."""
        images, labels = _on_host(self.arrays("train", data_dir))

        def batch(epochs: Any, indices: Any) -> tuple[Any, Any]:
            draw = functools.partial(pipeline.uniform, seed, epochs, indices)
            augmented = self.augment(tf.gather(images, indices), draw)
            return tf.cast(augmented, tf.float32), tf.gather(labels, indices)

        return pipeline.untuned(pipeline.parallel(stream, batch))

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

    def testing(
        self, rows: np.ndarray, *, batch_size: int, data_dir: str | None
    ) -> Iterable[Any]:
        """Returns batches that are gathered from the arrays."""
        if keras.backend.backend() != "tensorflow":
            return _Cuts(self.arrays("test", data_dir), rows, batch_size)
        images, labels = _on_host(self.arrays("test", data_dir))

        def batch(indices: Any) -> tuple[Any, Any]:
            return (
                tf.cast(tf.gather(images, indices), tf.float32),
                tf.gather(labels, indices),
            )

        cuts = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
        return pipeline.finished(pipeline.untuned(pipeline.parallel(cuts, batch)))

    def train_slice(self, num_images: int, *, data_dir: str | None = None) -> Arrays:
        """Returns the first training examples."""
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
