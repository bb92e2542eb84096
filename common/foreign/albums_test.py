"""Folders of photographs to train on: classes, splits, sizes."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common.foreign import albums, splits


def write(folder, name, value, size=(20, 30)):
    pixels = tf.fill((*size, 3), tf.constant(value, tf.uint8))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(tf.io.encode_png(pixels).numpy())


@pytest.fixture
def folder(tmp_path):
    """Classes `dark` and `light` of 30 photographs each, of one colour each."""
    for number in range(30):
        write(tmp_path / "all" / "dark", f"{number}.png", number)
        write(tmp_path / "all" / "light", f"{number}.png", 200 + number)
    return tmp_path / "all"


def test_a_tenth_is_held_out_by_the_names_of_files(folder):
    found = albums.from_folder(str(folder), (8, 8, 3), 2)
    assert (found.name, found.classes) == ("all", ("dark", "light"))
    assert found.split == splits.BY_HASH
    assert found.num_train + found.num_test == 60 and found.num_test > 1
    again = albums.from_folder(str(folder), (8, 8, 3), 2)
    assert again == found and again.rows["test"][0] == found.rows["test"][0]
    write(folder / "dark", "more.png", 3)
    assert (
        albums.from_folder(str(folder), (8, 8, 3), 2).fingerprint != found.fingerprint
    )


def test_an_epoch_has_every_photograph_once_with_its_label(folder):
    found = albums.from_folder(str(folder), (8, 8, 3), 2)
    stream = found.train_batches(batch_size=found.num_train, seed=0)
    images, labels = next(stream.as_numpy_iterator())
    assert images.shape == (found.num_train, 8, 8, 3)
    np.testing.assert_array_equal(labels, images[:, 0, 0, 0] > 100)
    assert len(np.unique(images.round())) == found.num_train
    tested = list(found.test_batches(batch_size=4).as_numpy_iterator())
    values = np.concatenate([x[:, 0, 0, 0] for x, _ in tested]).round()
    assert not set(values) & set(np.unique(images.round()))
    some, _ = found.train_slice(4)
    assert some.shape == (4, 8, 8, 3)


def test_crops_of_photographs_show_what_was_padded(folder):
    found = albums.from_folder(str(folder / "../all"), (8, 8, 3), 2)
    found = dataclasses.replace(found, padding=3, flips=True)
    images, _ = next(found.train_batches(batch_size=40, seed=0).as_numpy_iterator())
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1], 0]
    assert (corners == 0).any() and (images[:, 4, 4, 0] > 0).mean() > 0.9


@pytest.mark.parametrize("test", ["test", "validation"])
def test_train_and_test_folders_are_taken_as_they_are(test, tmp_path):
    for part, count in (("train", 3), (test, 2)):
        for name in ("cat", "dog"):
            for number in range(count):
                write(tmp_path / part / name, f"{number}.png", 7)
    found = albums.from_folder(str(tmp_path), (8, 8, 3), 2)
    assert (found.split, found.num_train, found.num_test) == (splits.GIVEN, 6, 4)
    write(tmp_path / test / "cow", "1.png", 7)
    message = rf"must be the same. Received: cow, .*{test}$"
    with pytest.raises(ValueError, match=message):
        albums.from_folder(str(tmp_path), (8, 8, 3), 2)


def test_a_table_has_labels_of_the_network(folder):
    rows = [f"dark/{n}.png,{5 + n % 2}" for n in range(30)]
    (folder / "labels.csv").write_text("\n".join(["file,class_index", *rows]) + "\n")
    found = albums.from_folder(str(folder), (8, 8, 3), 7)
    assert (found.num_classes, found.classes) == (7, ())
    with pytest.raises(ValueError, match=r"class_index=6, and a network of 6 classes"):
        albums.from_folder(str(folder), (8, 8, 3), 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: [x.unlink() for x in (f / "dark").iterdir()], "dark, without a"),
        (lambda f: (f / "light").rename(f.parent / "light"), "one class alone, dark"),
    ],
)
def test_a_class_alone_or_without_photographs_is_refused(folder, change, message):
    change(folder)
    with pytest.raises(ValueError, match=message) as caught:
        albums.from_folder(str(folder), (8, 8, 3), 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(8, 12, 3), (8, 8, 1)])
def test_photographs_become_what_the_network_takes(folder, shape):
    found = albums.from_folder(str(folder), shape, 2)
    images, labels = next(found.test_batches(batch_size=9).as_numpy_iterator())
    assert images.shape[1:] == shape
    np.testing.assert_array_equal(labels, images.mean(axis=(1, 2, 3)) > 100)


@pytest.mark.parametrize("size", [(8, 8), (8, 12)])
def test_photographs_that_have_the_size_stay_as_they_are(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = albums.photograph(tf.io.encode_png(pixels), (*size, 3))
    np.testing.assert_array_equal(found, pixels)
    other = albums.photograph(tf.io.encode_png(pixels), (*size[::-1], 3))
    assert (size[0] == size[1]) == np.array_equal(other, pixels)
