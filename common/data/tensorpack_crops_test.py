"""Tests of tensorpack's crops against NumPy."""

import io
import math
import os

import numpy as np
import pytest
import sklearn
import tensorflow as tf
from PIL import Image

from common.data import bicubic, colour, tensorpack_crops

_CHINA = os.path.join(os.path.dirname(sklearn.__file__), "datasets/images/china.jpg")

_search = tf.function(tensorpack_crops.googlenet_window)


def _window(height, width, draws):
    """The documented search for a window, one attempt after the other; or None."""
    areas, aspects, turns = np.reshape(draws[:30], (3, 10)).astype(float)
    top, left = draws[30:].astype(float)
    for area, aspect, turn in zip(areas, aspects, turns, strict=True):
        pixels = (0.08 + 0.92 * area) * height * width
        ratio = 0.75 + (1.333 - 0.75) * aspect
        w = int(math.sqrt(pixels * ratio) + 0.5)
        h = int(math.sqrt(pixels / ratio) + 0.5)
        if turn < 0.5:
            w, h = h, w
        if 1 <= h <= height and 1 <= w <= width:
            return int(top * (height - h + 1)), int(left * (width - w + 1)), h, w
    return None


def _random(count, size, seed=0):
    return np.random.default_rng(seed).uniform(size=(count, size)).astype(np.float32)


@pytest.mark.parametrize(
    ("height", "width"), [(375, 500), (100, 400), (333, 20), (1, 9)]
)
def test_windows_equal_those_of_the_search(height, width):
    fitting = []
    for draws in _random(60, tensorpack_crops.NUM_WINDOW_DRAWS):
        found, fits = _search(tf.constant([height, width]), tf.constant(draws))
        expected = _window(height, width, draws)
        fitting.append(bool(fits))
        assert fitting[-1] == (expected is not None)
        assert not fits or tuple(found.numpy()) == expected
    assert {375: all(fitting), 100: {*fitting} == {True, False}}.get(height, True)


def _noise(height, width):
    rng = np.random.default_rng(6)
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def _draws(window, *, flip, colours=0.5):
    jitter = np.full(colour.NUM_JITTER_DRAWS, colours)
    return tf.constant([flip, *window, *jitter], tf.float32)


@pytest.mark.parametrize("flip", [False, True])
def test_a_training_crop_is_its_window_resized_then_jittered_then_flipped(flip):
    image = _noise(90, 120)
    (window,) = _random(1, tensorpack_crops.NUM_WINDOW_DRAWS, seed=3)
    draws = _draws(window, flip=0.25 if flip else 0.75, colours=0.8)
    found = tensorpack_crops.jittered_crop(tf.io.encode_png(image), draws, 40).numpy()
    top, left, height, width = _window(90, 120, window)
    resized = bicubic.resized(image[top : top + height, left : left + width], [40, 40])
    expected = colour.jittered(resized, draws[-colour.NUM_JITTER_DRAWS :])
    assert found.shape == (40, 40, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected[:, :: -1 if flip else 1], atol=1e-3)
    assert np.abs(expected - resized).mean() > 5


@pytest.mark.parametrize("flip", [False, True])
def test_without_a_window_the_training_crop_is_the_central_one(flip):
    encoded = tf.io.encode_png(_noise(30, 300))
    window = np.full(tensorpack_crops.NUM_WINDOW_DRAWS, 0.9)
    assert _window(30, 300, window) is None
    draws = _draws(window, flip=0.25 if flip else 0.75)
    found = tensorpack_crops.jittered_crop(encoded, draws, 24).numpy()
    expected = tensorpack_crops.central_crop(encoded, 24, 24)
    np.testing.assert_allclose(found, expected[:, :: -1 if flip else 1], atol=1e-3)


def _ramp(height, width):
    """A PNG whose red is its row and whose green its column."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(height)[:, None]
    image[..., 1] = np.arange(width)[None]
    return tf.io.encode_png(image).numpy()


@pytest.mark.parametrize(
    ("height", "width"), [(200, 240), (240, 200), (64, 64), (40, 250), (30, 41)]
)
def test_a_test_crop_is_the_centre_after_resizing_the_shorter_side(height, width):
    crop = tensorpack_crops.central_crop(_ramp(height, width), 32, 23).numpy()
    assert crop.shape == (23, 23, 3) and crop.dtype == np.float32
    for axis, length in enumerate((height, width)):
        resized = int(length * 32 / min(height, width) + 0.5)
        pixels = int((resized - 23) * 0.5) + np.arange(23)
        expected = (pixels + 0.5) * length / resized - 0.5  # the ramp at pixel centres
        # Keys's cubic keeps ramps at a slope of -0.5 alone: here they ripple a little.
        np.testing.assert_allclose(
            crop.mean(axis=1 - axis)[:, axis], expected, atol=0.1
        )


@pytest.mark.parametrize(("image_size", "resize"), [(224, 256), (299, 331), (380, 412)])
def test_the_sizes_of_the_papers_are_served(image_size, resize):
    with open(_CHINA, "rb") as file:
        encoded = file.read()
    found = tensorpack_crops.central_crop(encoded, resize, image_size).numpy()
    image = np.asarray(Image.open(io.BytesIO(encoded)))
    width = int(640 * resize / 427 + 0.5)
    resized = bicubic.resized(image, [resize, width]).numpy()
    left = (width - image_size) // 2
    expected = resized[16 : 16 + image_size, left : left + image_size]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    draws = _random(1, tensorpack_crops.NUM_DRAWS)[0]
    trained = tensorpack_crops.jittered_crop(encoded, tf.constant(draws), image_size)
    assert trained.shape == (image_size, image_size, 3)
    assert trained.numpy().min() >= 0 and trained.numpy().max() <= 255
