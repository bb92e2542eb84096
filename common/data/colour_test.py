"""Tests of the colour distortions against NumPy and colorsys."""

import colorsys
import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

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
def test_each_operation_equals_its_closed_form(which, twin):
    image = _image()
    for draw in DRAWS:
        expected = np.clip(twin(image, draw), 0, 255)
        found = _distorted(image, np.where(which, draw, UNCHANGED))
        np.testing.assert_allclose(found, expected, atol=1e-3)


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
def test_the_result_is_in_the_range_of_pixels(image):
    for draw, contrast_first in itertools.product((0.0, 1.0), (False, True)):
        found = _distorted(image, np.full(4, draw), contrast_first)
        assert found.dtype == np.float32 and found.shape == image.shape
        assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 255


def test_values_are_clipped_at_the_end_alone():
    greys = np.repeat([[[250.0], [100.0]]], 3, axis=2)
    draws = [1.0, 0.5, 0.5, 0.0]  # brighter by 32, then half the contrast
    expected = [[[244.5] * 3, [169.5] * 3]]  # 282 and 132 about their mean of 207
    for contrast_first in (False, True):
        found = _distorted(greys, draws, contrast_first)
        np.testing.assert_allclose(found, expected, atol=1e-3)


def _jittered(image, *, order=(0, 1, 2, 3), factors=0.5, lights=0.5):
    """Jitters in this order of brightness, contrast, saturation and lighting."""
    draws = np.full(10, 0.5)
    draws[list(order)] = np.linspace(0.1, 0.9, 4)
    draws[4:7], draws[7:] = factors, lights
    return colour.jittered(
        tf.constant(image, tf.float32), tf.constant(draws, tf.float32)
    ).numpy()


def _scaled(image, draw):
    return image * (0.6 + 0.8 * draw)


def _spread(image, draw):
    mean = np.mean(image, axis=(0, 1))
    return mean + (image - mean) * (0.6 + 0.8 * draw)


def _vivid(image, draw):
    share = 0.6 + 0.8 * draw
    grey = 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]
    return image * share + grey[..., None] * (1 - share)


def _lit(image, draws):
    """Red, green and blue of the three components, from the largest."""
    first, second, third = 25.5 * stats.norm.ppf(draws) * [0.2175, 0.0188, 0.0045]
    red = -0.5675 * first + 0.7192 * second + 0.4009 * third
    green = -0.5808 * first - 0.0045 * second - 0.8140 * third
    blue = -0.5836 * first - 0.6948 * second + 0.4203 * third
    return image + np.array([red, green, blue])


@pytest.mark.parametrize(
    ("which", "twin"),
    [(0, _scaled), (1, _spread), (2, _vivid)],
    ids=["brightness", "contrast", "saturation"],
)
def test_each_jitter_equals_its_closed_form(which, twin):
    image = _image()
    factors = np.full(3, 0.5)
    for draw in DRAWS:
        factors[which] = draw
        expected = np.clip(twin(image, draw), 0, 255)
        found = _jittered(image, factors=factors)
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("component", range(3))
def test_lighting_adds_a_principal_component_in_red_green_blue(component):
    image = _image()
    for draw in (2**-23, 0.16, 0.84, 1 - 2**-23):
        lights = np.full(3, 0.5)
        lights[component] = draw
        found = _jittered(image, lights=lights)
        lights[component] += 2**-24  # the middle of what a draw stands for
        np.testing.assert_allclose(found, _lit(image, lights), atol=2e-3)


def test_amounts_of_lighting_are_normal_and_finite():
    draws = np.linspace(0, 1, 400, endpoint=False) + 1 / 800
    grey = np.full((1, 1, 3), 128.0)
    red = [_jittered(grey, lights=[draw, 0.5, 0.5])[0, 0, 0] - 128 for draw in draws]
    assert stats.kstest(red, stats.norm(scale=0.1 * 255 * 0.2175 * 0.5675).cdf)[1] > 0.9
    lowest = _jittered(grey, lights=[0.0, 0.0, 0.0])
    assert np.isfinite(lowest).all() and np.abs(lowest - 128).max() < 40


def test_every_order_of_the_jitter_equals_its_twin_and_none_equals_another():
    image = _image(0, 255)
    draws = np.array([0.95, 0.9, 0.9]), np.array([0.001, 0.9, 0.2])
    found = []
    for order in itertools.permutations(range(4)):
        expected = image
        for operation in order:
            if operation == 3:
                changed = _lit(expected, draws[1])
            else:
                twin = (_scaled, _spread, _vivid)[operation]
                changed = twin(expected, draws[0][operation])
            expected = np.clip(changed, 0, 255)
        found.append(_jittered(image, order=order, factors=draws[0], lights=draws[1]))
        np.testing.assert_allclose(found[-1], expected, atol=5e-3)
    for one, other in itertools.combinations(found, 2):
        assert np.abs(one - other).max() > 0.5
