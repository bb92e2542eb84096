"""The eleven attacks up J, against a NumPy twin on two heads."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import backend
from common.attacks import cost
from kurakin2017 import variants
from tests.oracles import textbook

J = variants.COST
MAIN, AUXILIARY = textbook.TinyNetwork(seed=0), textbook.TinyNetwork(seed=1)
BOTH = cost.Heads(lambda images: (MAIN(images), AUXILIARY(images)))


def test_j_is_the_cost_that_trains_the_network():
    assert cost.TrainingCost(smoothing=0.1, auxiliary_weight=0.4) == J


def target(classes):
    """The smoothed label."""
    return 0.9 * np.eye(textbook.CLASSES)[classes] + 0.1 / textbook.CLASSES


def gradient(images, classes, sign):
    """Of J at both heads, by hand."""
    main, auxiliary = (
        network.gradient(
            images, textbook.softmax(network.logits(images)) - target(classes)
        )
        for network in (MAIN, AUXILIARY)
    )
    return sign * (main + 0.4 * auxiliary)


def crafted(name, images, labels, draws):
    """The images of an attack, by hand; its class is the main head's."""
    source = {
        "fgsm_pred": "predicted",
        "step_ll": "least_likely",
        "iter_ll": "least_likely",
        "step_rnd": "random",
    }.get(name, "true")
    classes = textbook.chosen(MAIN, images, labels, source=source, draws=draws)
    sign = -1 if source in ("least_likely", "random") else 1
    direction = {"fast_grad_l2": "l2", "fast_grad_linf": "linf"}.get(name, "sign")
    if not name.startswith("iter"):
        slope = gradient(images, classes, sign)
        return textbook.stepped(images, slope, epsilon=8.0, direction=direction)
    start = images.astype(np.float64)
    current = start
    for _ in range(10):  # min(8 + 4, 1.25 * 8), of length 1
        current = current + np.sign(gradient(current, classes, sign))
        current = np.clip(current, start - 8, start + 8).clip(0, 255)
    return current


NAMES = [
    name
    for name in (*variants.ONE_STEP, *variants.ITERATIVE)
    if hasattr(variants.attack(name, 8.0, 1.0), "cost")
]


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_on_j_agrees_with_numpy(name, monkeypatch):
    images, labels = textbook.batch(40, seed=5)
    draws = np.random.default_rng(3).uniform(size=40).astype(np.float32)
    monkeypatch.setattr(backend, "uniform", lambda *_, **__: tf.constant(draws))
    attack = variants.attack(name, 8.0, 1.0, cost=J)
    found = attack(BOTH, tf.constant(images), labels).numpy()
    expected = crafted(name, images, labels, draws)
    assert np.mean(np.abs(found - expected) <= 1e-2) > 0.999
    for other in (cost.HARD, cost.TrainingCost(0.1)):
        plain = dataclasses.replace(attack, cost=other)
        apart = np.abs(plain(BOTH, tf.constant(images), labels) - expected)
        assert np.mean(apart > 1e-2) > 0.002


def test_all_but_entropy_and_noise_climb_a_cost():
    assert {*variants.ONE_STEP, *variants.ITERATIVE} - set(NAMES) == {
        *("fast_entropy", "random_sign", "random_normal")
    }
