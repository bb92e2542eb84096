"""Random perturbations against the NumPy twin, given their draws."""

import statistics

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from tests.oracles import textbook


@pytest.mark.parametrize("epsilon", [2, 16.0, (4.0, 0.0, 1.0, 16.0, 64.0, 8.0)])
@pytest.mark.parametrize("kind", [attacks.RandomSign, attacks.RandomTruncatedNormal])
def test_given_the_draws_it_agrees_with_numpy(kind, epsilon, monkeypatch):
    images, labels = textbook.batch()
    images[images < 50] = 0.0
    rng = np.random.default_rng(3)
    normals = rng.normal(size=images.shape).astype(np.float32)
    uniforms = rng.uniform(size=images.shape).astype(np.float32)
    monkeypatch.setattr(backend, "normal", lambda *_, **__: tf.constant(normals))
    monkeypatch.setattr(backend, "uniform", lambda *_, **__: tf.constant(uniforms))
    if kind is attacks.RandomSign:
        unit = np.sign(normals)
    else:
        unit = truncated_quantiles(uniforms)
    radii = np.reshape(epsilon, (-1, 1, 1, 1))
    expected = np.clip(np.float64(images) + radii * unit, 0, 255)
    epsilon = tf.constant(epsilon) if isinstance(epsilon, tuple) else epsilon
    adv_images = kind(epsilon)(None, tf.constant(images), labels)
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


def truncated_quantiles(uniforms):
    """Quantiles of a normal of deviation 1/2, given that it is in [-1, 1]."""
    normal = statistics.NormalDist(0.0, 0.5)
    low, high = normal.cdf(-1.0), normal.cdf(1.0)
    inside = low + np.float64(uniforms) * (high - low)
    return np.reshape([normal.inv_cdf(p) for p in inside.ravel()], uniforms.shape)


def test_away_from_the_bounds_every_pixel_moves_by_epsilon_either_way():
    images, labels = textbook.batch(64)
    images = 60 + images * 0.5
    delta = (
        attacks.RandomSign(8.0)(None, tf.constant(images), labels) - images
    ).numpy()
    np.testing.assert_allclose(np.abs(delta), 8.0, atol=1e-4)
    assert abs((delta > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(delta.size)
    share = (delta > 0).mean(axis=0)  # of each pixel, over the images
    assert share.min() > 0.2 and share.max() < 0.8


def test_the_two_kinds_of_noise_have_draws_of_their_own():
    images, labels = textbook.batch(64)
    images = 60 + images * 0.5
    signs, normals = (
        np.sign(kind(8.0)(None, tf.constant(images), labels, seed=4) - images)
        for kind in (attacks.RandomSign, attacks.RandomTruncatedNormal)
    )
    assert abs((signs == normals).mean() - 0.5) < 4 * 0.5 / np.sqrt(signs.size)
