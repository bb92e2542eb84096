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


RATIOS = np.array([[5.0, 3.0, 1.0, -1.0], [2.0, 8.0, 4.0, 6.0], [1.0, 2.0, 9.0, 3.0]])
RIGHT, TARGETS = np.array([0, 1, 0], np.int32), np.array([2, 0, 1], np.int32)


def test_ratios_of_logits_are_those_of_their_order():
    z = tf.constant(RATIOS, tf.float32)
    dlr, targeted, near = (
        losses.dlr(RIGHT, z),
        losses.targeted_dlr(RIGHT, TARGETS, z),
        losses.nearness(RIGHT, z),
    )
    # Margins -2, -2 and 8 by z_1 - z_3: 4, 4 and 7.
    np.testing.assert_allclose(dlr, [-2 / 4, -2 / 4, 8 / 7], rtol=1e-6)
    # z_1 - (z_3 + z_4) / 2: 5 - 0, 8 - 3, 9 - 1.5.
    np.testing.assert_allclose(targeted, [-4 / 5, -6 / 5, 1 / 7.5], rtol=1e-6)
    np.testing.assert_allclose(near, [-2 / 5, -2 / 5, 8 / 7.5], rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1e4])
def test_ratios_do_not_change_with_the_scale_of_the_logits(scale):
    z = tf.constant(RATIOS, tf.float32)
    for law in (
        lambda z: losses.dlr(RIGHT, z),
        lambda z: losses.targeted_dlr(RIGHT, TARGETS, z),
        lambda z: losses.gap_scaled(RIGHT, z),
        lambda z: losses.nearness(RIGHT, z),
    ):
        np.testing.assert_allclose(law(scale * z + 7.0 * scale), law(z), rtol=1e-3)


def test_few_classes_leave_differences_of_logits():
    z = tf.constant(RATIOS[:, :3], tf.float32)
    three = losses.targeted_dlr(RIGHT, TARGETS, z)
    np.testing.assert_allclose(three, [-4.0, -6.0, 1.0], rtol=1e-6)
    # Margins -2, -4 and 8 by z_1 - z_3: 4, 6 and 8.
    np.testing.assert_allclose(losses.dlr(RIGHT, z), [-2 / 4, -4 / 6, 1.0], rtol=1e-6)
    two = losses.dlr(RIGHT, z[:, :2])
    np.testing.assert_allclose(two, [-2.0, -6.0, 1.0], rtol=1e-6)


def test_the_gap_of_the_two_largest_logits_is_a_constant_scale():
    gaps = np.array([[2.0], [2.0], [6.0]])
    expected = losses.log_odds_against(RIGHT, tf.constant(RATIOS / gaps))
    z = tf.constant(RATIOS, tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(z)
        found = losses.gap_scaled(RIGHT, z)
        divided = losses.log_odds_against(RIGHT, z / gaps.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    slopes = [tape.gradient(part, z).numpy() for part in (found, divided)]
    np.testing.assert_allclose(*slopes, rtol=1e-5)
    sure = tf.constant([[1e4, 0.0, -3.0, 1.0]])
    assert losses.gap_scaled([0], sure) > -2.0  # log odds would be -1e4
