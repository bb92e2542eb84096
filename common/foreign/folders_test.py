"""Photographs in folders: labels, order, crops and fingerprints."""

import os

import numpy as np
import pytest
import tensorflow as tf

from common.data import crops
from common.foreign import folders


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
    images = folders.photographs(table, 16, split="a")
    pixels, labels = collected(images)
    assert labels.tolist() == [900, 0]
    expected = crops.central_crop((table / "a/y.jpg").read_bytes(), 18, 16)
    np.testing.assert_array_equal(pixels[0], expected)
    record = dict(images.record)
    assert len(record.pop("fingerprint")) == 64
    assert record == {
        "folder": table.name,
        "split": "a",
        "count": 2,
        "image_size": 16,
        "resize": 18,
    }


@pytest.fixture
def class_folders(tmp_path):
    """Returns a maker of class folders in a split; class n02 has two photographs."""

    def made(split=""):
        root = tmp_path / split
        names = ("n02/b.JPEG", "n02/a.jpg", "n01/c.jpg", "n10/d.jpeg")
        for seed, name in enumerate(names):
            write(root / name, seed)
        (root / "n00").mkdir()  # a class without photographs keeps its number
        (root / ".hidden").mkdir()
        return tmp_path

    return made


@pytest.mark.parametrize("split", ["", "val"])
def test_class_folders_are_numbered_in_the_order_of_their_names(class_folders, split):
    images = folders.photographs(class_folders(split), 16, split=split)
    names = [file.rpartition("/")[2] for file in images.files]
    assert names == ["c.jpg", "a.jpg", "b.JPEG", "d.jpeg"]
    assert images.labels.tolist() == [1, 2, 2, 3] and images.num_classes == 4
    pixels, labels = collected(images)
    assert pixels.shape == (4, 16, 16, 3) and labels.tolist() == [1, 2, 2, 3]
    assert images.record["first_classes"] == {"0": "n00", "1": "n01", "2": "n02"}
    assert "classes" not in images.record and "left_out" not in images.record


def test_the_order_of_the_classes_can_be_said(class_folders):
    folder = class_folders()
    (folder / "n2").mkdir()
    with pytest.raises(ValueError, match="classes=sorted, numeric"):
        folders.photographs(folder, 16)
    images = folders.photographs(folder, 16, classes="numeric")
    assert images.labels.tolist() == [1, 2, 2, 4]
    assert images.record["classes"] == "numeric"
    (folder / "order.txt").write_text("n10\nn02\nn2\nn01\nn00\nfish\n")
    images = folders.photographs(folder, 16, classes=str(folder / "order.txt"))
    assert images.labels.tolist() == [0, 1, 1, 3] and images.num_classes == 6
    assert images.record["classes"] == "order.txt"
    assert images.record["first_classes"] == {"0": "n10", "1": "n02", "2": "n2"}


def test_what_is_not_read_is_said_and_in_the_record(class_folders, capsys):
    folder = class_folders("val")
    for name in ("n01/x.webp", "n01/y.BMP", "n01/in/z.jpg", "notes.txt"):
        (folder / "val" / name).parent.mkdir(exist_ok=True)
        (folder / "val" / name).write_bytes(b"")
    record = folders.photographs(folder, 16, split="val").record
    assert record["left_out"] == {
        ".bmp": 1,
        ".txt outside": 1,
        ".webp": 1,
        "folders": 1,
    }
    assert record["empty_classes"] == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/val: not read: 1 .bmp, 1 .txt outside, 1 .webp, 1 folders",
        f"{folder}/val: 1 classes have no photograph: n00",
    ]


def test_what_a_table_does_not_name_is_said_and_in_the_record(table, capsys):
    folders.photographs(table, 16)
    assert not capsys.readouterr().out
    write(table / "a/more.jpg", 5)
    (table / "classes.csv").write_text("")
    record = folders.photographs(table, 16, split="a").record
    assert record["left_out"] == {".jpg": 1}
    assert f"{table}/a: not read: 1 .jpg\n" == capsys.readouterr().out


def test_a_link_to_nothing_is_named(class_folders):
    folder = class_folders()
    os.symlink("nothing", folder / "n01" / "x.jpg")
    with pytest.raises(OSError, match=r"n01/x\.jpg, which is a link") as caught:
        folders.photographs(folder, 16)
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("photos", ("photos", {})),
        ("photos?split=val/a", ("photos", {"split": "val/a"})),
        (
            "a/b?classes=x=y.txt&split=val",
            ("a/b", {"classes": "x=y.txt", "split": "val"}),
        ),
    ],
)
def test_options_stand_behind_a_question_mark(spec, expected):
    assert folders.options(spec) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("photos?class=sorted", "Received: class. Nearest: classes"),
        ("photos?split=a&&classes=b", "Unknown option"),
        ("photos?split=", "split=VALUE once. Received: photos"),
        ("photos?split=a&split=b", "split=VALUE once"),
    ],
)
def test_options_that_are_unclear_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        folders.options(spec)


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


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"split": "c"}, FileNotFoundError, "split='c'"),
        ({"split": "../a"}, ValueError, "split=../a"),
        ({"classes": "sorted"}, ValueError, "labels.csv.*classes=sorted"),
    ],
)
def test_what_cannot_be_read_is_refused(table, settings, error, message):
    with pytest.raises(error, match=message):
        folders.photographs(table, 16, **settings)


def test_a_folder_without_photographs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"folder={tmp_path}, split=''"):
        folders.photographs(tmp_path, 16)
