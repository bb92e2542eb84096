"""What attacks refuse."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from common.attacks import checks


@pytest.mark.parametrize("epsilon", [0.051, 1, 8.0, 64, 64.0])
def test_epsilon_in_pixels_passes(epsilon):
    checks.check_epsilon(epsilon)


@pytest.mark.parametrize(
    "epsilon",
    [8 / 255, 0, 0.05, -1, 64.5, 255, float("nan"), float("inf"), np.float32(0.03)],
)
def test_epsilon_in_another_unit_is_refused_with_its_value(epsilon):
    with pytest.raises(ValueError, match=r"^epsilon must be in \(0.05, 64\]") as error:
        checks.check_epsilon(epsilon)
    assert str(error.value).endswith(f"Received: epsilon={epsilon}")


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_steps_must_be_positive(value):
    checks.check_steps(0.1, 1)
    with pytest.raises(ValueError, match=f"step_size={value}"):
        checks.check_steps(value, 1)
    with pytest.raises(ValueError, match=f"num_steps={value}"):
        checks.check_steps(1.0, value)


@pytest.mark.parametrize(
    "values", [[0.0, 0.03], [0.03, 0.05], [8.0, 64.5], [-1.0, 8.0], [8.0, float("nan")]]
)
def test_radii_that_are_none_of_pixels_are_refused(values):
    for epsilon in (np.array(values), tf.reshape(values, (2, 1, 1, 1))):
        with pytest.raises(ValueError, match="pixels of 255"):
            checks.check_epsilon(epsilon)


def test_single_images_may_have_small_radii_and_traced_ones_any():
    checks.check_epsilon(tf.constant([0.0, 8.0]))
    checks.check_epsilon(tf.zeros((0,)))

    @tf.function
    def traced(epsilon):
        checks.check_epsilon(epsilon)
        return epsilon

    assert traced(tf.constant([300.0])) == 300.0
    checks.check_steps(tf.constant(0.0), tf.constant(0))


@pytest.mark.parametrize(
    ("low", "high", "received"),
    [
        (-0.5, 255, "min=-0.5, max=255"),
        (0, 256, "min=0, max=256"),
        (0, float("nan"), "min="),
    ],
)
def test_images_out_of_range_are_refused_with_theirs(low, high, received):
    with pytest.raises(ValueError, match=received):
        checks.checked_images(tf.constant([[low, high]], tf.float32))


def test_images_in_range_pass_and_traced_ones_are_not_looked_at():
    checks.checked_images(tf.constant([0.0, 255.0]))

    @tf.function
    def traced(images):
        checks.checked_images(images)
        return images

    assert traced(tf.constant(-1.0)) == -1.0


@pytest.mark.parametrize(
    "epsilon", [np.array([1.0, 2.0]), tf.constant([1, 2]), np.ones((2, 1, 1, 1))]
)
def test_a_radius_per_image_broadcasts_over_its_pixels(epsilon):
    radii = checks.per_image(epsilon)
    assert radii.shape == (2, 1, 1, 1) and radii.dtype == tf.float32
    np.testing.assert_array_equal(np.ravel(radii), np.ravel(epsilon))


def test_one_radius_stays_a_number():
    assert checks.per_image(8) == 8


def test_images_of_bytes_become_float_pixels():
    images = np.array([[[[0], [255]]]], np.uint8)
    checked = checks.checked_images(images)
    assert checked.dtype == tf.float32 and float(ops.max(checked)) == 255.0
