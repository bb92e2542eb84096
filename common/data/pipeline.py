"""Which example stands where in the stream of training, and its random numbers.

Training reads one endless stream of positions: epoch e holds each index once, in an
order that follows from (seed, e), and epochs join without a gap, so that a minibatch
may straddle two and no example is lost. Global minibatch t is positions [tB, (t+1)B).
Worker w of W takes rows [wB/W, (w+1)B/W) and cuts them into one piece per replica, so
the union over workers and replicas is the same minibatch for every layout. A position
is computed, not read, so a restored run starts anywhere at once. Augmentation draws
follow from (seed, epoch, index) alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from common import backend
from common.data import order
from common.data.lazy import tf


def index_stream(
    num_examples: int,
    *,
    batch_size: int,
    seed: int,
    start: int = 0,
    shard: tuple[int, int] = (0, 1),
    replicas: int = 1,
) -> tf.data.Dataset:
    """Returns the endless stream of (epochs, indices), one element per replica.

    Args:
      num_examples: size of the training set.
      batch_size: B, over all workers and replicas.
      seed: of the run.
      start: minibatches already consumed.
      shard: (worker, number of workers).
      replicas: of this worker.

    Returns:
      Pairs of int64 [B / (workers * replicas)], in replica order.

    Raises:
      ValueError: the batch does not divide, or a number is out of range.
    """
    worker, workers = _checked_shard(shard)
    if start < 0:
        raise ValueError(f"start must not be negative. Received: start={start}")
    size = _piece_size(batch_size, workers, replicas)
    first_row = worker * (batch_size // workers)

    def piece(number: Any) -> tuple[Any, Any]:
        step, replica = number // replicas, number % replicas
        first = step * batch_size + first_row + replica * size
        positions = first + tf.range(size, dtype=tf.int64)
        epochs, offsets = positions // num_examples, positions % num_examples
        return epochs, shuffled(offsets, num_examples, seed=seed, epochs=epochs)

    return tf.data.Dataset.counter(start * replicas).map(piece)


def shuffled(offsets: Any, num_examples: int, *, seed: int, epochs: Any) -> Any:
    """Returns the indices that stand at `offsets` in the orders of `epochs`.

    Args:
      offsets: int64 [b] in [0, num_examples).
      num_examples: size of the set that is permuted.
      seed: of the run.
      epochs: int64 [b].

    Returns:
      int64 [b]; for a fixed epoch a permutation of [0, num_examples).
    """
    seeds = backend.fold(seed, order.ORDER, epochs)
    return tf.raw_ops.RandomIndexShuffle(
        index=offsets,
        seed=tf.stack([backend.fold(seeds, word) for word in range(3)], axis=1),
        max_index=tf.fill(tf.shape(offsets), tf.constant(num_examples - 1, tf.int64)),
        rounds=order.ROUNDS,
    )


def uniform(seed: int, epochs: Any, indices: Any, num_draws: int) -> Any:
    """Returns float32 [b, num_draws] in [0, 1), keyed by (seed, epoch, index)."""
    return backend.uniform(
        (indices.shape[0], num_draws),
        backend.fold(seed, order.AUGMENTATION, epochs),
        keys=indices,
    )


def test_rows(
    num_examples: int, *, batch_size: int, indices: np.ndarray | None = None
) -> np.ndarray:
    """Returns the indices of test examples, int64 [n]: of all, or those named.

    Raises:
      ValueError: a batch size below 1, or an index out of range.
    """
    if batch_size < 1:
        raise ValueError(
            f"batch_size must be at least 1. Received: batch_size={batch_size}"
        )
    rows = np.arange(num_examples) if indices is None else np.asarray(indices)
    if rows.size and rows.dtype.kind not in "iu":
        raise ValueError(
            f"indices must be whole numbers. Received: numbers of type {rows.dtype}"
        )
    if rows.size and not 0 <= rows.min() <= rows.max() < num_examples:
        raise ValueError(
            f"indices must be in [0, {num_examples}), the size of the test set. "
            f"Received: indices from {rows.min()} to {rows.max()}"
        )
    return rows.astype(np.int64)


def spread(num_examples: int, num_wanted: int) -> np.ndarray:
    """Returns rows, int64, that are spread evenly over a set sorted by class.

    Args:
      num_examples: in the set.
      num_wanted: rows; at most as many as there are examples.
    """
    count = min(num_wanted, num_examples)
    return np.arange(count, dtype=np.int64) * num_examples // count


def parallel(dataset: tf.data.Dataset, fn: Any) -> tf.data.Dataset:
    """Maps in parallel and keeps the order."""
    return dataset.map(fn, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Keeps TensorFlow from measuring how many calls of a map are best.

    It does so in a thread that sleeps longer and longer, and whoever drops the iterator
    waits until it wakes: after a training of 11 seconds for another nine.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def finished(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Prefetches, and keeps a strategy from sharding what is already cut to size."""
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def _checked_shard(shard: tuple[int, int]) -> tuple[int, int]:
    worker, workers = shard
    if not 0 <= worker < workers:
        raise ValueError(
            "shard takes (worker, workers) with 0 <= worker < workers. "
            f"Received: shard={shard}"
        )
    return worker, workers


def _piece_size(batch_size: int, workers: int, replicas: int) -> int:
    pieces = workers * replicas
    if batch_size < 1 or replicas < 1 or batch_size % pieces:
        raise ValueError(
            "The global batch must divide by workers * replicas. Received: "
            f"batch_size={batch_size}, workers * replicas={workers} * {replicas} = "
            f"{pieces}. Change it with --set batch_size="
        )
    return batch_size // pieces
