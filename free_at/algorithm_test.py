"""Alg. 1 and its baselines against NumPy twins on a linear softmax model."""

import dataclasses
import functools
import itertools

import numpy as np
import tensorflow as tf

from common import attacks
from common.models import norms
from common.training.natural import NaturalTraining
from free_at.algorithm import FreeTraining, PGDTraining
from tests.oracles import textbook, training

EPSILON, BATCH = 8.0, 6
NORMED = functools.partial(training.Linear, norms.DEFAULT)


def minibatches(count=2):
    """Minibatches of which a part of the pixels is near or at a bound of the range."""
    batches = [training.minibatch(seed, BATCH) for seed in range(count)]
    assert all((i == 0).any() and (i == 255).any() for i, _ in batches)
    return batches


def step(trained, batch, state, seed=0):
    return trained.train_step(
        (tf.constant(batch[0]), tf.constant(batch[1])), state, seed
    )


class Twin(training.Twin):
    """The inner loop of Alg. 1."""

    def free_step(self, batch, delta):
        images, labels = batch
        perturbed = images + delta
        inside = (perturbed >= 0) & (perturbed <= 255)
        metrics, gradients, g_delta = self.passes(np.clip(perturbed, 0, 255), labels)
        self.descend(gradients)
        g_delta = g_delta * inside
        return metrics, np.clip(delta + EPSILON * np.sign(g_delta), -EPSILON, EPSILON)


def test_free_training_agrees_with_numpy_over_two_minibatches_of_three_replays():
    trained = training.bound(FreeTraining(num_replays=3, epsilon=EPSILON))
    twin = Twin(trained)
    delta = trained.initial_state((BATCH, *textbook.IMAGE))
    expected_delta = np.zeros((BATCH, *textbook.IMAGE))
    history = []
    for batch in minibatches():
        for _ in range(trained.num_replays):
            metrics, delta = step(trained, batch, delta)
            expected, expected_delta = twin.free_step(batch, expected_delta)
            twin.check(metrics, expected)
            np.testing.assert_allclose(delta, expected_delta, atol=1e-5)
            history.append(np.asarray(delta))
    # The case is rich enough: signs of the gradient turn between any two replays.
    assert all((a != b).any() for a, b in itertools.pairwise(history))
    assert all((delta != 0).any() for delta in history)


def test_each_replay_is_one_pass_in_training_mode_at_the_old_delta():
    trained = training.bound(FreeTraining(num_replays=3, epsilon=EPSILON), NORMED)
    delta = np.zeros((BATCH, *textbook.IMAGE), np.float32)
    for number, batch in enumerate(np.repeat(np.arange(2), 3), start=1):
        batch = minibatches()[batch]
        _, new_delta = step(trained, batch, tf.constant(delta))
        assert len(trained.network.calls) == number
        seen, mode = trained.network.calls[-1]
        assert mode == {"training": True}
        np.testing.assert_allclose(seen, np.clip(batch[0] + delta, 0, 255), atol=1e-4)
        delta = new_delta.numpy()


def test_moving_statistics_move_once_per_replay():
    trained = training.bound(FreeTraining(num_replays=2, epsilon=EPSILON), NORMED)
    mean, variance = trained.network.norm.non_trainable_variables
    expected_mean, expected_variance = (
        np.zeros(textbook.PIXELS),
        np.ones(textbook.PIXELS),
    )
    delta = trained.initial_state((BATCH, *textbook.IMAGE))
    batch = minibatches()[0]
    for _ in range(2):
        seen = np.clip(batch[0] + delta, 0, 255).reshape(BATCH, -1) / training.UNIT
        expected_mean = 0.9 * expected_mean + 0.1 * seen.mean(0)
        expected_variance = 0.9 * expected_variance + 0.1 * seen.var(0)
        _, delta = step(trained, batch, delta)
        np.testing.assert_allclose(mean, expected_mean, atol=1e-5)
        np.testing.assert_allclose(variance, expected_variance, atol=1e-5)


def test_pgd_training_agrees_with_numpy_from_its_random_start():
    trained = training.bound(PGDTraining(EPSILON, step_size=2.0, num_steps=7))
    twin = Twin(trained)
    images, labels = minibatches()[0]
    metrics, _ = step(trained, (images, labels), (), seed=3)
    start, *_, last = (np.float64(seen) for seen, _ in trained.network.calls)
    assert np.abs(start - images).max() > 7.5 and not np.allclose(start, last)
    low, high = np.maximum(images - EPSILON, 0), np.minimum(images + EPSILON, 255)
    current = start
    for _ in range(7):
        _, _, g_images = twin.passes(current, labels)
        current = np.clip(current + 2.0 * np.sign(g_images), low, high)
    np.testing.assert_allclose(last, current, atol=1e-4)
    expected, gradients, _ = twin.passes(current, labels)
    twin.descend(gradients)
    twin.check(metrics, expected)


def test_pgd_training_crafts_in_inference_mode_and_trains_in_training_mode():
    trained = training.bound(PGDTraining(EPSILON, step_size=2.0, num_steps=3), NORMED)
    other = training.bound(NaturalTraining(), NORMED)
    batch = minibatches()[0]
    attack = attacks.PGD(EPSILON, 2.0, 3)
    frozen = other.network.network
    adv_images = attack(
        lambda x: frozen(x, training=False), tf.constant(batch[0]), batch[1], seed=5
    )
    step(other, (adv_images, batch[1]), ())  # one training pass at those images
    step(trained, batch, (), seed=5)
    modes = [mode["training"] for _, mode in trained.network.calls]
    assert modes == [False] * 3 + [True]
    for found, expected in zip(
        trained.network.variables, frozen.variables, strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    mean = trained.network.norm.non_trainable_variables[0]
    seen = np.asarray(trained.network.calls[-1][0]).reshape(BATCH, -1) / training.UNIT
    np.testing.assert_allclose(mean, 0.1 * seen.mean(0), atol=1e-5)


def test_the_loop_is_told_of_replays_and_of_attack_passes():
    free, pgd = FreeTraining(num_replays=5), PGDTraining(num_steps=7)
    assert (free.num_replays, free.attack_passes) == (5, 0)
    assert (pgd.num_replays, pgd.attack_passes) == (1, 7)
    assert (NaturalTraining().num_replays, NaturalTraining().attack_passes) == (1, 0)
    assert dataclasses.replace(free, num_replays=2).num_replays == 2
    assert FreeTraining() == FreeTraining(num_replays=8, epsilon=8.0)
