"""Tests of CIFAR: augmentation against NumPy, and the data where they are there."""

import dataclasses
import os
import pathlib
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

from common import data
from common.data import order, tfds_files

_FOLDER = os.path.join(os.environ.get("TFDS_DATA_DIR", ""), "cifar10")
needs_cifar10 = pytest.mark.skipif(
    not os.path.isdir(_FOLDER), reason="TFDS_DATA_DIR has no cifar10"
)


def _augmented(image, padding, top, left, flip):
    """One image by NumPy alone."""
    pad = [(padding, padding), (padding, padding), (0, 0)]
    crop = np.pad(image, pad)[top : top + 32, left : left + 32]
    return crop[:, ::-1] if flip else crop


def _images(count):
    shape = (count, 32, 32, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("padding", [0, 2])
def test_augmentation_equals_numpy(padding):
    images = _images(64)
    draws = np.random.default_rng(1).uniform(size=(64, 3)).astype(np.float32)
    draws[0] = 0.0
    draws[1] = np.nextafter(np.float32(1), np.float32(0))
    result = data.CIFAR10(padding=padding).augment(
        tf.constant(images), lambda k: tf.constant(draws[:, :k])
    )
    for image, (u, v, w), found in zip(images, draws, result.numpy(), strict=True):
        top, left = int(u * (2 * padding + 1)), int(v * (2 * padding + 1))
        expected = _augmented(image, padding, top, left, w < 0.5)
        np.testing.assert_array_equal(found, expected)


@dataclasses.dataclass(frozen=True)
class Tiny(data.CIFAR10):
    """A few random images; the label is the image's index."""

    num_train: ClassVar[int] = 6

    def arrays(self, split, data_dir):
        return _images(6), np.arange(6, dtype=np.int32)


def test_a_minibatch_on_the_device_is_that_of_the_pipeline():
    few = Tiny(padding=2)
    arrays = tuple(map(tf.constant, few.arrays("train", None)))
    batches = few.train_batches(batch_size=8, seed=3, start=2).as_numpy_iterator()
    for row in zip(*order.rows(6, [2, 3, 4], batch_size=8, seed=3), strict=True):
        row = tuple(tf.constant(part, tf.int64) for part in row)
        found = few.minibatch(arrays, row, seed=3)
        for part, wanted in zip(found, next(batches), strict=True):
            assert part.dtype == wanted.dtype
            np.testing.assert_array_equal(part, wanted)


def test_padding_must_not_be_negative():
    with pytest.raises(ValueError, match="padding=-1"):
        data.CIFAR10(padding=-1)


@pytest.mark.parametrize("dataset", [data.CIFAR10(), data.CIFAR100(), data.MNIST()])
def test_missing_data_say_where_and_what_to_do(dataset, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        dataset.test_batches(batch_size=2, data_dir=str(tmp_path))
    message = str(error.value)
    assert "\n" not in message
    for part in (f"data_dir={tmp_path}", "--data_dir", f"tfds build {dataset.name}"):
        assert part in message


@needs_cifar10
def test_the_test_set_of_cifar10_is_complete_and_in_published_order():
    dataset = data.CIFAR10()
    labels, low, high = [], 255.0, 0.0
    for images, part in dataset.test_batches(batch_size=300).as_numpy_iterator():
        labels.extend(part)
        low, high = min(low, images.min()), max(high, images.max())
    assert labels[:10] == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    assert np.bincount(labels).tolist() == [1_000] * 10
    assert (low, high) == (0, 255)


@needs_cifar10
@pytest.mark.slow
def test_the_training_set_of_cifar10_is_complete_and_in_published_order():
    images, labels = data.CIFAR10().train_slice(50_000)
    assert images.shape == (50_000, 32, 32, 3)
    assert labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert np.bincount(labels).tolist() == [5_000] * 10


class Tiny100(data.CIFAR100):
    num_train = num_test = 30


@pytest.fixture
def cifar100(write_tfds):
    """Returns the TFDS folder of 30 random images, which are returned, too."""
    import tensorflow_datasets as tfds

    images, labels = _images(30), np.arange(30) * 7 % 100

    def shards(split):
        order = np.random.default_rng(0).permutation(30)
        examples = [
            {
                "id": f"{split}_{i:05d}",
                "image": images[i],
                "label": labels[i],
                "coarse_label": i % 20,
            }
            for i in order
        ]
        return examples[:11], examples[11:]

    features = tfds.features.FeaturesDict(
        {
            "id": tfds.features.Text(),
            "image": tfds.features.Image(shape=(32, 32, 3)),
            "label": tfds.features.ClassLabel(num_classes=100),
            "coarse_label": tfds.features.ClassLabel(num_classes=20),
        }
    )
    folder = write_tfds(
        "cifar100", features, {split: shards(split) for split in ("train", "test")}
    )
    return folder, images, labels


def test_cifar100_reads_the_fine_labels_in_published_order(cifar100):
    folder, images, labels = cifar100
    batches = Tiny100().test_batches(batch_size=30, data_dir=folder)
    found = next(batches.as_numpy_iterator())
    np.testing.assert_array_equal(found[0], images)
    np.testing.assert_array_equal(found[1], labels)
    with pytest.raises(ValueError, match=r"50000 images in train\. Received: 30"):
        data.CIFAR100().train_slice(5, data_dir=folder)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("pattern", "damage", "message"),
    [
        ("*test*-00001-*", cut_short, "prepare .*again.*which is damaged"),
        ("*test*-00001-*", flip, "prepare .*again.*which is damaged"),
        ("*test*-00001-*", pathlib.Path.unlink, "which is not there"),
        ("dataset_info.json", lambda p: p.write_text(""), "tfds build cifar100"),
        ("dataset_info.json", lambda p: p.write_text("{}"), "tfds build cifar100"),
    ],
)
def test_damaged_files_are_named_and_to_be_prepared_again(
    cifar100, pattern, damage, message
):
    (path,) = pathlib.Path(cifar100[0]).rglob(pattern)
    damage(path)
    with pytest.raises(OSError, match=message) as caught:
        Tiny100().test_batches(batch_size=30, data_dir=cifar100[0])
    assert not isinstance(caught.value, FileNotFoundError)
    assert f"file={path}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:900]), OSError, "write it again"),
        (flip, OSError, "write it again"),
        (lambda p: np.savez(p, images=np.ones(3)), ValueError, "something else"),
    ],
)
def test_a_damaged_export_is_named(tmp_path, damage, error, message):
    path = tmp_path / "cifar100.npz"
    images, labels = _images(30), np.zeros(30, np.int32)
    np.savez(path, test_images=images, test_labels=labels)
    batches = Tiny100().test_batches(batch_size=30, data_dir=str(tmp_path))
    np.testing.assert_array_equal(next(batches.as_numpy_iterator())[0], images)
    tfds_files.cached.cache_clear()
    damage(path)
    with pytest.raises(error, match=message) as caught:
        Tiny100().test_batches(batch_size=30, data_dir=str(tmp_path))
    assert not isinstance(caught.value, FileNotFoundError)
    assert str(path) in str(caught.value)


def test_an_export_of_other_images_is_refused(tmp_path):
    arrays = {"test_images": _images(30)[:, :16], "test_labels": np.zeros(30, np.int32)}
    np.savez(tmp_path / "cifar100.npz", **arrays)
    with pytest.raises(ValueError, match=r"30 images, \(30, 16, 32, 3\)"):
        Tiny100().test_batches(batch_size=30, data_dir=str(tmp_path))
