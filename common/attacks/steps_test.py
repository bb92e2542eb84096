"""The step of ascent."""

import numpy as np
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
