"""Steps of ascent."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.attacks import steps


def test_pixels_move_up_the_gradient_and_those_without_one_stay():
    gradient = tf.constant([[3.0, -1e-30, 0.0], [-7.0, 1e-30, -0.0]])
    expected = [[1.5, -1.5, 0.0], [-1.5, 1.5, 0.0]]
    np.testing.assert_array_equal(steps.sign(gradient, 1.5), expected)


def test_one_length_per_image():
    gradient = tf.constant([1.0, -2.0, 0.0, 4.0], shape=(2, 1, 1, 2))
    lengths = tf.constant([2.0, 8.0], shape=(2, 1, 1, 1))
    found = steps.sign(gradient, lengths).numpy().reshape(2, 2)
    np.testing.assert_array_equal(found, [[2.0, -2.0], [0.0, 8.0]])


@given(
    gradient=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=8),
    scale=st.floats(2**-10, 2**10),
)
def test_the_scale_of_the_loss_does_not_matter(gradient, scale):
    gradient = tf.constant(gradient, tf.float64)
    np.testing.assert_array_equal(
        steps.sign(gradient, 2.0), steps.sign(gradient * scale, 2.0)
    )


ALONG = {steps.along_l2: 2, steps.along_linf: np.inf}
EXAMPLES = np.array(
    [[3.0, -4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-1e-30, 0.0, 0.0, 1e-30]]
)


@pytest.mark.parametrize("along", ALONG)
@pytest.mark.parametrize("length", [2.0, (2.0, 5.0, 8.0)])
def test_each_example_steps_along_its_gradient_by_the_length(along, length):
    gradient = tf.constant(EXAMPLES, tf.float32, shape=(3, 2, 2, 1))
    lengths = tf.reshape(tf.constant(length), (-1, 1, 1, 1))
    norm = np.linalg.norm(EXAMPLES, ALONG[along], axis=1)
    unit = EXAMPLES / np.where(norm == 0, 1, norm)[:, None]
    found = along(gradient, lengths).numpy().reshape(3, 4)
    np.testing.assert_allclose(found, np.reshape(length, (-1, 1)) * unit, rtol=1e-6)


@pytest.mark.parametrize("along", ALONG)
@given(
    gradient=st.lists(
        st.floats(-1, 1, width=32, allow_subnormal=False), min_size=8, max_size=8
    ),
    exponent=st.integers(-20, 30),
)
def test_the_length_is_met_whatever_the_scale_of_the_gradient(
    along, gradient, exponent
):
    gradient = np.float32(gradient) * np.float32(10.0**exponent)
    gradient[np.abs(gradient) < 1e-37] = 0.0  # TensorFlow rounds them to 0
    found = along(tf.constant(gradient, shape=(1, 2, 2, 2)), 3.0).numpy().ravel()
    expected = 3.0 if gradient.any() else 0.0
    assert np.linalg.norm(found, ALONG[along]) == pytest.approx(expected, rel=1e-5)
    assert (found * np.sign(gradient) >= 0).all()
