"""Alg. 1 against NumPy twins on a linear softmax model, and its edges."""

import dataclasses
import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.attacks import cost, losses
from common.models import logits, norms
from common.training import optimizers
from kurakin2017.algorithm import MixedTraining
from tests.oracles import mixed as oracle
from tests.oracles import textbook, training


def minibatch(seed=0):
    return training.minibatch(seed, oracle.M)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.3, 1.0, 0.0])
def test_three_updates_agree_with_numpy(weight, smoothing):
    method = dataclasses.replace(
        oracle.FIXED, adversarial_weight=weight, label_smoothing=smoothing
    )
    trained = oracle.bound(method)
    twin = oracle.Twin(trained)
    for seed in range(3):
        batch = minibatch(seed)
        metrics = training.step(trained, batch)
        twin.check(metrics, twin.update(*batch))


class Table(keras.Model):
    """A network whose logits are its weights, so that gradients show the weights."""

    def __init__(self, count):
        super().__init__()
        self.table = self.add_weight(shape=(count, textbook.CLASSES), name="table")

    def call(self, images, training=False):
        pixels = tf.reduce_sum(images, [1, 2, 3])[:, None]  # for a gradient of its own
        only = tf.one_hot([0], textbook.CLASSES)
        return self.table[: images.shape[0]] + 1e-12 * pixels * only

    def heads(self, images, training=False, seed=None):
        return (self.call(images),)


def example_weights(method, count):
    """The factor of every example's loss, read from one step of descent."""
    network = Table(count)
    network(tf.zeros([1, *textbook.IMAGE]))
    network.table.assign(tf.zeros([count, textbook.CLASSES]))
    optimizer = optimizers.Momentum(0.0).build(1.0)
    trained = method.build(network, optimizer, l2=0.0, num_replicas=1)
    images, labels = training.minibatch(count=count)
    training.step(trained, (images, np.zeros_like(labels)))
    # d loss / d logit of the label is weight * (1 / oracle.K - 1) at equal logits.
    return network.table.numpy()[:, 0] / (1 - 1 / textbook.CLASSES)


def test_the_weights_of_the_paper_and_their_totals():
    method = dataclasses.replace(oracle.STEP_LL, delay=0, label_smoothing=0.0)
    weights = example_weights(method, 32)
    adversarial, clean = weights[:16], weights[16:]
    np.testing.assert_allclose(clean, 0.048077, atol=5e-7)
    np.testing.assert_allclose(adversarial, 0.014423, atol=5e-7)
    assert clean.sum() == pytest.approx(0.769231, abs=1e-6)
    assert adversarial.sum() == pytest.approx(0.230769, abs=1e-6)


@pytest.mark.parametrize(
    ("k", "weight"), [(0, 0.3), *itertools.product((4, 32), (0.3, 1.0)), (4, 0.0)]
)
def test_the_weights_sum_to_one_and_stand_in_the_ratio_lambda(k, weight):
    method = dataclasses.replace(
        oracle.STEP_LL,
        delay=0,
        num_adversarial=k,
        adversarial_weight=weight,
        label_smoothing=0.0,
    )
    weights = example_weights(method, 32)
    assert weights.sum() == pytest.approx(1.0, abs=1e-6)
    if 0 < k < 32:
        np.testing.assert_allclose(weights[:k], weight * weights[-1], atol=1e-7)
    else:
        np.testing.assert_allclose(weights, 1 / 32, atol=1e-7)


def test_k_of_every_m_images_are_replaced_and_the_others_kept():
    images, labels = training.minibatch(count=2 * oracle.M)
    mixed, chosen = oracle.mixed_batch(oracle.FIXED, (images, labels))
    assert len(mixed) == 2 * oracle.M and chosen.sum() == 2 * oracle.K
    np.testing.assert_array_equal(np.flatnonzero(chosen)[: oracle.K], oracle.CHOSEN)
    np.testing.assert_array_equal(mixed[~chosen], images[~chosen])
    moved = np.abs(mixed - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(moved[chosen], oracle.EPSILON, atol=1e-4)


def test_the_delay_counts_updates_and_starts_with_the_plain_mean():
    method = dataclasses.replace(oracle.FIXED, delay=2)
    clean = dataclasses.replace(oracle.FIXED, num_adversarial=0)
    trained, plain = oracle.bound(method), oracle.bound(clean)
    for update in range(3):
        batch = minibatch(update)
        found, expected = training.step(trained, batch), training.step(plain, batch)
        same = float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)
        assert same == (update < 2)


@pytest.mark.parametrize("own", [True, False])
def test_it_crafts_up_the_cost_that_it_descends_or_up_the_attack_s_own(own):
    method = dataclasses.replace(
        oracle.FIXED,
        attack=attacks.FGSM(oracle.EPSILON),
        label_smoothing=0.3,
        auxiliary_weight=0.4,
        climbs_own_cost=own,
    )
    images, labels = minibatch()
    mixed, chosen = oracle.mixed_batch(method, (images, labels), auxiliary=True)
    trained = oracle.bound(method, auxiliary=True)
    seen = tf.constant(images[chosen])
    heads = trained.network.heads(seen)
    assert len(heads) == 2 and trained.cost == cost.TrainingCost(0.3, 0.4)
    expected = {
        which: attacks.FGSM(oracle.EPSILON, cost=climbed)(
            logits.inference(trained.network), seen, labels[chosen]
        ).numpy()
        for which, climbed in ((True, trained.cost), (False, cost.HARD))
    }
    np.testing.assert_allclose(mixed[chosen], expected[own], atol=1e-4)
    assert np.mean(np.abs(expected[True] - expected[False]) > 1) > 0.01


def test_the_auxiliary_head_is_descended_too_and_the_main_one_is_logged():
    method = dataclasses.replace(
        oracle.FIXED, num_adversarial=0, label_smoothing=0.3, auxiliary_weight=0.4
    )
    trained = oracle.bound(method, auxiliary=True)
    images, labels = minibatch()
    heads = trained.network.heads(tf.constant(images))
    parts = [losses.smoothed_cross_entropy(labels, x, 0.3) for x in heads]
    loss = np.mean(parts[0] + 0.4 * parts[1]) + trained.l2_penalty()
    right, other = (100 * np.mean(np.argmax(x, -1) == labels) for x in heads)
    assert right != other
    before = training.values(trained)
    found = training.step(trained, (images, labels))
    assert float(found["loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(found["accuracy"]) == pytest.approx(right)
    assert training.changed(trained, before) == set(before)


def test_a_network_without_heads_is_crafted_in_inference_and_trained_in_training_mode():
    linear = functools.partial(training.Linear, norms.DEFAULT)
    trained = training.bound(oracle.FIXED, linear)
    training.step(trained, minibatch())
    *crafting, update = (mode["training"] for _, mode in trained.network.calls)
    assert update is True and crafting and not any(crafting)


def test_crafting_is_in_inference_mode_and_moves_no_statistic():
    images, labels = minibatch()
    trained = oracle.bound(oracle.FIXED, norm=norms.DEFAULT)
    before = [v.numpy() for v in trained.network.norm.non_trainable_variables]
    trained.craft(trained.network, tf.constant(images), tf.constant(labels), seed=0)
    for variable, value in zip(
        trained.network.norm.non_trainable_variables, before, strict=True
    ):
        np.testing.assert_array_equal(variable.numpy(), value)
    trained.network.calls.clear()
    training.step(trained, (images, labels))
    modes = [mode["training"] for _, mode in trained.network.calls]
    assert modes[-1] is True and modes[:-1] and not any(modes[:-1])
    # One pass over the mixture: its statistics are those of all m images.
    mixed = (
        np.asarray(trained.network.calls[-1][0]).reshape(oracle.M, -1) / training.UNIT
    )
    mean = trained.network.norm.non_trainable_variables[0]
    np.testing.assert_allclose(mean.numpy(), 0.1 * mixed.mean(0), atol=1e-5)


def test_dropout_gets_a_seed_that_changes_with_the_update():
    trained = oracle.bound(oracle.FIXED)
    for seed in (0, 1):
        training.step(trained, minibatch(), seed)
    modes = [mode for _, mode in trained.network.calls]
    seeds = [int(mode["seed"]) for mode in modes if mode["training"]]
    assert len(set(seeds)) == 2


@pytest.mark.parametrize(("images", "replicas"), [(32, 1), (16, 2), (96, 3), (2, 16)])
def test_a_replica_may_hold_any_even_share(images, replicas):
    oracle.STEP_LL.check_share(images)


@pytest.mark.parametrize("images", [1, 3, 33])
def test_a_replica_that_cannot_replace_its_share_is_refused(images):
    with pytest.raises(ValueError, match=f"16 of every 32 .*{images} images a replica"):
        oracle.STEP_LL.check_share(images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_adversarial": 33}, "num_adversarial=33"),
        ({"adversarial_weight": -0.3}, "adversarial_weight=-0.3"),
        ({"adversarial_weight": float("nan")}, "adversarial_weight=nan"),
        ({"num_adversarial": 0, "minibatch": 0}, "minibatch=0, which is 1 or more"),
        ({"attack": None}, "num_adversarial=16"),
        ({"delay": -1}, "delay=-1"),
        ({"auxiliary_weight": -1}, "auxiliary_weight=-1"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"num_adversarial": 32, "adversarial_weight": 0}, "adversarial_weight=0"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(change, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        dataclasses.replace(oracle.STEP_LL, **change)
    assert message in str(error.value)


def test_the_cost_of_crafting_is_the_share_of_the_batch():
    assert oracle.STEP_LL.attack_passes == 0.5
    assert MixedTraining(num_adversarial=0).attack_passes == 0
    iterated = MixedTraining(attacks.IterLL(16.0), num_adversarial=32)
    assert iterated.attack_passes == 20
