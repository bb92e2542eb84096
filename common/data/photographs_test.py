"""Sources of photographs: folders in order, records at their places in the file."""

import pytest
import tensorflow as tf

from common.data import photographs


def write_jpeg(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = tf.fill([8, 8, 3], tf.constant(level, tf.uint8))
    tf.io.write_file(str(path), tf.io.encode_jpeg(image))


@pytest.fixture
def folder(tmp_path):
    for split in ("train", "val"):
        for number, name in enumerate(("n02", "n01", "n03")):
            for index in range(2):
                write_jpeg(tmp_path / split / name / f"{index}.JPEG", 10 * number)
    return str(tmp_path)


def test_classes_are_numbered_by_the_order_of_their_names(folder):
    assert photographs.class_names(folder) == ("n01", "n02", "n03")
    source = photographs.folder(folder, "val")
    labels = [int(source.read(i)[1]) for i in range(source.count)]
    assert labels == [0, 0, 1, 1, 2, 2]
    level = tf.io.decode_jpeg(source.read(0)[0])[0, 0, 0]
    assert abs(int(level) - 10) <= 1  # n01 was written second


def test_records_are_read_at_any_position(tmp_path):
    path = str(tmp_path / "file.tfrecord")
    written = [bytes([number]) * (number * 7 + 1) for number in range(5)]
    with tf.io.TFRecordWriter(path) as writer:
        for record in written:
            writer.write(record)
    source = photographs.Records([path, path], features=None)
    assert source.count == 10
    found = [source._record(index).numpy() for index in (9, 0, 3, 5)]
    assert found == [written[i] for i in (4, 0, 3, 0)]


def damage(content, position, byte):
    changed = bytearray(content)
    changed[position] ^= byte
    return bytes(changed)


@pytest.mark.parametrize(
    "damaged",
    [
        lambda whole: b"",
        lambda whole: whole[:-1],
        lambda whole: whole + b"more",
        lambda whole: damage(whole, 0, 1),  # the length of the first record
    ],
)
def test_a_damaged_record_file_is_named_when_it_is_opened(tmp_path, damaged):
    good, bad = (str(tmp_path / f"{name}.tfrecord-0") for name in ("good", "bad"))
    with tf.io.TFRecordWriter(good) as writer:
        for number in range(5):
            writer.write(bytes([number]) * 70)
    with open(good, "rb") as file, open(bad, "wb") as copy:
        copy.write(damaged(file.read()))
    with pytest.raises(OSError, match=f"prepare .*again.*file={bad}, which is dam"):
        photographs.Records([good, bad], features=None)


def test_a_missing_record_file_is_named(tmp_path):
    with pytest.raises(OSError, match=r"x\.tfrecord-1, which is not there") as caught:
        photographs.Records([str(tmp_path / "x.tfrecord-1")], features=None)
    assert not isinstance(caught.value, FileNotFoundError)
