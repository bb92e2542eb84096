"""FGSM and its choices of class against the NumPy twin and by their first order."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from tests.oracles import textbook

FAMILY = {
    attacks.FGSM: ("true", 1.0),
    attacks.FGSMPredicted: ("predicted", 1.0),
    attacks.StepLL: ("least_likely", -1.0),
    attacks.StepRandom: ("random", -1.0),
}


@pytest.fixture
def draws(monkeypatch):
    """The uniform numbers that random targets are drawn with, known to the test."""
    draws = np.random.default_rng(7).uniform(size=6).astype(np.float32)
    monkeypatch.setattr(backend, "uniform", lambda *_, **__: tf.constant(draws))
    return draws


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("epsilon", [2, 16.0])
def test_each_choice_of_class_agrees_with_numpy(kind, epsilon, draws):
    images, labels = textbook.spread_batch()
    source, sign = FAMILY[kind]
    network = textbook.TinyNetwork()
    classes = textbook.chosen(network, images, labels, source=source, draws=draws)
    gradient = textbook.ascended_gradient(
        network, images, classes, loss="cross_entropy", sign=sign
    )
    expected = textbook.stepped(images, gradient, epsilon=epsilon, direction="sign")
    adv_images = kind(epsilon)(network, tf.constant(images), labels).numpy()
    np.testing.assert_allclose(adv_images, expected, atol=1e-4)
    inside = (images > 16) & (images < 239)
    moved = np.abs(adv_images - images)[inside]
    np.testing.assert_allclose(moved, epsilon, atol=1e-4)
