"""Steps along the gradient and up the entropy against the NumPy twin."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from tests.oracles import textbook

ALONG = {attacks.FastGradL2: "l2", attacks.FastGradLinf: "linf"}


@pytest.mark.parametrize("kind", ALONG)
@pytest.mark.parametrize("epsilon", [2, 16.0, (4.0, 0.0, 1.0, 16.0, 64.0, 8.0)])
def test_the_gradient_at_a_norm_agrees_with_numpy(kind, epsilon):
    network = textbook.TinyNetwork()
    images, labels = textbook.batch()
    images[images < 50] = 0.0
    gradient = textbook.ascended_gradient(
        network, images, labels, loss="cross_entropy", sign=1.0
    )
    expected = textbook.stepped(
        images, gradient, epsilon=epsilon, direction=ALONG[kind]
    )
    if isinstance(epsilon, tuple):
        epsilon = tf.constant(epsilon)
    adv_images = kind(epsilon)(network, tf.constant(images), labels)
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


def test_entropy_agrees_with_numpy():
    network = textbook.TinyNetwork()
    images, labels = textbook.batch()
    gradient = textbook.entropy_gradient(network, images)
    expected = textbook.stepped(images, gradient, epsilon=8.0, direction="sign")
    adv_images = attacks.FastEntropy(8.0)(network, tf.constant(images), labels)
    np.testing.assert_allclose(adv_images, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ALONG)
def test_the_scale_of_the_gradient_does_not_matter(kind):
    # In float32 the square of a derivative of 1e-25 is 0, and of 1e25 is infinite.
    images, _ = textbook.batch(2)
    images = 60 + images * 0.5
    weights = np.random.default_rng(0).normal(size=(textbook.PIXELS, 2))
    found = []
    for scale in (1.0, 1e-25, 1e25):
        scaled = tf.constant(weights * scale, tf.float32)

        def network(x):
            logits = tf.reshape(x, [-1, textbook.PIXELS]) @ scaled  # noqa: B023
            return logits - tf.stop_gradient(logits)  # both classes at one half

        adv_images = kind(16.0)(network, tf.constant(images), np.array([0, 1]))
        found.append(adv_images.numpy())
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=1e-3)
