"""What attacks ascend: sign, sum, class."""

import numpy as np
import pytest
import tensorflow as tf

from common.attacks import losses, objective
from common.attacks.attack import Problem
from tests.oracles import textbook


def test_the_objective_is_the_sum_of_the_log_odds_against_the_labels():
    network = textbook.TinyNetwork()
    images, labels = textbook.batch()
    p = textbook.softmax(network.logits(images))[np.arange(6), labels]
    expected = np.log((1 - p) / p)
    found = objective.objective(Problem(network, images, labels))(tf.constant(images))
    assert float(found) == pytest.approx(expected.sum(), rel=1e-5)


def test_the_margin_stops_at_zero():
    network = textbook.TinyNetwork()
    images, labels = textbook.batch(20)
    margins = losses.margin(labels, network.logits(images)).numpy()
    assert margins.min() < 0 < margins.max()
    ascended = objective.objective(Problem(network, images, labels), loss="margin")
    found = float(ascended(tf.constant(images)))
    assert found == pytest.approx(np.minimum(margins, 0).sum(), rel=1e-5)


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize(
    ("source", "sign"), [("true", 1), ("predicted", 1), ("least_likely", -1)]
)
def test_the_class_is_the_clean_image_s_and_targets_are_negated(source, sign, loss):
    network = textbook.TinyNetwork()
    images, labels = textbook.batch(20)
    classes = textbook.chosen(network, images, labels, source=source)
    moved = images[::-1].copy()  # where the network decides otherwise
    if source != "true":
        there = textbook.chosen(network, moved, labels, source=source)
        assert (there != classes).any()
    problem = Problem(network, tf.constant(images), labels)
    ascended = objective.objective(problem, source=source, loss=loss)
    laws = {"cross_entropy": losses.log_odds_against, "margin": losses.margin}
    assert laws.keys() == set(objective.LOSSES)
    values = sign * laws[loss](classes, network.logits(moved)).numpy()
    values = np.minimum(values, 0) if loss == "margin" else values
    assert float(ascended(tf.constant(moved))) == pytest.approx(values.sum(), rel=1e-5)


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_a_random_target_is_never_the_label_and_uniform_over_the_others(num_classes):
    rng = np.random.default_rng(0)
    count = 100_000
    labels = rng.integers(0, num_classes, count).astype(np.int32)
    draws = rng.uniform(size=count).astype(np.float32)
    targets = objective.random_target(labels, draws, num_classes).numpy()
    assert targets.dtype == np.int32
    assert not (targets == labels).any()
    table = np.zeros((num_classes, num_classes))
    np.add.at(table, (labels, targets), 1)
    share = table / table.sum(1, keepdims=True) * (1 - np.eye(num_classes))
    expected = (1 - np.eye(num_classes)) / (num_classes - 1)
    np.testing.assert_allclose(share, expected, atol=0.02)


@pytest.mark.parametrize("label", range(4))
def test_the_ends_of_a_draw_are_the_first_and_last_other_class(label):
    labels = np.full(3, label, np.int32)
    draws = np.array([0.0, np.nextafter(np.float32(1), np.float32(0)), 1.0], np.float32)
    targets = objective.random_target(labels, draws, 4).numpy()
    others = [k for k in range(4) if k != label]
    np.testing.assert_array_equal(targets, [others[0], others[-1], others[-1]])


def chosen(images, labels, seed):
    """The class at which a random-target objective takes the loss, by its gradient."""
    logits = tf.zeros([len(labels), textbook.CLASSES])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        problem = Problem(lambda _: logits, images, labels, seed)
        value = objective.objective(problem, source="random")(images)
    return np.argmax(tape.gradient(value, logits), -1)


def test_random_targets_follow_the_seed_and_the_image_and_are_wrong():
    images, labels = textbook.batch(200)
    first, again, other = (chosen(tf.constant(images), labels, s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert not (first == labels).any() and not (other == labels).any()
    half = chosen(tf.constant(images[100:]), labels[100:], 1)
    np.testing.assert_array_equal(half, first[100:])
