"""Tests of the datasets in memory, on a small set with the augmentation of CIFAR."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import pytest

from common import data


@dataclasses.dataclass(frozen=True)
class Tiny(data.CIFAR10):
    """Random images in the shape of CIFAR; the label is the image's index."""

    num_train: ClassVar[int] = 11
    num_test: ClassVar[int] = 7

    def arrays(self, split, data_dir):
        count = self.num_train if split == "train" else self.num_test
        images = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3))
        return images.astype(np.uint8), np.arange(count, dtype=np.int32)


def _take(dataset, count, **settings):
    settings = {"batch_size": 8, "seed": 1, **settings}
    return list(dataset.train_batches(**settings).take(count).as_numpy_iterator())


@pytest.mark.parametrize(("workers", "replicas"), [(1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("dataset", [Tiny(), data.Digits()], ids=lambda d: d.name)
def test_every_layout_sees_the_same_pixels_bit_for_bit(dataset, workers, replicas):
    whole = _take(dataset, 3)
    parts = [
        _take(dataset, 3 * replicas, shard=(worker, workers), replicas=replicas)
        for worker in range(workers)
    ]
    for step, batch in enumerate(whole):
        pieces = [part[step * replicas + r] for part in parts for r in range(replicas)]
        for i in range(2):
            union = np.concatenate([piece[i] for piece in pieces])
            np.testing.assert_array_equal(batch[i], union)


def test_start_equals_skipping_bit_for_bit():
    skipped, started = _take(Tiny(), 5)[3:], _take(Tiny(), 2, start=3)
    for one, two in zip(skipped, started, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])


def test_an_epoch_holds_every_example_once_and_draws_anew():
    batches = _take(Tiny(), 2, batch_size=11)
    for _, labels in batches:
        assert sorted(labels) == list(range(11))
    first, second = (images[np.argsort(labels)] for images, labels in batches)
    same = (first == second).all(axis=(1, 2, 3))
    assert not same.all()


def test_types_and_shapes_are_static():
    images, labels = Tiny().train_batches(batch_size=8, seed=0).element_spec
    assert (images.shape, images.dtype.name) == ((8, 32, 32, 3), "float32")
    assert (labels.shape, labels.dtype.name) == ((8,), "int32")
    images, labels = Tiny().test_batches(batch_size=8).element_spec
    assert (images.shape[1:], images.dtype.name) == ((32, 32, 3), "float32")
    assert labels.dtype.name == "int32"


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7, 100])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_test_example_comes_once_in_order_and_untouched(batch_size, workers):
    parts = [
        Tiny().test_batches(batch_size=batch_size, shard=(worker, workers))
        for worker in range(workers)
    ]
    batches = [batch for part in parts for batch in part.as_numpy_iterator()]
    assert len(batches) == sum(int(part.cardinality()) for part in parts)
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(labels, np.arange(7))
    np.testing.assert_array_equal(images, Tiny().arrays("test", None)[0])


@pytest.mark.parametrize("workers", [1, 2])
def test_chosen_test_examples_come_in_the_order_of_the_choice(workers):
    chosen = np.array([5, 0, 3, 6, 1])
    parts = [
        Tiny().test_batches(batch_size=2, shard=(worker, workers), indices=chosen)
        for worker in range(workers)
    ]
    batches = [batch for part in parts for batch in part.as_numpy_iterator()]
    assert len(batches) == 3
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(labels, chosen)
    np.testing.assert_array_equal(images, Tiny().arrays("test", None)[0][chosen])


def test_test_batches_of_another_engine_are_the_same_and_read_again(monkeypatch):
    wanted = list(Tiny().test_batches(batch_size=3).as_numpy_iterator())
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    batches = Tiny().test_batches(batch_size=3)
    for found in (list(batches), list(batches)):
        assert len(found) == len(wanted) == 3
        for pair, expected in zip(found, wanted, strict=True):
            for array, other in zip(pair, expected, strict=True):
                assert array.dtype == other.dtype
                np.testing.assert_array_equal(array, other)


def test_train_slice_is_the_beginning_without_augmentation():
    images, labels = Tiny().train_slice(4)
    np.testing.assert_array_equal(images, Tiny().arrays("train", None)[0][:4])
    np.testing.assert_array_equal(labels, np.arange(4))
    assert (images.dtype, labels.dtype) == (np.float32, np.int32)


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="batch_size=9"):
        Tiny().train_batches(batch_size=9, seed=0, replicas=2)
