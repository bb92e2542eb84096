"""Photographs in folders: labels, order, crops and fingerprints."""

import numpy as np
import pytest
import tensorflow as tf

from common.data import crops
from common.evaluation import folders


def write(path, seed, size=(20, 28)):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    image = tf.constant(rng.integers(0, 256, (*size, 3)), tf.uint8)
    encode = tf.io.encode_png if path.suffix == ".png" else tf.io.encode_jpeg
    path.write_bytes(encode(image).numpy())


@pytest.fixture
def table(tmp_path):
    """A folder of four photographs in two folders, and their labels in a table."""
    rows = ["name,file,class_index"]
    names = ("b/x.jpg", "a/y.jpg", "a/z.png", "b/w.jpg")
    for seed, (name, label) in enumerate(zip(names, (3, 900, 0, 3), strict=True)):
        write(tmp_path / name, seed)
        rows.append(f"something,{name},{label}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def collected(images, batch_size=3):
    batches = list(images.test_batches(batch_size=batch_size).as_numpy_iterator())
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def test_a_table_gives_labels_and_order(table):
    images = folders.photographs(table, 16)
    pixels, labels = collected(images)
    assert labels.tolist() == images.labels.tolist() == [3, 900, 0, 3]
    assert labels.dtype == np.int32 and images.num_classes is None
    for image, name in zip(pixels, ("b/x", "a/y", "a/z", "b/w"), strict=True):
        (file,) = table.glob(f"{name}.*")
        expected = crops.central_crop(file.read_bytes(), 18, 16)  # 16 * 8 / 7
        np.testing.assert_array_equal(image, expected)


def test_a_split_of_a_table_is_one_of_its_folders(table):
    images = folders.photographs(table, 16, resize=20, split="a")
    pixels, labels = collected(images)
    assert labels.tolist() == [900, 0]
    expected = crops.central_crop((table / "a/y.jpg").read_bytes(), 20, 16)
    np.testing.assert_array_equal(pixels[0], expected)
    record = dict(images.record)
    assert len(record.pop("fingerprint")) == 64
    assert record == {
        "folder": table.name,
        "split": "a",
        "count": 2,
        "image_size": 16,
        "resize": 20,
    }


@pytest.mark.parametrize("split", ["", "val"])
def test_class_folders_are_numbered_in_the_order_of_their_names(tmp_path, split):
    root = tmp_path / split
    for seed, name in enumerate(("n2/b.JPEG", "n2/a.jpg", "n1/c.jpg", "n10/d.jpeg")):
        write(root / name, seed)
    (root / "n0").mkdir()  # a class without photographs keeps its number
    (root / "n1" / "notes.txt").write_text("no photograph")
    (root / ".hidden").mkdir()
    images = folders.photographs(tmp_path, 16, split=split)
    names = [file.rpartition("/")[2] for file in images.files]
    assert names == ["c.jpg", "d.jpeg", "a.jpg", "b.JPEG"]
    assert images.labels.tolist() == [1, 2, 3, 3] and images.num_classes == 4
    pixels, labels = collected(images)
    assert pixels.shape == (4, 16, 16, 3) and labels.tolist() == [1, 2, 3, 3]


def test_the_fingerprint_is_of_the_list(table):
    def fingerprint():
        return folders.photographs(table, 16).record["fingerprint"]

    first = fingerprint()
    assert fingerprint() == first
    lines = (table / "labels.csv").read_text()
    (table / "labels.csv").write_text(lines.replace("900", "901"))
    relabelled = fingerprint()
    write(table / "a/y.jpg", seed=9, size=(24, 28))
    assert len({first, relabelled, fingerprint()}) == 3


def test_a_missing_photograph_is_named(table):
    (table / "a/z.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"z\.png"):
        folders.photographs(table, 16)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"split": "c"}, FileNotFoundError, "split='c'"),
        ({"resize": 15}, ValueError, "image_size=16, resize=15"),
    ],
)
def test_what_cannot_be_read_is_refused(table, settings, error, message):
    with pytest.raises(error, match=message):
        folders.photographs(table, 16, **settings)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"folder={tmp_path}, split=''"):
        folders.photographs(tmp_path, 16)


def test_a_table_without_labels_is_refused(tmp_path):
    (tmp_path / "labels.csv").write_text("file,label\na.jpg,3\n")
    with pytest.raises(ValueError, match=r"class_index. Received: file, label"):
        folders.photographs(tmp_path, 16)
