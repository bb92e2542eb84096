"""Losses against float64 closed forms."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from common.attacks import losses
from tests.oracles import textbook

LOGITS = np.array([[1.0, -2.0, 0.5], [3.0, 3.0, -1.0], [-40.0, 0.0, 60.0]])
LABELS = np.array([0, 1, 0], np.int32)


def log_sum_exp(logits):
    top = logits.max(-1, keepdims=True)
    return top[:, 0] + np.log(np.exp(logits - top).sum(-1))


def test_cross_entropy_is_log_sum_exp_minus_the_label_logit():
    expected = log_sum_exp(LOGITS) - LOGITS[np.arange(3), LABELS]
    found = losses.cross_entropy(LABELS, tf.constant(LOGITS)).numpy()
    assert found.dtype == np.float32 and found.shape == (3,)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[2] == pytest.approx(100.0)


def test_margin_is_best_other_minus_label():
    found = losses.margin(LABELS, tf.constant(LOGITS)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.5 - 1.0, 3.0 - 3.0, 60.0 + 40.0], rtol=1e-6)


def test_the_log_odds_against_the_label_are_what_cross_entropy_rises_with():
    logits = np.vstack([LOGITS, [0.0, 1000.0, -1000.0]])
    labels = np.append(LABELS, 1)
    others = np.where(np.eye(3)[labels] == 1, -np.inf, logits)
    expected = log_sum_exp(others) - logits[np.arange(4), labels]
    found = losses.log_odds_against(labels, tf.constant(logits)).numpy()
    assert found.dtype == np.float32 and found.shape == (4,)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    cross_entropy = losses.cross_entropy(labels, tf.constant(logits)).numpy()
    np.testing.assert_allclose(cross_entropy, np.logaddexp(0, expected), rtol=1e-5)


@given(
    logits=st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3),
    label=st.integers(0, 2),
    scale=st.sampled_from([0.1, 1.0, 100.0, 1e4]),
)
def test_their_gradients_have_one_direction_and_one_of_them_never_vanishes(
    logits, label, scale
):
    values = tf.constant([logits]) * scale
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        ours = losses.log_odds_against([label], values)
        theirs = losses.cross_entropy([label], values)
    slope, other = (tape.gradient(x, values).numpy()[0] for x in (ours, theirs))
    assert slope[label] == -1.0 and slope.sum() == pytest.approx(0.0, abs=1e-6)
    wrong = 1.0 - textbook.softmax(np.float64(values))[0, label]
    np.testing.assert_allclose(wrong * slope, other, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.margin])
def test_losses_take_int64_labels_half_precision_and_a_hundred_classes(loss):
    logits = np.random.default_rng(0).normal(size=(5, 100)).astype(np.float16)
    labels = np.array([0, 99, 42, 10, 7])
    wide = logits.astype(np.float64)
    if loss is losses.cross_entropy:
        expected = log_sum_exp(wide) - wide[np.arange(5), labels]
    else:
        others = wide.copy()
        others[np.arange(5), labels] = -np.inf
        expected = others.max(-1) - wide[np.arange(5), labels]
    found = loss(tf.constant(labels), tf.constant(logits)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_entropy_in_closed_form():
    tenth = np.log([0.1, 0.9])
    logits = np.array([[5.0, 5.0], tenth + 3.0, [-500.0, 500.0]])
    expected = [np.log(2), -0.1 * np.log(0.1) - 0.9 * np.log(0.9), 0.0]
    found = losses.entropy(tf.constant(logits, tf.float32)).numpy()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert losses.entropy(tf.zeros([1, 100], tf.float16)).numpy() == pytest.approx(
        [np.log(100)], rel=1e-6
    )


def test_the_entropy_of_a_certain_network_has_a_finite_gradient():
    logits = tf.constant([[0.0, 400.0, -400.0], [1.0, 1.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(losses.entropy(logits))
    np.testing.assert_allclose(
        tape.gradient(total, logits), np.zeros((2, 3)), atol=1e-6
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_smoothed_cross_entropy_is_to_the_mixed_target(smoothing):
    target = (1 - smoothing) * np.eye(3)[LABELS] + smoothing / 3
    expected = (target * (log_sum_exp(LOGITS)[:, None] - LOGITS)).sum(-1)
    found = losses.smoothed_cross_entropy(LABELS, tf.constant(LOGITS), smoothing)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
