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
