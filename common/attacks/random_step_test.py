"""R+Step-LL against the NumPy twin: where it starts, at which class, and how far."""

import numpy as np
import tensorflow as tf

from common import attacks
from common.attacks import cost, starts
from tests.oracles import textbook


def test_it_steps_at_random_and_then_towards_the_least_likely_class_of_before():
    images, labels = textbook.spread_batch()
    network = textbook.TinyNetwork()
    noise = starts.random_sign(tf.constant(images), 8.0, 5).numpy()
    assert set(np.unique(noise)) == {-8.0, 8.0}
    begun = np.clip(images + noise, 0, 255)
    classes = textbook.chosen(network, images, labels, source="least_likely")
    gradient = textbook.ascended_gradient(
        network, begun, classes, loss="cross_entropy", sign=-1.0
    )
    expected = textbook.stepped(begun, gradient, epsilon=8.0, direction="sign")
    attack = attacks.RStepLL(16.0)
    found = attack(network, tf.constant(images), labels, seed=5).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    inside = (images > 16) & (images < 239)
    moved = np.unique(np.abs(found - images)[inside].round(3))
    assert set(moved) == {0.0, 16.0}  # both steps agree, or undo each other


def test_its_step_climbs_the_cost_that_it_is_given():
    images, labels = textbook.spread_batch()
    network = textbook.TinyNetwork()
    begun = np.clip(images + starts.random_sign(tf.constant(images), 8.0, 5), 0, 255)
    classes = textbook.chosen(network, images, labels, source="least_likely")
    targets = textbook.smoothed(classes, 0.5)
    downhill = network.gradient(
        begun, targets - textbook.softmax(network.logits(begun))
    )
    expected = textbook.stepped(begun, downhill, epsilon=8.0, direction="sign")
    attack = attacks.RStepLL(16.0, cost=cost.TrainingCost(0.5))
    found = attack(network, tf.constant(images), labels, seed=5)
    np.testing.assert_allclose(found, expected, atol=1e-4)
