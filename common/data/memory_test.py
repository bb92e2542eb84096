"""Tests of the datasets in memory, on a small set with the augmentation of CIFAR."""

import keras
import numpy as np


def test_test_examples_are_untouched(tiny):
    ((images, labels),) = tiny.test_batches(batch_size=7).as_numpy_iterator()
    np.testing.assert_array_equal(labels, np.arange(7))
    np.testing.assert_array_equal(images, tiny.arrays("test", None)[0])


def test_every_epoch_draws_anew(tiny):
    stream = tiny.train_batches(batch_size=11, seed=1).take(2)
    batches = list(stream.as_numpy_iterator())
    first, second = (images[np.argsort(labels)] for images, labels in batches)
    same = (first == second).all(axis=(1, 2, 3))
    assert not same.all()


def test_test_batches_of_another_engine_are_the_same_and_read_again(tiny, monkeypatch):
    wanted = list(tiny.test_batches(batch_size=3).as_numpy_iterator())
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    batches = tiny.test_batches(batch_size=3)
    for found in (list(batches), list(batches)):
        assert len(found) == len(wanted) == 3
        for pair, expected in zip(found, wanted, strict=True):
            for array, other in zip(pair, expected, strict=True):
                assert array.dtype == other.dtype
                np.testing.assert_array_equal(array, other)


def test_train_slice_is_the_beginning_without_augmentation(tiny):
    images, labels = tiny.train_slice(4)
    np.testing.assert_array_equal(images, tiny.arrays("train", None)[0][:4])
    np.testing.assert_array_equal(labels, np.arange(4))
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)


def test_nobody_waits_for_a_dropped_iterator(tiny):
    for batches in (
        tiny.train_batches(batch_size=11, seed=1),
        tiny.test_batches(batch_size=3),
    ):
        assert batches.options().autotune.enabled is False
