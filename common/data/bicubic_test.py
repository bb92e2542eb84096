"""Tests of the bicubic resizing against numbers of OpenCV."""

import numpy as np
import pytest
import tensorflow as tf

from common.data import bicubic

# cv2.resize(np.float32(IMAGE), (4, 3) or (9, 8), interpolation=cv2.INTER_CUBIC) in
# OpenCV 5.0.0, rounded to 2 digits.
IMAGE = [
    [217, 163, 130, 69, 78, 10, 19],
    [4, 44, 208, 166, 233, 128, 155],
    [248, 186, 161, 139, 143, 239, 71],
    [208, 171, 0, 100, 219, 141, 8],
    [195, 186, 216, 44, 22, 220, 5],
]
SMALLER = [
    [127.03, 153.82, 134.53, 51.31],
    [227.31, 156.87, 135.47, 137.87],
    [193.68, 127.47, 77.14, 76.60],
]
LARGER = [
    [240.90, 199.49, 150.32, 105.04, 59.99, 67.60, 26.84, -5.82, 6.86],
    [106.10, 94.64, 133.60, 162.15, 112.87, 152.68, 95.44, 50.85, 86.38],
    [4.91, 15.87, 124.90, 215.83, 168.76, 230.15, 184.26, 133.63, 157.79],
    [172.36, 143.41, 165.03, 193.81, 156.10, 159.53, 212.19, 193.54, 101.88],
    [268.43, 228.78, 144.01, 92.67, 127.43, 153.15, 216.39, 169.44, 31.89],
    [213.80, 203.18, 83.27, -1.00, 104.17, 210.63, 201.36, 92.49, 2.34],
    [198.61, 191.90, 150.27, 92.94, 64.92, 95.43, 171.69, 129.69, -10.45],
    [194.21, 184.00, 224.26, 202.87, 38.80, -17.56, 149.49, 182.10, -9.94],
]


def _resized(image, shape):
    return bicubic.resized(tf.constant(image), shape).numpy()


@pytest.mark.parametrize("expected", [SMALLER, LARGER], ids=["smaller", "larger"])
def test_pixels_are_those_of_opencv_clipped(expected):
    expected = np.clip(expected, 0, 255)
    image = np.array(IMAGE, np.uint8)[..., None]
    found = _resized(image, expected.shape)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[..., 0], expected, atol=0.01)


def test_channels_do_not_mix_and_axes_are_alike():
    image = np.random.default_rng(0).uniform(0, 255, (9, 6, 3)).astype(np.float32)
    found = _resized(image, [4, 11])
    for channel in range(3):
        alone = _resized(image[..., channel : channel + 1], [4, 11])
        np.testing.assert_allclose(found[..., channel], alone[..., 0], atol=1e-4)
    turned = _resized(image.transpose(1, 0, 2), [11, 4]).transpose(1, 0, 2)
    np.testing.assert_allclose(found, turned, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (40, 5)])
def test_a_plain_image_stays_plain(shape):
    found = _resized(np.full((5, 7, 3), 200, np.uint8), shape)
    np.testing.assert_allclose(found, np.full((*shape, 3), 200), atol=1e-3)


def test_an_image_of_the_same_size_is_left_alone():
    image = np.random.default_rng(1).uniform(0, 255, (6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(_resized(image, [6, 5]), image, atol=1e-4)
