"""Tests of MNIST: the order of its examples, and the data where they are there."""

import os

import numpy as np
import pytest

from common import data
from common.data import order, tfds_files

_FOLDER = os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "mnist")
needs_mnist = pytest.mark.skipif(
    not os.path.isdir(_FOLDER), reason="TFDS_DATA_DIR has no mnist"
)
IMAGES = np.random.default_rng(0).integers(0, 256, (45, 28, 28, 1)).astype(np.uint8)
LABELS = np.arange(45) % 10


class Few(data.MNIST):
    """Forty-five images of each split."""

    num_train = num_test = 45


@pytest.fixture
def prepared(write_tfds):
    """Returns the TFDS folder of the images above, in three shards of each split."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(28, 28, 1)),
            "label": tfds.features.ClassLabel(num_classes=10),
        }
    )
    examples = [
        {"image": image, "label": label}
        for image, label in zip(IMAGES, LABELS, strict=True)
    ]
    # Longer than the blocks of sixteen by which TFDS reads several shards in turns.
    shards = [examples[:20], examples[20:22], examples[22:]]
    tfds_files.cached.cache_clear()
    return write_tfds("mnist", features, {"train": shards, "test": shards})


def check_equal(arrays):
    for found, wanted in zip(arrays, (IMAGES, LABELS), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_examples_stand_in_the_order_of_tfds_whatever_the_shards(prepared):
    check_equal(Few().arrays("train", prepared))
    (batch,) = Few().test_batches(batch_size=45, data_dir=prepared).as_numpy_iterator()
    check_equal(batch)
    assert [part.dtype for part in batch] == [np.float32, np.int32]


def test_training_images_are_shuffled_and_not_augmented(prepared):
    stream = Few().train_batches(batch_size=45, seed=3, data_dir=prepared)
    images, labels = next(stream.as_numpy_iterator())
    _, (indices,) = order.rows(45, [0], batch_size=45, seed=3)
    assert sorted(indices) == list(range(45)) != list(indices)
    np.testing.assert_array_equal(images, IMAGES[indices])
    np.testing.assert_array_equal(labels, LABELS[indices])


@needs_mnist
@pytest.mark.parametrize(
    ("split", "first", "counts"),
    [
        pytest.param(
            "train",
            [4, 1, 0, 7, 8, 1, 2, 7, 1, 6],
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            marks=pytest.mark.slow,
        ),
        (
            "test",
            [2, 0, 4, 8, 7, 6, 0, 6, 3, 1],
            [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
        ),
    ],
)
def test_it_is_complete_and_in_the_order_of_tfds(split, first, counts):
    images, labels = data.MNIST().arrays(split, None)
    assert labels[:10].tolist() == first
    assert np.bincount(labels).tolist() == counts
    assert (images.min(), images.max()) == (0, 255)
