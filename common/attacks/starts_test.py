"""Random starts by their law."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.attacks import starts
from tests import twins


@given(epsilon=st.floats(0.1, 64), seed=st.integers(-(2**63), 2**63 - 1))
def test_a_start_is_in_the_ball(epsilon, seed):
    images, _ = twins.batch(3)
    delta = starts.uniform_linf(tf.constant(images), epsilon, seed).numpy()
    assert delta.shape == images.shape and delta.dtype == np.float32
    assert np.abs(delta).max() <= epsilon * (1 + 1e-6)
    assert np.abs(delta).max() > 0.8 * epsilon


def test_starts_are_uniform_and_unbiased():
    images, _ = twins.batch(300)
    delta = starts.uniform_linf(tf.constant(images), 8.0, 3).numpy()
    quantiles = np.quantile(delta, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(quantiles, [-7.2, -4, 0, 4, 7.2], atol=0.3)


def test_one_radius_per_image():
    images, _ = twins.batch(2)
    radii = tf.constant([1.0, 30.0], shape=(2, 1, 1, 1))
    reached = np.abs(starts.uniform_linf(tf.constant(images), radii, 3))
    reached = reached.max(axis=(1, 2, 3))
    assert 0.9 < reached[0] <= 1.0 and 27.0 < reached[1] <= 30.0


def test_each_image_has_its_own_start_wherever_it_stands():
    images, _ = twins.batch(4)
    delta = starts.uniform_linf(tf.constant(images), 8.0, 3).numpy()
    alone = starts.uniform_linf(tf.constant(images[2:3]), 8.0, 3).numpy()
    np.testing.assert_array_equal(alone[0], delta[2])
    assert all(np.abs(delta[2] - delta[i]).max() > 1 for i in (0, 1, 3))


def test_each_seed_has_its_own_start():
    images, _ = twins.batch(4)
    first, second = (
        starts.uniform_linf(tf.constant(images), 8.0, seed).numpy() for seed in (3, 4)
    )
    assert np.abs(first - second).mean() > 1.0
