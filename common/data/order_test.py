"""The order without TensorFlow, against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from common import backend
from common.data import order, pipeline


@pytest.mark.parametrize("num_examples", [1, 2, 10, 1_297, 50_000, 65_536, 70_000])
def test_a_permutation_is_that_of_the_pipeline(num_examples):
    offsets = np.random.default_rng(0).integers(0, num_examples, 100)
    for seed, epoch in ((0, 0), (3, 7), (2**32 - 1, 100_000)):
        expected = pipeline.shuffled(
            tf.constant(offsets), num_examples, seed=seed, epochs=tf.fill([100], epoch)
        )
        found = order.permutation(num_examples, seed=seed, epoch=epoch)
        assert found.dtype == np.int64 and len(found) == num_examples
        np.testing.assert_array_equal(found[offsets], expected)


def test_the_order_of_a_seed_stays_what_it_was():
    """So that a run can be had again: print(permutation(10, seed=1, epoch=2))."""
    found = order.permutation(10, seed=1, epoch=2)
    assert found.tolist() == [8, 3, 4, 2, 5, 7, 1, 0, 9, 6]


def test_rows_are_the_stream_of_the_pipeline():
    stream = pipeline.index_stream(13, batch_size=8, seed=5)
    wanted = list(stream.take(40).as_numpy_iterator())
    epochs, indices = order.rows(13, np.arange(40), batch_size=8, seed=5)
    np.testing.assert_array_equal(epochs, [row[0] for row in wanted])
    np.testing.assert_array_equal(indices, [row[1] for row in wanted])
    replayed = order.rows(13, [7, 7, 30], batch_size=8, seed=5)
    np.testing.assert_array_equal(replayed[1], indices[[7, 7, 30]])


def test_seeds_are_those_of_the_backend():
    for numbers in [(0,), (1, 2), (2**32 - 1, 10**9, 3)]:
        expected = int(backend.fold(5, *numbers)) % 2**64
        assert order.fold(5, *numbers) == expected
