"""Seeds and random tensors on JAX: the numbers that TensorFlow draws.

TensorFlow's stateless generators are Philox 4x32-10 with a key and a counter that are
made of two 64-bit seeds. JAX counts in 32 bits, so a 64-bit number is two words here,
the high one and the low one, both uint32. Where it is handed out it is an array of one
of JAX's key types, which has the shape of the numbers and holds two words in each.

Source: Salmon 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Knuth's multiplier and increment of MMIX: steps of the generator fold in a number.
_MULTIPLIER = 6364136223846793005
_INCREMENT = 1442695040888963407
_PHILOX = ((0xD2511F53, 0x9E3779B9), (0xCD9E8D57, 0xBB67AE85))  # factors, key steps
_SCRAMBLE = (0x3EC8F720, 0x02461E29)  # TensorFlow's key, with which seeds are mixed
_ROUNDS = 10
_HOLDER = "threefry2x32"  # a key type of two words; its generator has no use here

_LOW = np.uint64(0xFFFFFFFF)

Words = tuple[Any, Any]
"""High and low words, uint32, of 64-bit numbers; arithmetic is modulo 2^64."""


def fold(seed: Any, *data: Any) -> Any:
    """Returns the seed that follows from a seed and further numbers.

    Args:
      seed: int, integers, or what this function returned, of any shape.
      *data: the same, such as step, replica or restart; broadcast.
    """
    words = _words(seed)
    factor, increment = _words(_MULTIPLIER), _words(_INCREMENT)
    for number in data:
        # A product before and after: seed 0, step 1 must not be seed 1, step 0.
        stepped = _add(_add(_product(words, factor), _words(number)), increment)
        high, low = _product(stepped, factor)
        # The shift by 29 keeps the sign, as that of an int64 does.
        shifted = (low >> 29) | (high << 3)
        extended = (high.astype(jnp.int32) >> 29).astype(jnp.uint32)
        words = high ^ extended, low ^ shifted
    return _held(words)


def select(condition: Any, seeds: Any, others: Any) -> Any:
    """Returns the seeds where the condition holds, and the others elsewhere.

    Args:
      condition: bool, broadcast with the seeds.
      seeds: of `fold`.
      others: of `fold`.
    """
    return jnp.where(condition, seeds, others)


def uniform(shape: Sequence[int], seed: Any, *, keys: Any = None) -> Any:
    """Returns float32 numbers uniform in [0, 1).

    Args:
      shape: of the result; with keys its first entry is B.
      seed: int, or what `fold` returned; with keys also one for each row.
      keys: None, or [B], integers or of `example_keys`: then row b depends on its own
        seed and key alone, whatever the rest of the batch.
    """
    return _draw(_to_uniform, shape, seed, keys)


def normal(shape: Sequence[int], seed: Any, *, keys: Any = None) -> Any:
    """Returns float32 standard normal numbers; arguments as for `uniform`."""
    return _draw(_to_normal, shape, seed, keys)


def example_keys(images: Any) -> Any:
    """Returns the keys [B]: a hash of each image [B, ...] of pixels in [0, 255].

    Random starts are drawn with these keys, so that an image gets the same start in
    whatever batch, position or device it comes.
    """
    images = jnp.asarray(images)
    size = int(np.prod(images.shape[1:]))
    weights = np.random.default_rng(0).integers(1, 2**62, size, dtype=np.int64)
    flat = images.reshape(images.shape[0], size).astype(jnp.float32)
    levels = jnp.round(flat * 256.0).astype(jnp.int32)
    products = _product(_words(levels), _words(weights))
    zero = np.uint32(0)
    return _held(jax.lax.reduce(products, (zero, zero), _add, (1,)))


def _draw(law: Callable[[Any], Any], shape: Any, seed: Any, keys: Any) -> Any:
    """Returns float32 numbers: the law makes a row of four words."""
    rows = 1 if keys is None else shape[0]
    count = int(np.prod(shape if keys is None else shape[1:]))
    seeds = (_words(seed), _words(0 if keys is None else keys))
    (high, low), (key_high, key_low) = (
        [jnp.broadcast_to(word, (rows,)) for word in words] for words in seeds
    )
    first, second, third, fourth = _philox((low, high, key_low, key_high), _SCRAMBLE)
    groups = jnp.arange(-(-count // 4), dtype=jnp.uint32)
    counter = (groups[None], jnp.uint32(0), third[:, None], fourth[:, None])
    drawn = law(_philox(counter, (first[:, None], second[:, None])))
    return drawn.reshape(rows, -1)[:, :count].reshape(shape)


def _philox(counter: Sequence[Any], key: Sequence[Any]) -> list[Any]:
    """Returns the four random words of a counter of four and a key of two."""
    (factor0, step0), (factor1, step1) = _PHILOX
    word0, word1, word2, word3 = counter
    key0, key1 = (jnp.asarray(word, jnp.uint32) for word in key)
    for _ in range(_ROUNDS):
        low0, high0 = jnp.uint32(factor0) * word0, _high(factor0, word0)
        low1, high1 = jnp.uint32(factor1) * word2, _high(factor1, word2)
        word0, word1, word2, word3 = (
            high1 ^ word1 ^ key0,
            low1,
            high0 ^ word3 ^ key1,
            low0,
        )
        key0, key1 = key0 + jnp.uint32(step0), key1 + jnp.uint32(step1)
    return [word0, word1, word2, word3]


def _to_uniform(words: Sequence[Any]) -> Any:
    """Returns float32 [..., 4] in [0, 1): the low 23 bits of each word."""
    bits = jnp.stack(jnp.broadcast_arrays(*words), axis=-1) & jnp.uint32(0x7FFFFF)
    ones = jax.lax.bitcast_convert_type(bits | jnp.uint32(127 << 23), jnp.float32)
    return ones - 1.0


def _to_normal(words: Sequence[Any]) -> Any:
    """Returns float32 [..., 4]: two pairs by Box and Muller's transformation."""
    draws = _to_uniform(words)
    radii = jnp.sqrt(-2.0 * jnp.log(jnp.maximum(draws[..., ::2], 1e-7)))
    angles = 2.0 * np.float32(np.pi) * draws[..., 1::2]
    pairs = jnp.stack([radii * jnp.sin(angles), radii * jnp.cos(angles)], axis=-1)
    return pairs.reshape(draws.shape)


def _words(number: Any) -> Words:
    """Returns the words of an int of any size, of integers, or of keys."""
    if isinstance(number, int):
        number = np.uint64(number % 2**64)
    if isinstance(number, (np.ndarray, np.generic)):
        wide = np.asarray(number).astype(np.int64).astype(np.uint64)
        return jnp.asarray(wide >> 32, jnp.uint32), jnp.asarray(wide & _LOW, jnp.uint32)
    number = jnp.asarray(number)
    if jnp.issubdtype(number.dtype, jax.dtypes.prng_key):
        data = jax.random.key_data(number)
        return data[..., 0], data[..., 1]
    sign = jnp.where(number < 0, jnp.uint32(0xFFFFFFFF), jnp.uint32(0))
    return sign, number.astype(jnp.uint32)


def _held(words: Words) -> Any:
    data = jnp.stack(jnp.broadcast_arrays(*words), axis=-1)
    return jax.random.wrap_key_data(data, impl=_HOLDER)


def _add(a: Words, b: Words) -> Words:
    low = a[1] + b[1]
    return a[0] + b[0] + (low < a[1]).astype(jnp.uint32), low


def _product(a: Words, b: Words) -> Words:
    return _high(a[1], b[1]) + a[0] * b[1] + a[1] * b[0], a[1] * b[1]


def _high(a: Any, b: Any) -> Any:
    """Returns the high word of the product of two low words."""
    a, b = jnp.broadcast_arrays(jnp.asarray(a, jnp.uint32), jnp.asarray(b, jnp.uint32))
    return jax.lax.mulhi(a, b)
