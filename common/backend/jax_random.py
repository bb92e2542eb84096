"""Seeds and random tensors on JAX: the numbers that TensorFlow draws.

TensorFlow's stateless generators are Philox 4x32-10 with a key and a counter that are
made of two 64-bit seeds. JAX counts in 32 bits, so a 64-bit number is two words here.

Source: Salmon 2011, "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from common.backend import INCREMENT, MULTIPLIER

_PHILOX = ((0xD2511F53, 0x9E3779B9), (0xCD9E8D57, 0xBB67AE85))  # factors, key steps
_SCRAMBLE = (0x3EC8F720, 0x02461E29)  # TensorFlow's key, with which seeds are mixed
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)


class Words(NamedTuple):
    """64-bit numbers as uint32 words; arithmetic is modulo 2^64."""

    high: Any
    low: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the numbers."""
        return self.low.shape


def fold(seed: Any, *data: Any) -> Words:
    """Returns the seed that follows from a seed and further numbers.

    Args:
      seed: int, integers, or what this function returned, of any shape.
      *data: the same, such as step, replica or restart; broadcast.
    """
    words = _words(seed)
    factor, increment = _words(MULTIPLIER), _words(INCREMENT)
    for number in data:
        # A product before and after: seed 0, step 1 must not be seed 1, step 0.
        stepped = _add(_add(_product(words, factor), _words(number)), increment)
        high, low = _product(stepped, factor)
        # The shift by 29 keeps the sign, as that of an int64 does.
        shifted = (low >> 29) | (high << 3)
        extended = (high.astype(jnp.int32) >> 29).astype(jnp.uint32)
        words = Words(high ^ extended, low ^ shifted)
    return words


def select(condition: Any, seeds: Words, others: Words) -> Words:
    """Returns the seeds where the condition holds, and the others elsewhere.

    Args:
      condition: bool, broadcast with the seeds.
      seeds: of `fold`.
      others: of `fold`.
    """
    pairs = zip(seeds, others, strict=True)
    return Words(*(jnp.where(condition, word, other) for word, other in pairs))


def uniform(shape: Sequence[int], seed: Any, *, keys: Any = None) -> Any:
    """Returns float32 numbers uniform in [0, 1).

    Args:
      shape: of the result; with keys its first entry is B.
      seed: int, or what `fold` returned; with keys also one for each row.
      keys: None, or [B], integers or of `example_keys`: then row b depends on its own
        seed and key alone, whatever the rest of the batch.
    """
    return _draw(_words(seed), _optional(keys), law=_to_uniform, shape=tuple(shape))


def normal(shape: Sequence[int], seed: Any, *, keys: Any = None) -> Any:
    """Returns float32 standard normal numbers; arguments as for `uniform`."""
    return _draw(_words(seed), _optional(keys), law=_to_normal, shape=tuple(shape))


def example_keys(images: Any) -> Words:
    """Returns the keys [B]: a hash of each image [B, ...] of pixels in [0, 255].

    Random starts are drawn with these keys, so that an image gets the same start in
    whatever batch, position or device it comes.
    """
    return _hash(jnp.asarray(images))


# Compiled, since outside of a compiled function each of their many steps would be.
@jax.jit
def _hash(images: Any) -> Words:
    size = int(np.prod(images.shape[1:]))
    weights = np.random.default_rng(0).integers(1, 2**62, size, dtype=np.int64)
    flat = images.reshape(images.shape[0], size).astype(jnp.float32)
    levels = jnp.round(flat * 256.0).astype(jnp.int32)
    products = _product(_words(levels), _words(weights))
    zero = Words(jnp.uint32(0), jnp.uint32(0))
    return jax.lax.reduce(products, zero, _add, (1,))


@functools.partial(jax.jit, static_argnames=("law", "shape"))
def _draw(
    seed: Words, keys: Words | None, *, law: Callable[[Any], Any], shape: Any
) -> Any:
    """Returns float32 numbers of a law, which makes four of four words."""
    rows = 1 if keys is None else shape[0]
    count = int(np.prod(shape if keys is None else shape[1:]))
    (high, low), (key_high, key_low) = (
        [jnp.broadcast_to(word, (rows,)) for word in words]
        for words in (seed, _words(0) if keys is None else keys)
    )
    first, second, third, fourth = _philox((low, high, key_low, key_high), _SCRAMBLE)
    groups = jnp.arange(-(-count // 4), dtype=jnp.uint32)
    counter = (groups[None], jnp.uint32(0), third[:, None], fourth[:, None])
    drawn = law(_philox(counter, (first[:, None], second[:, None])))
    return drawn.reshape(rows, -1)[:, :count].reshape(shape)


def _philox(counter: Sequence[Any], key: Sequence[Any]) -> tuple[Any, ...]:
    """Returns the four random words of a counter of four and a key of two."""
    (factor0, step0), (factor1, step1) = _PHILOX

    def mixed(_: Any, state: Any) -> Any:
        (word0, word1, word2, word3), (key0, key1) = state
        words = (
            _high(factor1, word2) ^ word1 ^ key0,
            jnp.uint32(factor1) * word2,
            _high(factor0, word0) ^ word3 ^ key1,
            jnp.uint32(factor0) * word0,
        )
        return words, (key0 + jnp.uint32(step0), key1 + jnp.uint32(step1))

    # XLA's CPU compiler would work out all rounds anew for each of the four words.
    unroll = jax.default_backend() != "cpu"
    state = tuple(jnp.broadcast_arrays(*counter)), tuple(map(jnp.uint32, key))
    return jax.lax.fori_loop(0, _ROUNDS, mixed, state, unroll=unroll)[0]


def _to_uniform(words: Sequence[Any]) -> Any:
    """Returns float32 [..., 4] in [0, 1): the low 23 bits of each word."""
    bits = jnp.stack(words, axis=-1) & jnp.uint32(0x7FFFFF)
    ones = jax.lax.bitcast_convert_type(bits | jnp.uint32(127 << 23), jnp.float32)
    return ones - 1.0


def _to_normal(words: Sequence[Any]) -> Any:
    """Returns float32 [..., 4]: two pairs by Box and Muller's transformation."""
    draws = _to_uniform(words)
    radii = jnp.sqrt(-2.0 * jnp.log(jnp.maximum(draws[..., ::2], 1e-7)))
    angles = 2.0 * np.float32(np.pi) * draws[..., 1::2]
    pairs = jnp.stack([radii * jnp.sin(angles), radii * jnp.cos(angles)], axis=-1)
    return pairs.reshape(draws.shape)


def _optional(keys: Any) -> Words | None:
    return None if keys is None else _words(keys)


def _words(number: Any) -> Words:
    """Returns the words of an int of any size, or of integers."""
    if isinstance(number, Words):
        return number
    if isinstance(number, int):
        number = np.uint64(number % 2**64)
    if isinstance(number, (np.ndarray, np.generic)):
        wide = np.asarray(number).astype(np.int64).astype(np.uint64)
        return Words(*(jnp.asarray(x, jnp.uint32) for x in (wide >> 32, wide & _LOW)))
    number = jnp.asarray(number)
    sign = jnp.where(number < 0, jnp.uint32(0xFFFFFFFF), jnp.uint32(0))
    return Words(sign, number.astype(jnp.uint32))


def _add(a: Words, b: Words) -> Words:
    low = a.low + b.low
    return Words(a.high + b.high + (low < a.low).astype(jnp.uint32), low)


def _product(a: Words, b: Words) -> Words:
    carried = _high(a.low, b.low)
    return Words(carried + a.high * b.low + a.low * b.high, a.low * b.low)


def _high(a: Any, b: Any) -> Any:
    """Returns the high word of the product of two low words."""
    # By halves: JAX does not compile its own `mulhi` for several devices.
    (a_high, a_low), (b_high, b_low) = (
        (word >> 16, word & 0xFFFF) for word in map(jnp.uint32, (a, b))
    )
    middle = a_high * b_low + (a_low * b_low >> 16)
    cross = a_low * b_high + (middle & 0xFFFF)
    return a_high * b_high + (middle >> 16) + (cross >> 16)
