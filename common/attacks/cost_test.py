"""J: its derivatives, and its heads."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.attacks import cost, losses
from tests.oracles import textbook

J = cost.TrainingCost(smoothing=0.1, auxiliary_weight=0.4)
MAIN, AUXILIARY = textbook.TinyNetwork(seed=0), textbook.TinyNetwork(seed=1)


def test_the_derivative_at_the_label_is_p_minus_its_smoothed_share():
    logits = tf.constant(np.random.default_rng(0).normal(0, 4, (6, 1000)), tf.float32)
    labels = np.arange(6)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = tf.reduce_sum(J.ascended(labels, (logits,)))
    slope = tape.gradient(value, logits).numpy()
    p = textbook.softmax(np.float64(logits))
    np.testing.assert_allclose(
        slope[np.arange(6), labels], p[np.arange(6), labels] - 0.9001, atol=1e-6
    )
    others = np.ones_like(p, bool)
    others[np.arange(6), labels] = False
    np.testing.assert_allclose(slope[others], (p - 0.0001)[others], atol=1e-6)


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

    images, _ = textbook.batch()
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


def test_an_attack_on_heads_checks_each():
    crooked = cost.Heads(lambda images: (MAIN(images), AUXILIARY(images)[:, :, None]))
    images, labels = textbook.batch()
    with pytest.raises(ValueError, match=r"shape=\(6, 4, 1\)"):
        attacks.FGSM(8.0, cost=J)(crooked, tf.constant(images), labels)
