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


def spread_batch(count=6):
    """Images of which a third of the pixels are at a bound of the range."""
    images, labels = textbook.batch(count)
    images[images < 50] = 0.0
    images[images > 200] = 255.0
    return images, labels


@pytest.fixture
def draws(monkeypatch):
    """The uniform numbers that random targets are drawn with, known to the test."""
    draws = np.random.default_rng(7).uniform(size=6).astype(np.float32)
    monkeypatch.setattr(backend, "uniform", lambda *_, **__: tf.constant(draws))
    return draws


@pytest.mark.parametrize("kind", FAMILY)
@pytest.mark.parametrize("epsilon", [2, 16.0])
def test_each_choice_of_class_agrees_with_numpy(kind, epsilon, draws):
    images, labels = spread_batch()
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


def probabilities(images, classes):
    network = textbook.TinyNetwork()
    return textbook.softmax(network.logits(images))[np.arange(len(classes)), classes]


@pytest.mark.parametrize(
    ("kind", "source", "rises"),
    [
        (attacks.FGSM, "true", False),
        (attacks.FGSMPredicted, "predicted", False),
        (attacks.StepLL, "least_likely", True),
    ],
)
def test_a_small_step_moves_the_probability_of_its_class(kind, source, rises):
    network = textbook.TinyNetwork()
    images, labels = textbook.batch(64)
    classes = textbook.chosen(network, images, labels, source=source)
    adv_images = kind(0.1)(network, tf.constant(images), labels).numpy()
    before, after = probabilities(images, classes), probabilities(adv_images, classes)
    np.testing.assert_array_equal(after > before, rises)


def test_the_prediction_differs_from_the_label_only_where_the_network_errs():
    network = textbook.TinyNetwork()
    images, labels = textbook.batch(64)
    wrong = network.logits(images).argmax(-1) != labels
    assert 8 < wrong.sum() < 56
    true, predicted = (
        kind(8.0)(network, tf.constant(images), labels).numpy()
        for kind in (attacks.FGSM, attacks.FGSMPredicted)
    )
    np.testing.assert_array_equal((true != predicted).any(axis=(1, 2, 3)), wrong)
    # Where the two part, the prediction is what loses.
    classes = network.logits(images).argmax(-1)
    gained = probabilities(true, classes) - probabilities(predicted, classes)
    assert (gained[wrong] > 0).mean() > 0.9


def pixels_as_logits(images):
    """Each of the four pixels is a logit: a step shows its class by the odd sign."""
    return tf.reshape(images, [-1, 4]) / 255.0


@pytest.mark.parametrize("kind", [attacks.StepRandom, attacks.StepLL])
def test_targets_are_what_rises_and_all_else_falls(kind):
    rng = np.random.default_rng(0)
    images = rng.uniform(20, 230, (3000, 2, 2, 1)).astype(np.float32)
    labels = rng.integers(0, 4, 3000).astype(np.int32)
    attacked = backend.compiled(lambda x, y: kind(4.0)(pixels_as_logits, x, y, seed=5))
    delta = attacked(tf.constant(images), tf.constant(labels)) - images
    delta = delta.numpy().reshape(-1, 4)
    assert ((delta > 0).sum(1) == 1).all()
    target = delta.argmax(1)
    if kind is attacks.StepLL:
        np.testing.assert_array_equal(target, images.reshape(-1, 4).argmin(1))
        return
    assert not (target == labels).any()
    for label in range(4):
        counts = np.bincount(target[labels == label], minlength=4)
        share = np.delete(counts, label) / counts.sum()
        np.testing.assert_allclose(share, 1 / 3, atol=0.06)


@pytest.mark.parametrize("shape", [(3,), (3, 1, 1, 1)])
@pytest.mark.parametrize("kind", FAMILY)
def test_every_pixel_moves_by_the_radius_of_its_image(kind, shape):
    images, labels = textbook.batch(3)
    images = 50 + images * 0.6
    radii = np.array([1.0, 8.0, 30.0], np.float32)
    adv_images = kind(tf.constant(radii, shape=shape))(
        textbook.TinyNetwork(), tf.constant(images), labels
    )
    moved = np.abs(adv_images - images)
    np.testing.assert_allclose(moved.min(axis=(1, 2, 3)), radii, atol=1e-4)
    np.testing.assert_allclose(moved.max(axis=(1, 2, 3)), radii, atol=1e-4)
