"""Tests of the stream of positions."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from common.data import pipeline


def _pieces(num_examples, count, **settings):
    stream = pipeline.index_stream(num_examples, **settings)
    return list(stream.take(count).as_numpy_iterator())


def _order(num_examples, epoch, seed=0):
    offsets = tf.range(num_examples, dtype=tf.int64)
    epochs = tf.fill([num_examples], tf.constant(epoch, tf.int64))
    return pipeline.shuffled(offsets, num_examples, seed=seed, epochs=epochs).numpy()


def test_each_epoch_is_a_permutation_and_batches_straddle_epochs():
    pieces = _pieces(10, 5, batch_size=4, seed=3)
    epochs, indices = (np.concatenate(part) for part in zip(*pieces, strict=True))
    np.testing.assert_array_equal(epochs, np.repeat([0, 1], 10))
    for epoch in (0, 1):
        assert sorted(indices[epochs == epoch]) == list(range(10))
    assert list(indices[:10]) != list(indices[10:])


def test_a_batch_may_be_larger_than_the_set():
    ((epochs, indices),) = _pieces(3, 1, batch_size=9, seed=0)
    assert list(epochs) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert sorted(indices) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_the_same_seed_gives_the_same_stream_and_another_seed_another():
    first, again, other = (_pieces(50, 3, batch_size=20, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("start", [1, 2, 7])
def test_start_equals_skipping(start):
    settings = {"batch_size": 8, "seed": 5, "shard": (1, 2), "replicas": 2}
    skipped = _pieces(13, 20, **settings)[2 * start :]
    started = _pieces(13, len(skipped), **settings, start=start)
    np.testing.assert_array_equal(skipped, started)


@pytest.mark.parametrize(
    ("workers", "replicas"), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 4)]
)
def test_pieces_of_all_workers_and_replicas_make_the_global_batch(workers, replicas):
    whole = _pieces(13, 3, batch_size=24, seed=5)
    parts = [
        _pieces(
            13,
            3 * replicas,
            batch_size=24,
            seed=5,
            shard=(worker, workers),
            replicas=replicas,
        )
        for worker in range(workers)
    ]
    for step, batch in enumerate(whole):
        pieces = [part[step * replicas + r] for part in parts for r in range(replicas)]
        np.testing.assert_array_equal(batch, np.concatenate(pieces, axis=1))


@pytest.mark.parametrize("num_examples", [1_297, 50_000])
def test_orders_of_neighbouring_epochs_are_unrelated(num_examples):
    orders = [_order(num_examples, epoch) for epoch in range(5)]
    bound = 5 / np.sqrt(num_examples)  # five standard deviations
    for one, two in itertools.pairwise(orders):
        assert abs(np.corrcoef(one, two)[0, 1]) < bound
    for order in orders:
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < bound


def test_every_example_stands_everywhere_equally_often():
    size, epochs = 60, 300
    offsets = tf.tile(tf.range(size, dtype=tf.int64), [epochs])
    numbers = tf.repeat(tf.range(epochs, dtype=tf.int64), size)
    found = pipeline.shuffled(offsets, size, seed=0, epochs=numbers).numpy()
    counts = np.zeros((size, size))
    np.add.at(counts, (offsets.numpy(), found), 1)
    expected = epochs / size
    chi_square = ((counts - expected) ** 2 / expected).sum()
    degrees = (size - 1) ** 2
    assert abs(chi_square - degrees) < 5 * np.sqrt(2 * degrees)


def test_draws_depend_on_seed_epoch_and_index_alone():
    def draws(seed, epochs, indices):
        tensors = tf.constant(epochs, tf.int64), tf.constant(indices, tf.int64)
        return pipeline.uniform(seed, *tensors, 3).numpy()

    together = draws(1, [0, 0, 1], [4, 5, 4])
    np.testing.assert_array_equal(together[1:], draws(1, [0, 1], [5, 4]))
    assert len({tuple(row) for row in together}) == 3
    assert not np.array_equal(together, draws(2, [0, 0, 1], [4, 5, 4]))
    assert (together >= 0).all() and (together < 1).all()


def test_draws_are_uniform_over_examples_and_epochs():
    epochs = np.repeat(np.arange(4), 500)
    indices = np.tile(np.arange(500), 4)
    draws = pipeline.uniform(0, tf.constant(epochs), tf.constant(indices), 3).numpy()
    counts = np.bincount((draws[:, 0] * 5).astype(int), minlength=5)
    assert ((counts - 400) ** 2 / 400).sum() < 20  # 4 degrees of freedom
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 0.12


def test_rows_are_those_of_the_test_set_or_of_a_choice():
    for chosen in (None, np.array([9, 0, 4, 2, 7], np.int32)):
        rows = pipeline.test_rows(10, batch_size=2, indices=chosen)
        expected = np.arange(10) if chosen is None else chosen
        np.testing.assert_array_equal(rows, expected)
        assert rows.dtype == np.int64


@pytest.mark.parametrize("wrong", [-1, 10])
def test_a_choice_outside_the_test_set_is_refused(wrong):
    with pytest.raises(ValueError, match=rf"\[0, 10\).*Received: .*{wrong}"):
        pipeline.test_rows(10, batch_size=2, indices=np.array([3, wrong, 5]))


@pytest.mark.parametrize("choice", [[True, False], [1.7, 3.2]])
def test_a_choice_that_is_no_list_of_positions_is_refused(choice):
    with pytest.raises(ValueError, match="indices must be whole numbers"):
        pipeline.test_rows(10, batch_size=2, indices=np.array(choice))


def test_a_batch_that_does_not_divide_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"batch_size=10, .*2 \* 2 = 4.*--set batch_"):
        pipeline.index_stream(10, batch_size=10, seed=0, shard=(0, 2), replicas=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 4, "start": -1}, "start=-1"),
        ({"batch_size": 4, "shard": (2, 2)}, r"shard=\(2, 2\)"),
        ({"batch_size": 4, "replicas": 0}, r"1 \* 0"),
    ],
)
def test_numbers_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        pipeline.index_stream(10, seed=0, **settings)


def test_a_test_batch_of_no_images_is_refused():
    with pytest.raises(ValueError, match="batch_size=0"):
        pipeline.test_rows(10, batch_size=0)


def test_strategies_are_told_not_to_shard():
    options = pipeline.finished(tf.data.Dataset.range(3)).options()
    policy = options.experimental_distribute.auto_shard_policy
    assert policy == tf.data.experimental.AutoShardPolicy.OFF
    assert options.deterministic
