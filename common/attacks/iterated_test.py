"""Iterated sign steps against the NumPy twin."""

import types

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from tests.oracles import textbook

SOURCES = {
    "true": (attacks.IterBasic, 1.0),
    "predicted": (attacks.IterBasic, 1.0),
    "least_likely": (attacks.IterLL, -1.0),
    "random": (attacks.IterLL, -1.0),
}


def twin(network, images, classes, *, sign=1.0, epsilon=8.0, step_size=1.0, steps=6):
    numbers = types.SimpleNamespace(
        epsilon=epsilon, step_size=step_size, num_steps=steps
    )
    return textbook.attacked(network, images, classes, attack=numbers, sign=sign)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("step_size", [0.7, 3.0, 20.0])
def test_six_steps_agree_with_numpy(source, step_size, monkeypatch):
    images, labels = textbook.spread_batch()
    draws = np.random.default_rng(7).uniform(size=6).astype(np.float32)
    monkeypatch.setattr(backend, "uniform", lambda *_, **__: tf.constant(draws))
    network = textbook.TinyNetwork()
    kind, sign = SOURCES[source]
    classes = textbook.chosen(network, images, labels, source=source, draws=draws)
    expected = twin(network, images, classes, sign=sign, step_size=step_size)
    attack = kind(8.0, step_size, 6, source=source)
    adv_images = attack(network, tf.constant(images), labels)
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


@pytest.mark.parametrize("source", ["predicted", "least_likely"])
def test_the_class_is_the_clean_image_s_though_the_network_changes_its_mind(source):
    network = textbook.TinyNetwork()
    images, labels = textbook.batch(40)
    kind, sign = SOURCES[source]
    classes = textbook.chosen(network, images, labels, source=source)
    expected = twin(network, images, classes, sign=sign, step_size=4.0, steps=8)
    changing = images
    for _ in range(8):  # one step at a time, and the class anew before each
        anew = textbook.chosen(network, changing, labels, source=source)
        gradient = textbook.ascended_gradient(
            network, changing, anew, loss="cross_entropy", sign=sign
        )
        changing = np.clip(changing + 4.0 * np.sign(gradient), 0, 255)
        changing = np.clip(changing, images - 8.0, images + 8.0)
    assert (np.abs(changing - expected).max(axis=(1, 2, 3)) > 1).sum() >= 5
    attack = kind(8.0, 4.0, 8, source=source)
    adv_images = attack(network, tf.constant(images), labels)
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


@pytest.mark.parametrize("kind", [attacks.IterBasic, attacks.IterLL])
@pytest.mark.parametrize(
    # min(epsilon + 4, 1.25 epsilon), rounded up: 2.5, 5, 10, 12.5, 20, 21 and 36.
    ("epsilon", "num_steps"),
    [(2, 3), (4, 5), (8, 10), (10, 13), (16.0, 20), (17, 21), (32, 36)],
)
def test_the_default_steps_are_those_of_the_paper(kind, epsilon, num_steps):
    attack = kind(epsilon)
    assert (attack.step_size, attack.num_steps) == (1.0, num_steps)
    assert attack == kind(epsilon, 1.0, num_steps)


def test_the_default_class_is_the_one_of_the_name():
    assert attacks.IterBasic(8.0) == attacks.IterBasic(8.0, source="true")
    assert attacks.IterLL(8.0) == attacks.IterLL(8.0, source="least_likely")


def test_one_radius_per_image_is_reached_and_no_more():
    images, labels = textbook.batch(4)
    radii = np.array([0.0, 1.0, 4.0, 30.0], np.float32)
    for kind in (attacks.IterBasic, attacks.IterLL):
        attack = kind(tf.constant(radii), num_steps=40)
        adv_images = attack(textbook.TinyNetwork(), tf.constant(images), labels)
        reached = np.abs(adv_images - images).max(axis=(1, 2, 3))
        np.testing.assert_allclose(reached, radii, atol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: attacks.IterBasic(8.0, source="least_likely"), "Known: true, pred"),
        (lambda: attacks.IterLL(8.0, source="rand"), "rand. Nearest: random"),
        (lambda: attacks.IterLL(8.0, source="true"), "Received: true"),
        (
            lambda: attacks.IterBasic(tf.constant([2.0, 8.0])),
            "num_steps must be given .* num_steps=None",
        ),
    ],
)
def test_values_out_of_range_are_refused_when_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()
