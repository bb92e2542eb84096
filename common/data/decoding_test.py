"""Tests of decoding against Pillow."""

import io
import os

import numpy as np
import pytest
import sklearn
import tensorflow as tf
from PIL import Image

from common.data import decoding

_CHINA = os.path.join(os.path.dirname(sklearn.__file__), "datasets/images/china.jpg")


@pytest.fixture(params=["JPEG", "PNG"])
def photograph(request):
    """The bytes of a photograph of 427x640 and its pixels."""
    with open(_CHINA, "rb") as file:
        encoded = file.read()
    pixels = np.asarray(Image.open(io.BytesIO(encoded)))
    if request.param == "PNG":
        encoded = tf.io.encode_png(pixels).numpy()
    return encoded, pixels


def test_the_whole_photograph_is_decoded(photograph):
    encoded, pixels = photograph
    np.testing.assert_array_equal(decoding.image(encoded), pixels)
    assert decoding.shape(encoded).numpy().tolist() == [427, 640]


def test_a_part_is_cut_out_of_it(photograph):
    encoded, pixels = photograph
    found = decoding.crop(encoded, tf.constant([40, 300, 51, 72])).numpy()
    assert found.shape == (51, 72, 3) and found.dtype == np.uint8
    # Upsampled chroma differs at the border, where the neighbours are not decoded.
    inner = pixels[40:91, 300:372].astype(int)[1:-1, 1:-1]
    assert np.abs(found[1:-1, 1:-1] - inner).max() <= 2


def test_a_grey_photograph_gets_three_channels():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    for encode in (tf.io.encode_png, tf.io.encode_jpeg):
        found = decoding.image(encode(grey)).numpy()
        assert found.shape == (8, 8, 3)
        assert (found == found[..., :1]).all()


@pytest.mark.parametrize(
    ("mode", "form", "settings"),
    [
        ("RGB", "JPEG", {"progressive": True}),
        ("CMYK", "JPEG", {}),
        ("L", "JPEG", {}),
        ("P", "PNG", {}),
        ("1", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGBA", "PNG", {}),
    ],
)
def test_a_photograph_of_another_kind_is_read_as_pillow_reads_it(mode, form, settings):
    stream = io.BytesIO()
    Image.open(_CHINA).resize((64, 48)).convert(mode).save(stream, form, **settings)
    expected = np.asarray(Image.open(stream).convert("RGB"))
    np.testing.assert_array_equal(decoding.image(stream.getvalue()), expected)


def test_of_16_bits_the_upper_8_are_read():
    pixels = np.arange(0, 65_536, 37, dtype=np.uint16)[: 40 * 40].reshape(40, 40, 1)
    found = decoding.image(tf.io.encode_png(pixels)).numpy()
    np.testing.assert_array_equal(found, np.repeat(pixels // 256, 3, axis=2))


def test_what_stands_behind_a_photograph_is_passed_over():
    with open(_CHINA, "rb") as file:
        encoded = file.read()
    window = tf.constant([40, 300, 51, 72])
    one, other = (decoding.crop(encoded + more, window) for more in (b"", b"more"))
    np.testing.assert_array_equal(one, other)
