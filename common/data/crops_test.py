"""Tests of the crops against NumPy and Pillow."""

import io
import os

import numpy as np
import pytest
import sklearn
import tensorflow as tf
from PIL import Image

from common.data import crops

_PHOTOGRAPHS = os.path.join(os.path.dirname(sklearn.__file__), "datasets", "images")


@pytest.fixture(params=["china.jpg", "flower.jpg"])
def photograph(request):
    """The bytes of a 640x427 photograph that ships inside scikit-learn."""
    with open(os.path.join(_PHOTOGRAPHS, request.param), "rb") as file:
        return file.read()


def _ramp(height, width):
    """A PNG whose red is its row and whose green its column."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(height)[:, None]
    image[..., 1] = np.arange(width)[None]
    return tf.io.encode_png(image).numpy()


def _torchvision_window(height, width, draws):
    """The window of torchvision's RandomResizedCrop, with these random numbers."""
    areas, aspects, tops, lefts = np.reshape(draws, (4, 10)).astype(float)
    for k in range(10):
        area = height * width * (0.08 + 0.92 * areas[k])
        low, high = np.log(3 / 4), np.log(4 / 3)
        aspect = np.exp(low + aspects[k] * (high - low))
        w, h = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            return (
                int(tops[k] * (height - h + 1)),
                int(lefts[k] * (width - w + 1)),
                h,
                w,
            )
    h, w = height, width
    if width / height < 3 / 4:
        h = round(width / (3 / 4))
    elif width / height > 4 / 3:
        w = round(height * (4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w


@pytest.mark.parametrize(
    ("height", "width"), [(375, 500), (80, 400), (333, 20), (1, 9)]
)
def test_training_windows_equal_those_of_torchvision(height, width):
    all_draws = np.random.default_rng(0).uniform(size=(50, 40)).astype(np.float32)
    shape = tf.constant([height, width])
    for draws in all_draws:
        found = crops.crop_window(shape, tf.constant(draws)).numpy()
        assert tuple(found) == _torchvision_window(height, width, draws)


def _pillow_crop(encoded, window, size, flip):
    top, left, height, width = window
    box = left, top, left + width, top + height
    image = Image.open(io.BytesIO(encoded)).convert("RGB").crop(box)
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
    return pixels[:, ::-1] if flip else pixels


@pytest.mark.parametrize("flip", [False, True])
def test_a_training_crop_equals_pillow(photograph, flip):
    draws = np.random.default_rng(2).uniform(size=crops.NUM_DRAWS).astype(np.float32)
    draws[0] = 0.25 if flip else 0.75
    found = crops.random_resized_crop(photograph, tf.constant(draws), 64).numpy()
    window = crops.crop_window(tf.constant([427, 640]), tf.constant(draws[1:])).numpy()
    expected = _pillow_crop(photograph, window, 64, flip)
    assert found.shape == (64, 64, 3) and found.dtype == np.float32
    # Pillow rounds after each axis; decoding a part differs at its border.
    np.testing.assert_allclose(found[1:-1, 1:-1], expected[1:-1, 1:-1], atol=2)


def test_a_test_crop_equals_pillow(photograph):
    found = crops.central_crop(photograph, 256, 224).numpy()
    image = Image.open(io.BytesIO(photograph)).convert("RGB")
    resized = image.resize((256 * 640 // 427, 256), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 224) / 2), round((resized.height - 224) / 2)
    expected = np.asarray(resized)[top : top + 224, left : left + 224]
    assert found.shape == (224, 224, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1.01)


@pytest.mark.parametrize(
    ("height", "width"), [(200, 240), (240, 200), (64, 64), (40, 250), (30, 41)]
)
def test_a_test_crop_is_the_centre_after_resizing_the_shorter_side(height, width):
    crop = crops.central_crop(_ramp(height, width), 32, 24).numpy()
    for axis, length in enumerate((height, width)):
        resized = 32 * length // min(height, width)
        pixels = round((resized - 24) / 2) + np.arange(24)
        expected = (pixels + 0.5) * length / resized - 0.5  # the ramp at pixel centres
        np.testing.assert_allclose(
            crop.mean(axis=1 - axis)[:, axis], expected, atol=0.1
        )


def test_a_png_is_cropped_like_a_jpeg():
    draws = np.random.default_rng(3).uniform(size=crops.NUM_DRAWS).astype(np.float32)
    draws[0] = 0.75
    crop = crops.random_resized_crop(_ramp(200, 250), tf.constant(draws), 16).numpy()
    top, left, height, width = _torchvision_window(200, 250, draws[1:])
    rows = top + (np.arange(16) + 0.5) * height / 16 - 0.5
    columns = left + (np.arange(16) + 0.5) * width / 16 - 0.5
    inner = slice(1, -1)  # antialiasing leans inwards at the border
    np.testing.assert_allclose(crop[inner, 8, 0], rows[inner], atol=0.02)
    np.testing.assert_allclose(crop[8, inner, 1], columns[inner], atol=0.02)
