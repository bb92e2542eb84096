"""The draws and seeds of JAX are TensorFlow's."""

import jax
import numpy as np
import pytest
import tensorflow as tf

from common.backend import jax_random
from common.backend import tensorflow_backend as reference

RNG = np.random.default_rng(0)
INTEGERS = np.concatenate(
    [RNG.integers(-(2**63), 2**63 - 1, 200), [0, 1, -1, 2**63 - 1, -(2**63), 2**32]]
)


def whole(words):
    """Returns words as int64."""
    high, low = (np.asarray(word).astype(np.uint64) for word in words)
    return ((high << np.uint64(32)) | low).astype(np.int64)


def test_folded_seeds_are_those_of_tensorflow():
    others = INTEGERS[::-1].copy()
    for data in ((), (others,), (7, others, -3), (2**200 + 1,)):
        ours = jax_random.fold(INTEGERS, *data)
        np.testing.assert_array_equal(whole(ours), reference.fold(INTEGERS, *data))
        assert ours.shape == INTEGERS.shape


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, bool])
def test_integers_of_any_kind_are_folded_in(dtype):
    numbers = np.array([0, 1, 100], dtype)
    ours = jax.jit(lambda x: jax_random.fold(5, x))(numbers)
    np.testing.assert_array_equal(whole(ours), reference.fold(5, numbers))


@pytest.mark.parametrize("seeds", [9, INTEGERS])
def test_keyed_draws_are_those_of_tensorflow(seeds):
    shape, keys = (len(INTEGERS), 5, 3), INTEGERS[::-1].copy()
    words = jax_random.fold(seeds), jax_random.fold(keys)
    expected = reference.uniform(shape, seeds, keys=keys)
    np.testing.assert_array_equal(jax_random.uniform(shape, seeds, keys=keys), expected)
    compiled = jax.jit(lambda s, k: jax_random.uniform(shape, s, keys=k))
    np.testing.assert_array_equal(compiled(*words), expected)
    ours = jax_random.normal(shape, words[0], keys=words[1])
    theirs = reference.normal(shape, seeds, keys=keys)
    np.testing.assert_allclose(ours, theirs, atol=5e-6)
    np.testing.assert_array_equal(np.sign(ours), np.sign(theirs))


def test_seeds_are_selected_one_by_one():
    first, second = jax_random.fold(INTEGERS), jax_random.fold(3)
    chosen = jax_random.select(INTEGERS > 0, first, second)
    expected = reference.select(
        tf.constant(INTEGERS > 0), tf.constant(INTEGERS), reference.fold(3)
    )
    np.testing.assert_array_equal(whole(chosen), expected)


@pytest.mark.parametrize("shape", [(4, 8, 8, 1), (3, 64, 64, 3)])
def test_images_have_the_keys_that_tensorflow_gives_them(shape):
    images = RNG.uniform(0, 255, shape).astype(np.float32)
    images[0, 0], images[1] = 255.0, 0.0
    ours = whole(jax_random.example_keys(images))
    np.testing.assert_array_equal(ours, reference.example_keys(images))
