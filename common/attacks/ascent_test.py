"""The loop: what it computes, and what it costs."""

import dataclasses

import numpy as np
import tensorflow as tf

from common.attacks import ascent

START = np.array([[[[100.0], [50.0]]]], np.float32)


def climb(loss_fn, num_steps, **pieces):
    pieces = {"step": lambda g: g, "project": lambda x: x, **pieces}
    return ascent.ascend(loss_fn, tf.constant(START), num_steps=num_steps, **pieces)


def test_it_is_gradient_ascent_in_closed_form():
    # d/dx of x^2 / 20 is x / 10: each step multiplies by 1.1.
    end = climb(lambda x: tf.reduce_sum(x**2) / 20, 3)
    np.testing.assert_allclose(end, START * 1.1**3, rtol=1e-6)


def test_what_was_reached_is_a_constant_of_the_weights():
    weight = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        end = climb(lambda x: weight * tf.reduce_sum(x**2), 1)
        total = tf.reduce_sum(end) * weight
    assert tape.gradient(total, weight) == tf.reduce_sum(end)


def test_every_step_is_followed_by_its_projection():
    # Doubled, then cut at 150, and again: projecting at the end alone gives 150, 150.
    def project(x):
        return tf.minimum(x, 150.0) - 1.0

    end = climb(lambda x: tf.reduce_sum(x**2) / 2, 2, project=project)
    np.testing.assert_allclose(end.numpy().ravel(), [149.0, 149.0])
    one = climb(lambda x: tf.reduce_sum(x**2) / 2, 1, project=project)
    np.testing.assert_allclose(one.numpy().ravel(), [149.0, 99.0])


def test_no_step_is_the_start():
    np.testing.assert_array_equal(climb(tf.reduce_sum, 0), START)


@dataclasses.dataclass(frozen=True)
class Downhill(ascent.Ascent):
    """Down the sum of squares; the step may be told."""

    def ascended(self, problem):
        return lambda x: -tf.reduce_sum(x**2)


@dataclasses.dataclass(frozen=True)
class Overshooting(Downhill):
    step = staticmethod(lambda gradient, length: -length * gradient)


def test_one_step_is_its_step_cut_to_the_ball_and_the_range():
    images = np.array([100.0, 252.0, 3.0, 50.0], np.float32).reshape(2, 2, 1, 1)

    def stepped(attack):
        return attack(lambda x: x, images, [0, 0]).numpy().ravel()

    for epsilon in (8.0, tf.constant(8)):
        found = stepped(Downhill(epsilon))
        np.testing.assert_array_equal(found, [92.0, 244.0, 0.0, 42.0])
    found = stepped(Downhill(tf.constant([8.0, 0.0])))
    np.testing.assert_array_equal(found, [92.0, 244.0, 3.0, 50.0])
    # A step that overshoots, uphill: the ball, then the range.
    found = stepped(Overshooting(8.0))
    np.testing.assert_array_equal(found, [108.0, 255.0, 11.0, 58.0])
