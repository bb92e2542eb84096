"""Crops and flips against NumPy, on images that are not square."""

import numpy as np
import pytest

from common.data import shifts

IMAGES = np.arange(4 * 5 * 7 * 2, dtype=np.uint8).reshape(4, 5, 7, 2)
DRAWS = np.array([[0, 0, 0.4], [0.99, 0, 0.6], [0.5, 0.99, 0.1], [0.3, 0.7, 0.9]])


@pytest.mark.parametrize(("padding", "flips"), [(0, True), (2, True), (2, False)])
def test_every_image_is_cropped_and_flipped_by_its_own_draws(padding, flips):
    draws = DRAWS.astype(np.float32)
    found = np.asarray(shifts.shifted(IMAGES, draws, padding=padding, flips=flips))
    assert (found.shape, found.dtype) == (IMAGES.shape, IMAGES.dtype)
    for image, (row, column, flip), result in zip(IMAGES, DRAWS, found, strict=True):
        padded = np.pad(image, [(padding, padding), (padding, padding), (0, 0)])
        top, left = (int(draw * (2 * padding + 1)) for draw in (row, column))
        crop = padded[top : top + 5, left : left + 7]
        expected = crop[:, ::-1] if flips and flip < 0.5 else crop
        np.testing.assert_array_equal(result, expected)
