"""Tests of the colour distortion against NumPy and colorsys."""

import colorsys

import numpy as np
import pytest
import tensorflow as tf

from common.data import colour

BRIGHTNESS, SATURATION, HUE, CONTRAST = np.eye(4)
UNCHANGED = np.full(4, 0.5)
DRAWS = [0.0, 0.2, 0.5, 0.9, 1.0]  # 1 is never drawn, but closes the range


def _distorted(image, draws, contrast_first=False):
    draws = tf.constant(draws, tf.float32)
    image = tf.constant(image, tf.float32)
    return colour.distorted(image, draws, contrast_first=contrast_first).numpy()


def _image(low=60, high=190):
    """Random colours; with the default range no operation alone clips a pixel."""
    return np.random.default_rng(0).uniform(low, high, (7, 5, 3))


def _in_hsv(image, change):
    pixels = [colorsys.rgb_to_hsv(*pixel) for pixel in image.reshape(-1, 3) / 255]
    changed = [colorsys.hsv_to_rgb(*change(*pixel)) for pixel in pixels]
    return np.reshape(changed, image.shape) * 255


def _saturated(image, draw):
    return _in_hsv(image, lambda h, s, v: (h, min(1.0, s * (0.5 + draw)), v))


def _turned(image, draw):
    return _in_hsv(image, lambda h, s, v: ((h - 0.2 + 0.4 * draw) % 1.0, s, v))


def _contrasted(image, draw):
    mean = image.mean((0, 1))
    return mean + (image - mean) * (0.5 + draw)


def test_draws_of_one_half_change_nothing():
    image = _image(0, 255)
    for contrast_first in (False, True):
        found = _distorted(image, UNCHANGED, contrast_first)
        np.testing.assert_allclose(found, image, atol=1e-3)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(
    ("which", "twin"),
    [
        (BRIGHTNESS, lambda image, draw: image - 32 + 64 * draw),
        (SATURATION, _saturated),
        (HUE, _turned),
        (CONTRAST, _contrasted),
    ],
    ids=["brightness", "saturation", "hue", "contrast"],
)
def test_each_operation_equals_its_closed_form(which, twin, draw):
    image = _image()
    expected = np.clip(twin(image, draw), 0, 255)
    found = _distorted(image, np.where(which, draw, UNCHANGED))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_largest_turn_of_the_hue_is_a_fifth_of_the_circle():
    red = np.array([[[255.0, 0.0, 0.0]]])
    # 72 degrees from red: 12 past yellow, and 12 past magenta the other way.
    for draw, expected in ((1.0, [204, 255, 0]), (0.0, [204, 0, 255])):
        found = _distorted(red, np.where(HUE, draw, UNCHANGED))
        np.testing.assert_allclose(found[0, 0], expected, atol=1e-3)


def test_contrast_moves_each_channel_about_its_own_mean():
    image = np.array([[[100.0, 10.0, 50.0], [140.0, 30.0, 50.0]]])
    found = _distorted(image, np.where(CONTRAST, 0.0, UNCHANGED))
    np.testing.assert_allclose(found, [[[110, 15, 50], [130, 25, 50]]], atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_each_order_equals_its_twin_and_they_differ(seed):
    image = _image(70, 180)
    draws = np.random.default_rng(seed).uniform(0.05, 0.95, 4).astype(np.float32)
    brighter = image - 32 + 64 * draws[0]
    last = _contrasted(_turned(_saturated(brighter, draws[1]), draws[2]), draws[3])
    first = _turned(_saturated(_contrasted(brighter, draws[3]), draws[1]), draws[2])
    for contrast_first, expected in ((False, last), (True, first)):
        found = _distorted(image, draws, contrast_first)
        np.testing.assert_allclose(found, np.clip(expected, 0, 255), atol=1e-2)
    assert np.abs(first - last).max() > 1


@pytest.mark.parametrize("contrast_first", [False, True])
@pytest.mark.parametrize("draw", [0.0, 1.0])
@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 2, 3)),
        np.full((2, 2, 3), 255.0),
        _image(0, 255),
        _image(-40, 290),  # bicubic resizing overshoots
    ],
    ids=["black", "white", "full", "overshoot"],
)
def test_the_result_is_in_the_range_of_pixels(image, draw, contrast_first):
    found = _distorted(image, np.full(4, draw), contrast_first)
    assert found.dtype == np.float32 and found.shape == image.shape
    assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 255


@pytest.mark.parametrize("contrast_first", [False, True])
def test_values_are_clipped_at_the_end_alone(contrast_first):
    greys = np.repeat([[[250.0], [100.0]]], 3, axis=2)
    draws = [1.0, 0.5, 0.5, 0.0]  # brighter by 32, then half the contrast
    found = _distorted(greys, draws, contrast_first)
    expected = [[[244.5] * 3, [169.5] * 3]]  # 282 and 132 about their mean of 207
    np.testing.assert_allclose(found, expected, atol=1e-3)
