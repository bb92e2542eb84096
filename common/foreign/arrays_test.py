"""Data in memory: shapes, channels, splits, and what is no data."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common.data import tfds_files
from common.foreign import arrays, splits

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 4, 6, 3)).astype(np.uint8)
LABELS = np.arange(60) % 3
SHAPE = (4, 6, 3)


def made(images=IMAGES, labels=LABELS, shape=SHAPE, **further):
    return arrays.of_arrays({"train": (images, labels), **further}, shape, name="mine")


def test_a_tenth_is_held_out_by_the_images_themselves():
    found = made()
    assert found.split == splits.BY_HASH
    assert found.num_train + found.num_test == 60 and found.num_test > 0
    order = RNG.permutation(60)
    again = made(IMAGES[order], LABELS[order])
    for split in ("train", "test"):
        images, labels = found.arrays(split, None)
        others, _ = again.arrays(split, None)
        assert {x.tobytes() for x in images} == {x.tobytes() for x in others}
        assert labels.dtype == np.int32 and len(labels) == len(images)


def test_images_in_another_layout_of_memory_are_the_same_images():
    turned = np.ascontiguousarray(IMAGES.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    assert not turned.flags.c_contiguous
    for kind in (np.uint8, np.float32):
        found, expected = made(turned.astype(kind)), made(IMAGES.astype(kind))
        assert found.fingerprint == expected.fingerprint
        np.testing.assert_array_equal(
            found.arrays("test", None)[0], expected.arrays("test", None)[0]
        )


def test_a_given_test_set_is_kept_and_the_fingerprint_is_of_all_values():
    found = made(test=(IMAGES[:7], LABELS[:7][:, None]))
    assert (found.split, found.num_train, found.num_test) == (splits.GIVEN, 60, 7)
    assert found.num_classes == 3
    np.testing.assert_array_equal(found.arrays("test", None)[1], LABELS[:7])
    changed = IMAGES[:7].copy()
    changed[3, 1, 1, 1] ^= 1
    others = [
        made(test=(IMAGES[:7], LABELS[:7])).fingerprint,
        made(test=(changed, LABELS[:7])).fingerprint,
        made(test=(IMAGES[:7], LABELS[1:8])).fingerprint,
    ]
    assert [found.fingerprint == other for other in others] == [True, False, False]


def test_images_get_the_channels_of_the_network():
    gray = IMAGES[..., 0]
    coloured, _ = made(gray, shape=(4, 6, 3)).arrays("train", None)
    assert coloured.shape[1:] == (4, 6, 3) and coloured.dtype == np.uint8
    np.testing.assert_array_equal(coloured[..., 0], coloured[..., 2])
    luma, _ = made(shape=(4, 6, 1), test=(IMAGES[:2], LABELS[:2])).arrays("test", None)
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma[..., 0], IMAGES[:2] @ weights, rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES / 255, LABELS, "Multiply them by 255"),
        (IMAGES[:, :3], LABELS, r"4 x 6 pixels with 3.*shape \(3, 6, 3\)"),
        (IMAGES[:9], LABELS, "9 images and 60 labels"),
        (IMAGES, LABELS / 1.0, "Labels must be integers"),
        (IMAGES, np.eye(60), r"take np.argmax\(labels, -1\)"),
        (IMAGES, LABELS + 1, "Labels count the classes from 0"),
        (IMAGES, LABELS.astype(np.int64) + 2**32, "labels from 4294967296 to"),
        (IMAGES[:0], LABELS[:0], "must not be empty. Received: 0 images"),
    ],
)
def test_what_is_no_data_is_refused_in_one_line(images, labels, message):
    with pytest.raises(ValueError, match=message) as caught:
        made(images, labels)
    assert "\n" not in str(caught.value)


def test_crops_and_flips_are_those_that_are_asked_for():
    plain = made(test=(IMAGES[:2], LABELS[:2]))
    batch = next(iter(plain.train_batches(batch_size=60, seed=0)))[0]
    assert {x.tobytes() for x in IMAGES.astype(np.float32)} == {
        x.tobytes() for x in batch.numpy()
    }
    flipped = dataclasses.replace(plain, flips=True)
    batch = next(iter(flipped.train_batches(batch_size=60, seed=0)))[0].numpy()
    known = {x.tobytes(): x for x in IMAGES.astype(np.float32)}
    kept = [x.tobytes() in known for x in batch]
    assert 10 < sum(kept) < 50
    assert all(
        is_kept or x[:, ::-1].copy().tobytes() in known
        for is_kept, x in zip(kept, batch, strict=True)
    )


def test_a_file_of_numpy_has_the_names_that_keras_gives(tmp_path):
    file = tmp_path / "mine.npz"
    np.savez(file, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:3], y_test=LABELS[:3])
    found = arrays.from_file(file, SHAPE)
    assert (found.name, found.num_test, found.split) == ("mine", 3, splits.GIVEN)
    np.savez(file, x_train=IMAGES, y_train=LABELS)
    assert arrays.from_file(file, SHAPE).split == splits.BY_HASH
    np.savez(file, images=IMAGES)
    with pytest.raises(ValueError, match=r"mine.npz: expected an array x_train"):
        arrays.from_file(file, SHAPE)


def test_a_stream_of_known_length_is_read_into_memory():
    stream = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    for known in (stream, stream.batch(7)):
        images, labels = arrays.from_stream(known, "mine")
        np.testing.assert_array_equal(images, IMAGES)
        np.testing.assert_array_equal(labels, LABELS)
    for unknown, kind in (
        (stream.repeat(), "endless"),
        (stream.filter(lambda *_: True), "not k"),
    ):
        with pytest.raises(ValueError, match=f"mine, whose length is {kind}"):
            arrays.from_stream(unknown, "mine")
    uneven = stream.batch(7).batch(3)
    with pytest.raises(ValueError, match=r"batched once .*mine, which fails: Inv"):
        arrays.from_stream(uneven, "mine")


def test_what_tfds_has_not_prepared_is_said_and_what_was_exported_is_read(tmp_path):
    for name in ("mnist", "nowhere/images"):
        with pytest.raises(FileNotFoundError, match=f"tfds build {name} --data_dir="):
            arrays.from_tfds(name, (28, 28, 1), str(tmp_path))
    parts = {"train_images": IMAGES, "train_labels": LABELS}
    parts |= {"test_images": IMAGES[:4], "test_labels": LABELS[:4]}
    np.savez(tmp_path / "mine.npz", **parts)
    found = arrays.from_tfds("mine", SHAPE, str(tmp_path))
    assert (found.num_train, found.num_test) == (60, 4)


@pytest.mark.slow
def test_a_dataset_of_tfds_has_its_class_names():
    try:
        found = arrays.from_tfds("cifar10", (32, 32, 3), None)
    except FileNotFoundError:
        pytest.skip(f"{tfds_files.folder(None)} has no cifar10")
    assert (found.num_train, found.num_test) == (50_000, 10_000)
    assert found.classes[:2] == ("airplane", "automobile")
