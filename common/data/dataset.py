"""What a dataset offers, whatever it is read from.

A dataset is a frozen dataclass that derives from `Dataset` and says how it gives the
images at some positions. Those that fit in memory derive from
`common.data.memory.InMemory`, which says that for them, on either engine.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any

import numpy as np

from common.data import pipeline
from common.data.lazy import tf


class Dataset(abc.ABC):
    """Base of the datasets; a subclass also says their name and sizes."""

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Its name in records."""

    @property
    @abc.abstractmethod
    def num_classes(self) -> int:
        """Number of classes: labels are below it."""

    @property
    @abc.abstractmethod
    def image_size(self) -> int:
        """Height and width of the images, in pixels."""

    @property
    @abc.abstractmethod
    def channels(self) -> int:
        """Channels of the images."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels: a square, unless a dataset says otherwise."""
        return self.image_size, self.image_size, self.channels

    @property
    @abc.abstractmethod
    def num_train(self) -> int:
        """Number of training examples."""

    @property
    @abc.abstractmethod
    def num_test(self) -> int:
        """Number of test examples."""

    @abc.abstractmethod
    def training(
        self, stream: tf.data.Dataset, *, seed: int, data_dir: str | None
    ) -> tf.data.Dataset:
        """Returns a batch of augmented training examples for each element of a stream.

        Args:
          stream: pairs (epochs, indices) of int64 [b], the same b in each.
          seed: decides the augmentation, together with epoch and index.
          data_dir: as for `train_batches`.
        """

    @abc.abstractmethod
    def testing(
        self, rows: np.ndarray, *, batch_size: int, data_dir: str | None
    ) -> Iterable[Any]:
        """Returns batches of the test examples at `rows`, int64 [n], in that order."""

    @abc.abstractmethod
    def train_slice(
        self, num_images: int, *, data_dir: str | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns some training examples without augmentation, as NumPy arrays.

        Args:
          num_images: how many; at most the size of the training set.
          data_dir: as for `train_batches`.

        Returns:
          Images float32 [num_images, H, W, C] in [0, 255] and labels int32.

        Raises:
          FileNotFoundError: the data are not there.
          OSError: a file cannot be read.
        """

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
        found = self.training(stream, seed=seed, data_dir=data_dir)
        # It has no end, about which several hosts would ask each other every time.
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
        return pipeline.finished(found.apply(endless))

    def test_batches(
        self,
        *,
        batch_size: int,
        data_dir: str | None = None,
        indices: np.ndarray | None = None,
    ) -> Iterable[Any]:
        """Returns the test batches: every example once, in the set's order.

        Args:
          batch_size: images per batch; the last batch may be short.
          data_dir: where the data are, or None for the default place.
          indices: positions in the test set to read, in that order; None for all.

        Returns:
          Images float32 [b, H, W, C] in [0, 255] and labels int32 [b]; a
          `tf.data.Dataset` under TensorFlow.

        Raises:
          FileNotFoundError: the data are not there.
          ValueError: an index out of range.
        """
        rows = pipeline.test_rows(self.num_test, batch_size=batch_size, indices=indices)
        return self.testing(rows, batch_size=batch_size, data_dir=data_dir)
