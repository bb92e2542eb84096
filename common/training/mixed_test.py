"""The epsilon of every image: its law, and what it must not depend on."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from common import backend
from common.training import mixed
from tests.oracles import mixed as oracle
from tests.oracles import training


def test_the_law_of_epsilon():
    images = tf.random.stateless_uniform([20_000, 1, 1, 4], [0, 1], 0.0, 255.0)
    draw = tf.function(lambda seed: mixed.random_epsilons(images, seed, largest=16))
    epsilons = draw(tf.constant(3)).numpy()
    assert epsilons.shape == (20_000,)
    assert epsilons.min() >= 0 and 15.8 < epsilons.max() <= 16.0
    phi = math.exp(-2) / math.sqrt(2 * math.pi)
    inside = math.erf(2 / math.sqrt(2))
    mean = 16 * (1 / math.sqrt(2 * math.pi) - phi) / inside  # of |z| * 8, |z| <= 2
    assert mean == pytest.approx(5.78, abs=0.005)
    assert epsilons.mean() == pytest.approx(mean, abs=0.1)
    share = math.erf(1 / math.sqrt(2)) / inside
    assert share == pytest.approx(0.715, abs=5e-4)
    assert np.mean(epsilons <= 8) == pytest.approx(share, abs=0.013)
    another = draw(tf.constant(4)).numpy()
    assert abs(np.corrcoef(epsilons, another)[0, 1]) < 0.03


def test_every_image_has_its_own_epsilon_in_whatever_batch():
    images, labels = training.minibatch(count=oracle.M)
    method = dataclasses.replace(oracle.FIXED, random_epsilon=True)
    seen, chosen = oracle.mixed_batch(method, (images, labels), seed=5)
    moved = np.abs(seen - images).max(axis=(1, 2, 3))[chosen]
    epsilons = mixed.random_epsilons(
        tf.constant(images[chosen]), 5, largest=oracle.EPSILON
    )
    np.testing.assert_allclose(moved, epsilons, atol=1e-4)
    assert len(np.unique(moved.round(3))) == oracle.K
    turned = mixed.random_epsilons(
        tf.constant(images[chosen][::-1].copy()), 5, largest=oracle.EPSILON
    )
    np.testing.assert_array_equal(np.asarray(turned)[::-1], epsilons)


@dataclasses.dataclass(frozen=True)
class Spy:
    """An attack that writes what it is given into a list."""

    epsilon: float
    seen: list = dataclasses.field(default_factory=list, compare=False)

    def __call__(self, logits_fn, images, labels, *, seed):
        self.seen.append((images, self.epsilon, seed))
        return images


@pytest.mark.parametrize("attack_stream", [-1, -2, -3])
def test_epsilon_says_nothing_about_what_the_attack_draws(attack_stream):
    """Attacks fold streams into their seed, for targets and noise, by the image too."""
    count = 600
    spy = Spy(16.0)
    method = dataclasses.replace(
        oracle.STEP_LL, attack=spy, num_adversarial=32, delay=0
    )
    training.step(
        oracle.bound(method), training.minibatch(count=count - count % 32), seed=7
    )
    images, epsilons, seed = spy.seen[-1]
    keys = backend.example_keys(images)
    draws = backend.uniform(keys.shape, backend.fold(seed, attack_stream), keys=keys)
    assert len(np.unique(epsilons)) > count / 2
    assert abs(np.corrcoef(draws, epsilons)[0, 1]) < 0.15
