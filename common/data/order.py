"""The order of the stream of `common.data.pipeline`, without TensorFlow.

The numbers are those of TensorFlow's `RandomIndexShuffle` and of `backend.fold`, so
that every engine trains on the same minibatches. The cipher is Simon with the block
size of the set; where it leaves the set, it is applied again.

Source: Beaulieu 2013, "The Simon and Speck families of lightweight block ciphers".
"""

from __future__ import annotations

import functools

import numpy as np

from common.backend import INCREMENT, MULTIPLIER

# Folded into the seed, so that order and augmentation are independent streams.
ORDER, AUGMENTATION = 1, 2

# tf.random.experimental.index_shuffle fixes 4 rounds of its cipher: the orders of
# neighbouring epochs of 50,000 then correlate (up to 0.7). From 16 rounds on, and with
# a hashed seed, pipeline_test.py finds no trace of it.
ROUNDS = 24

_CONSTANT, _SEQUENCE = 0xFFFFFFFC, 0x7369F885192C0EF5  # of Simon's key schedule
_SMALLEST_BLOCK = 16  # bits


def rows(
    num_examples: int, minibatches: np.ndarray, *, batch_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the epochs and indices of some minibatches.

    Args:
      num_examples: size of the training set.
      minibatches: their numbers in the stream, integers [n].
      batch_size: B.
      seed: of the run.

    Returns:
      Two int32 [n, B].
    """
    first = np.asarray(minibatches, np.int64)[:, None] * batch_size
    epochs, offsets = np.divmod(first + np.arange(batch_size), num_examples)
    indices = np.empty(epochs.shape, np.int32)
    for epoch in np.unique(epochs):
        order = permutation(num_examples, seed=seed, epoch=int(epoch))
        indices[epochs == epoch] = order[offsets[epochs == epoch]]
    return epochs.astype(np.int32), indices


@functools.lru_cache(maxsize=8)
def permutation(num_examples: int, *, seed: int, epoch: int = 0) -> np.ndarray:
    """Returns the order of an epoch: a permutation of [0, num_examples), int64."""
    bits = (num_examples - 1).bit_length()
    width = max(bits + bits % 2, _SMALLEST_BLOCK) // 2
    epoch_seed = fold(seed, ORDER, epoch)
    keys = _round_keys([fold(epoch_seed, word) for word in range(3)], width)
    shuffled = _encrypted(np.arange(4**width), keys, width)
    # Those that left the set go on; each turn makes twice as many steps as the last.
    onward = np.where(np.arange(4**width) < num_examples, np.arange(4**width), shuffled)
    order = shuffled[:num_examples]
    while (order >= num_examples).any():
        order, onward = onward[order], onward[onward]
    return order.astype(np.int64)


def fold(seed: int, *data: int) -> int:
    """Returns the seed below 2^64 that `backend.fold` makes of a seed and numbers."""
    for number in data:
        seed = (seed * MULTIPLIER + number + INCREMENT) * MULTIPLIER % 2**64
        signed = seed - 2**64 if seed >= 2**63 else seed
        seed ^= (signed >> 29) % 2**64
    return seed


def _round_keys(seeds: list[int], width: int) -> list[int]:
    mask = 2**width - 1
    keys = [seed & mask for seed in seeds]
    for turn in range(ROUNDS - len(seeds)):
        bit = ((_SEQUENCE & mask) >> turn) & 1
        last = keys[-1] | keys[-1] << width  # for rotations to the right
        rotated = (last >> 3) ^ (last >> 4)
        keys.append((_CONSTANT ^ bit ^ keys[-3] ^ rotated) & mask)
    return keys


def _encrypted(blocks: np.ndarray, keys: list[int], width: int) -> np.ndarray:
    left, right = blocks >> width, blocks & (2**width - 1)
    for key in keys:
        mixed = _rotated(right, 1, width) & _rotated(right, 8, width)
        left, right = right, left ^ mixed ^ _rotated(right, 2, width) ^ key
    return (left << width) | right


def _rotated(words: np.ndarray, left: int, width: int) -> np.ndarray:
    return ((words << left) | (words >> (width - left))) & (2**width - 1)
