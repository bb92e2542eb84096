"""What every dataset promises, whether it is held in memory or read from files."""

import numpy as np
import pytest

from common import data
from common.data import imagenet

SETS = ["tiny", "digits", *imagenet._TRAINING]
FAST = ("tiny", "digits", "tensorpack")  # the preprocessing that draws most


@pytest.fixture(
    params=[
        pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
        for name in SETS
    ]
)
def dataset(request):
    """Small sets in memory, and a folder of photographs with each preprocessing."""
    if request.param == "digits":
        return data.Digits()
    if request.param == "tiny":
        return request.getfixturevalue("tiny")
    folder = str(request.getfixturevalue("folder"))
    return data.ImageNet(24, 32, folder, preprocessing=request.param)


def taken(dataset, count, **settings):
    settings = {"batch_size": 8, "seed": 1, **settings}
    return list(dataset.train_batches(**settings).take(count).as_numpy_iterator())


def read(dataset, **settings):
    """Returns the test images and labels, and the sizes of batches."""
    batches = list(dataset.test_batches(**settings).as_numpy_iterator())
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    return images, labels, [len(batch) for _, batch in batches]


def check_equal(found, expected):
    for array, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


def test_every_layout_sees_the_same_pixels_bit_for_bit(dataset):
    layouts = [(1, 2), (2, 1), (2, 2)]
    if isinstance(dataset, data.ImageNet):
        layouts = layouts[-1:]  # the others take long, and the stream is the same
    whole = taken(dataset, 3)
    for workers, replicas in layouts:
        parts = [
            taken(dataset, 3 * replicas, shard=(worker, workers), replicas=replicas)
            for worker in range(workers)
        ]
        for step, batch in enumerate(whole):
            at = range(step * replicas, (step + 1) * replicas)
            pieces = [part[place] for part in parts for place in at]
            check_equal(map(np.concatenate, zip(*pieces, strict=True)), batch)


def test_start_equals_skipping_bit_for_bit(dataset):
    skipped, started = taken(dataset, 5)[3:], taken(dataset, 2, start=3)
    for one, two in zip(skipped, started, strict=True):
        check_equal(one, two)


def test_an_epoch_holds_every_example_once(dataset):
    _, labels = dataset.train_slice(dataset.num_train)
    for _, found in taken(dataset, 2, batch_size=dataset.num_train):
        assert sorted(found) == sorted(labels)


def test_types_and_shapes_are_static(dataset):
    shape = (dataset.image_size, dataset.image_size, dataset.channels)
    batches = (
        dataset.train_batches(batch_size=8, seed=0),
        dataset.test_batches(batch_size=8),
    )
    for batch_size, (images, labels) in zip(
        (8, None), (some.element_spec for some in batches), strict=True
    ):
        assert (images.shape[1:], images.dtype.name) == (shape, "float32")
        assert (labels.shape.rank, labels.dtype.name) == (1, "int32")
        assert images.shape[0] == labels.shape[0] == batch_size


def test_every_test_example_comes_once_and_in_order(dataset):
    expected = read(dataset, batch_size=dataset.num_test)
    assert len(expected[0]) == dataset.num_test
    for batch_size in (4, 600):
        found = read(dataset, batch_size=batch_size)
        check_equal(found[:2], expected[:2])
        assert max(found[2]) <= batch_size


def test_chosen_test_examples_come_in_the_order_of_the_choice(dataset):
    images, labels, _ = read(dataset, batch_size=dataset.num_test)
    chosen = np.array([5, 0, 3, 6, 1])
    found = read(dataset, batch_size=2, indices=chosen)
    check_equal(found[:2], (images[chosen], labels[chosen]))
    assert len(found[2]) == 3


def test_train_slices_are_arrays_of_pixels(dataset):
    images, labels = dataset.train_slice(6)
    shape = (6, dataset.image_size, dataset.image_size, dataset.channels)
    assert (images.shape, images.dtype) == (shape, np.float32)
    assert (labels.shape, labels.dtype) == ((6,), np.int32)
    assert 0 <= images.min() < 100 < images.max() <= 255
