"""J: its derivatives, its heads, and the attacks on it against a NumPy twin."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from common.attacks import cost, losses
from kurakin2017 import variants
from tests import twins

J = cost.TrainingCost(smoothing=0.1, auxiliary_weight=0.4)
MAIN, AUXILIARY = twins.TinyNetwork(seed=0), twins.TinyNetwork(seed=1)
BOTH = cost.Heads(lambda images: (MAIN(images), AUXILIARY(images)))


def test_the_derivative_at_the_label_is_p_minus_its_smoothed_share():
    logits = tf.constant(np.random.default_rng(0).normal(0, 4, (6, 1000)), tf.float32)
    labels = np.arange(6)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = tf.reduce_sum(J.ascended(labels, (logits,)))
    slope = tape.gradient(value, logits).numpy()
    p = twins.softmax(np.float64(logits))
    np.testing.assert_allclose(
        slope[np.arange(6), labels], p[np.arange(6), labels] - 0.9001, atol=1e-6
    )
    others = np.ones_like(p, bool)
    others[np.arange(6), labels] = False
    np.testing.assert_allclose(slope[others], (p - 0.0001)[others], atol=1e-6)


def test_where_the_network_is_surer_than_the_smoothed_label_j_falls_with_doubt():
    for share, sign in ((0.85, -1), (0.95, 1)):
        rest = np.log((1 - share) / 9)
        logits = tf.Variable([[np.log(share)] + [rest] * 9], dtype=tf.float32)
        with tf.GradientTape() as tape:
            value = J([0], (logits,))
        assert np.sign(tape.gradient(value, logits).numpy()[0, 0]) == sign


def test_auxiliary_heads_count_by_their_weight():
    rng = np.random.default_rng(1)
    heads = tuple(tf.constant(rng.normal(size=(5, 4)), tf.float32) for _ in range(3))
    labels = np.array([0, 1, 2, 3, 0])
    main, one, two = (losses.smoothed_cross_entropy(labels, x, 0.1) for x in heads)
    np.testing.assert_allclose(J(labels, heads), main + 0.4 * (one + two), rtol=1e-6)
    np.testing.assert_allclose(J(labels, heads[:1]), main, rtol=1e-6)
    np.testing.assert_allclose(J.ascended(labels, heads), J(labels, heads))


def test_hard_labels_at_one_head_are_ascended_by_their_log_odds():
    logits = (tf.constant([[1.0, -2.0, 0.5]]), tf.constant([[0.0, 1.0, 3.0]]))
    odds = losses.log_odds_against([0], logits[0])
    for plain in (cost.HARD, cost.TrainingCost(auxiliary_weight=0.4)):
        np.testing.assert_array_equal(plain.ascended([0], logits[:1]), odds)
    np.testing.assert_array_equal(cost.HARD.ascended([0], logits), odds)
    np.testing.assert_allclose(
        cost.HARD([0], logits), losses.cross_entropy([0], logits[0])
    )
    both = cost.TrainingCost(auxiliary_weight=0.4)
    np.testing.assert_array_equal(both.ascended([0], logits), both([0], logits))


def test_only_the_heads_that_count_are_asked():
    asked = []

    def heads(images):
        asked.append("both")
        return MAIN(images), AUXILIARY(images)

    images, _ = twins.batch()
    assert len(J.heads(cost.Heads(heads), tf.constant(images))) == 2
    assert len(J.heads(MAIN, tf.constant(images))) == 1
    assert len(cost.HARD.heads(cost.Heads(heads), tf.constant(images))) == 1
    np.testing.assert_array_equal(cost.Heads(heads)(images), MAIN(images))


@pytest.mark.parametrize(
    "fields", [{"smoothing": -0.1}, {"smoothing": 1.0}, {"auxiliary_weight": -1.0}]
)
def test_a_cost_out_of_range_is_refused(fields):
    ((name, value),) = fields.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        cost.TrainingCost(**fields)


def target(classes):
    """The smoothed label."""
    return 0.9 * np.eye(twins.CLASSES)[classes] + 0.1 / twins.CLASSES


def gradient(images, classes, sign):
    """Of J at both heads, by hand."""
    main, auxiliary = (
        network.gradient(
            images, twins.softmax(network.logits(images)) - target(classes)
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
    classes = twins.chosen(MAIN, images, labels, source=source, draws=draws)
    sign = -1 if source in ("least_likely", "random") else 1
    direction = {"fast_grad_l2": "l2", "fast_grad_linf": "linf"}.get(name, "sign")
    if not name.startswith("iter"):
        slope = gradient(images, classes, sign)
        return twins.stepped(images, slope, epsilon=8.0, direction=direction)
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
    images, labels = twins.batch(40, seed=5)
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


def test_an_attack_on_heads_checks_each():
    crooked = cost.Heads(lambda images: (MAIN(images), AUXILIARY(images)[:, :, None]))
    images, labels = twins.batch()
    with pytest.raises(ValueError, match=r"shape=\(6, 4, 1\)"):
        attacks.FGSM(8.0, cost=J)(crooked, tf.constant(images), labels)
