"""Random starts by their law."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.attacks import starts
from tests.oracles import textbook

LAWS = (
    starts.uniform_linf,
    starts.random_sign,
    starts.truncated_normal,
    starts.stripes,
)
every_law = pytest.mark.parametrize("law", LAWS)


@every_law
@given(epsilon=st.floats(0.1, 64), seed=st.integers(-(2**63), 2**63 - 1))
def test_a_start_is_in_the_ball(law, epsilon, seed):
    images, _ = textbook.batch(3)
    delta = law(tf.constant(images), epsilon, seed).numpy()
    assert delta.shape == images.shape and delta.dtype == np.float32
    assert np.abs(delta).max() <= epsilon * (1 + 1e-6)
    assert np.abs(delta).max() > 0.8 * epsilon


def many_images():
    """Enough pixels for moments to a percent."""
    rng = np.random.default_rng(0)
    return tf.constant(rng.uniform(0, 255, (40, 32, 32, 3)), tf.float32)


def test_signs_are_balanced_and_have_one_size():
    delta = starts.random_sign(many_images(), 8.0, 3).numpy()
    np.testing.assert_array_equal(np.abs(delta), np.full_like(delta, 8.0))
    assert abs(delta.mean()) < 4 * 8.0 / np.sqrt(delta.size)
    # Nor do neighbours go together: the products are balanced too.
    products = delta[:, :, 1:] * delta[:, :, :-1]
    assert abs(products.mean()) < 4 * 64.0 / np.sqrt(products.size)


def test_truncated_normals_have_the_moments_and_quantiles_of_their_law():
    # By integration over two standard deviations, in float64.
    delta = starts.truncated_normal(many_images(), 8.0, 3).numpy() / 8.0
    grid = np.linspace(-1, 1, 200_001)
    density = np.exp(-0.5 * (grid / 0.5) ** 2)
    density /= density.sum()
    deviation = np.sqrt((density * grid**2).sum())
    assert deviation == pytest.approx(0.4398, abs=1e-4)  # less than the 0.5 of all
    count = delta.size
    assert abs(delta.mean()) < 4 * deviation / np.sqrt(count)
    assert delta.std() == pytest.approx(deviation, rel=0.01)
    assert (delta**4).mean() == pytest.approx((density * grid**4).sum(), rel=0.02)
    shares = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98])
    expected = grid[np.searchsorted(density.cumsum(), shares)]
    np.testing.assert_allclose(np.quantile(delta, shares), expected, atol=0.01)
    assert (np.abs(delta) > 0.999).mean() < 0.001  # drawn again, not cut


def test_stripes_have_one_balanced_sign_for_each_column_and_channel():
    delta = starts.stripes(many_images(), 8.0, 3).numpy()
    np.testing.assert_array_equal(delta, np.broadcast_to(delta[:, :1], delta.shape))
    columns = delta[:, 0]
    np.testing.assert_array_equal(np.abs(columns), np.full_like(columns, 8.0))
    assert abs(columns.mean()) < 4 * 8.0 / np.sqrt(columns.size)
    products = columns[..., 0] * columns[..., 1], columns[:, 1:] * columns[:, :-1]
    assert all(abs(p.mean()) < 4 * 64.0 / np.sqrt(p.size) for p in products)


@every_law
def test_one_radius_per_image(law):
    images, _ = textbook.batch(2)
    radii = tf.constant([1.0, 30.0], shape=(2, 1, 1, 1))
    reached = np.abs(law(tf.constant(images), radii, 3))
    reached = reached.max(axis=(1, 2, 3))
    assert 0.8 < reached[0] <= 1.0 and 24.0 < reached[1] <= 30.0


@every_law
def test_each_image_has_its_own_start_wherever_it_stands(law):
    images, _ = textbook.batch(4)
    delta = law(tf.constant(images), 8.0, 3).numpy()
    alone = law(tf.constant(images[2:3]), 8.0, 3).numpy()
    np.testing.assert_allclose(alone[0], delta[2], atol=1e-5)  # vectorised differently
    assert all(np.abs(delta[2] - delta[i]).max() > 1 for i in (0, 1, 3))


@every_law
def test_each_seed_has_its_own_start(law):
    images, _ = textbook.batch(4)
    first, second, mixed = (
        law(tf.constant(images), 8.0, seed).numpy()
        for seed in (3, 4, tf.constant([3, 4, 4, 3], tf.int64))
    )
    assert np.abs(first - second).mean() > 1.0
    np.testing.assert_allclose(mixed[[0, 3]], first[[0, 3]], atol=1e-5)
    np.testing.assert_allclose(mixed[[1, 2]], second[[1, 2]], atol=1e-5)


@pytest.mark.parametrize(("one", "two"), [*itertools.combinations(LAWS, 2)])
def test_laws_do_not_share_their_draws(one, two):
    images = many_images()
    one, two = (law(images, 1.0, 3).numpy().ravel() for law in (one, two))
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(one.size)
