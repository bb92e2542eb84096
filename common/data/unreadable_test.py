"""Files that are no photographs: found, named and described."""

import contextlib
import io
import os

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from common.data import decoding, pipeline, unreadable

PIXELS = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)


def encoded(form, pixels=PIXELS):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


CONTENTS = {
    "empty": (b"", "empty"),
    "half": (encoded("JPEG")[:-900], "a JPEG that is damaged or cut short"),
    "header": (encoded("JPEG")[:100], "a JPEG that is damaged or cut short"),
    "half PNG": (encoded("PNG")[:-900], "a PNG that is damaged or cut short"),
    "HTML": (b"<!DOCTYPE html><html>404</html>", "HTML or XML"),
    "text": (b"version https://git-lfs", "text"),
    "bytes": (bytes(range(1, 256)), "neither"),
} | {form: (encoded(form), f"a {form}") for form in ("GIF", "BMP", "TIFF", "WebP")}


def read(files, crop):
    """Returns the sums of the pixels of files through a pipeline."""

    def total(file):
        image = decoding.image(tf.io.read_file(file))
        if crop:
            image = decoding.crop(tf.io.read_file(file), [0, 0, 4, 4])
        return tf.reduce_sum(tf.cast(image, tf.int32))

    rows = tf.data.Dataset.from_tensor_slices([os.fsencode(file) for file in files])
    return unreadable.loaded(rows, total, lambda file: file)


@pytest.fixture
def files(tmp_path):
    """Six good files: JPEG and PNG under either name."""
    paths = [tmp_path / f"é {number}.jpg" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(
            encoded(("JPEG", "PNG")[number % 2], PIXELS + np.uint8(number))
        )
    return paths


@pytest.mark.parametrize(
    ("name", "place"),
    [*((name, 3) for name in CONTENTS), ("half", 0), ("half", 5)],
)
def test_a_file_that_is_no_photograph_is_named_and_described(files, name, place):
    content, what = CONTENTS[name]
    files[place].write_bytes(content)
    seen = []
    with pytest.raises(OSError, match="whole JPEG or PNG") as caught:
        seen.extend(unreadable.batches(read(files, crop=False)))
    assert len(seen) == place
    message = str(caught.value)
    assert f"file={files[place]}, which is {what}" in message
    assert "\n" not in message and not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("act", [os.mkdir, lambda path: os.symlink("nothing", path)])
def test_what_is_no_file_is_named(files, act):
    files[2].unlink()
    act(files[2])
    with pytest.raises(OSError, match=r"é 2\.jpg, which is a (folder|link to)"):
        list(unreadable.batches(read(files, crop=False)))


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_photograph_that_is_cut_short_is_found_by_a_crop_of_its_first_lines(
    files, form
):
    files[4].write_bytes(encoded(form)[:-700])
    with pytest.raises(OSError, match=r"é 4\.jpg"):
        list(unreadable.batches(read(files, crop=True)))


def test_a_file_that_can_be_read_after_all_is_not_called_damaged(files):
    whole = files[2].read_bytes()
    files[2].write_bytes(whole[:100])
    now_whole = pytest.raises(OSError, match=r"same command again.*file=.*é 2\.jpg")
    with now_whole, unreadable.named(), contextlib.ExitStack() as mended:
        mended.callback(files[2].write_bytes, whole)
        list(read(files, crop=False))


def test_good_files_are_read_as_without_it(files):
    found = list(unreadable.batches(read(files, crop=False)))
    expected = [int(decoding.image(path.read_bytes()).numpy().sum()) for path in files]
    assert found == expected


def test_an_endless_stream_and_an_empty_one_are_as_long_as_they_were():
    endless = tf.data.Dataset.counter()
    same = unreadable.loaded(endless, lambda n: n, tf.strings.as_string)
    assert list(same.take(5).as_numpy_iterator()) == [0, 1, 2, 3, 4]
    empty = unreadable.loaded(endless.take(0), lambda n: n, tf.strings.as_string)
    assert not list(empty)


def test_records_are_to_be_prepared_again(tmp_path):
    path = tmp_path / "x-train.tfrecord-00000-of-00001"
    assert "prepare the dataset again" in str(unreadable.described(str(path)))
    assert "not there" in str(unreadable.described(str(path)))
    path.write_bytes(b"")
    assert f"file={path}, which is damaged" in str(unreadable.described(str(path)))


def test_another_failure_keeps_its_own_error():
    broken = pipeline.parallel(tf.data.Dataset.range(2), lambda n: n // 0)
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(unreadable.batches(broken))
