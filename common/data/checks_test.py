"""Tests of the checks on images and labels."""

import numpy as np
import pytest

from common.data import checks


@pytest.mark.parametrize(
    "values", [[0, 255], [0, 2], [0, 0], [17.5, 254.99], [0.5, 1.6], []]
)
def test_pixels_pass(values):
    checks.check_images(np.reshape(np.array(values, np.float32), (-1, 1, 1, 1)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 0.5, 1], "look like .*min=0, max=1. Multiply them by 255"),
        ([0, 1], "look like .*min=0, max=1"),  # black and white
        ([0, 1.02], "look like .*max=1.02"),  # divided by 250
        ([-1, 1], "min=-1, max=1"),
        ([0, 255.1], "max=255.1"),
        ([0, np.nan], "finite.*nan"),
    ],
)
def test_other_images_are_refused_with_their_range(values, message):
    with pytest.raises(ValueError, match=message):
        checks.check_images(np.reshape(np.array(values, np.float32), (-1, 1, 1, 1)))


@pytest.mark.parametrize("shape", [(), (3,), (8, 8, 3), (1, 1, 8, 8, 3)])
def test_images_that_are_no_batch_are_refused(shape):
    with pytest.raises(ValueError, match=r"needs \.batch.*shape=\("):
        checks.check_images(np.zeros(shape))


def test_a_dark_photograph_alone_is_in_range():
    checks.check_range(np.array([0.25, 0.75]))


def test_classes_pass():
    checks.check_labels(np.array([0, 9]), 10)
    checks.check_labels(np.array([], np.int32), 10)


@pytest.mark.parametrize("label", [-1, 10, 255])
def test_other_labels_are_refused_with_the_value(label):
    with pytest.raises(ValueError, match=f"label={label}, num_classes=10"):
        checks.check_labels(np.array([3, label]), 10)
