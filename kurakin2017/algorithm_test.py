"""Alg. 1 against NumPy twins on a linear softmax model, and its edges."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.attacks import cost, losses
from common.models import logits
from common.training import optimizers
from kurakin2017.algorithm import MixedTraining
from tests import linear, mixing, twins


class Twin:
    """One update of Alg. 1 in float64 NumPy, with fixed epsilon."""

    def __init__(self, trained):
        self.weights = [np.float64(v) for v in trained.network.dense.variables]
        self.velocities = [np.zeros_like(w) for w in self.weights]
        self.method = trained

    def logits(self, images):
        kernel, bias = self.weights
        return images.reshape(len(images), -1) / linear.UNIT @ kernel + bias

    def crafted(self, images):
        logits = self.logits(images)
        target = np.eye(twins.CLASSES)[logits.argmin(-1)]
        gradient = (twins.softmax(logits) - target) @ self.weights[0].T
        steps = mixing.EPSILON * np.sign(gradient).reshape(images.shape)
        return np.clip(images - steps, 0, 255)

    def update(self, images, labels):
        method = self.method
        mixed = images.astype(np.float64)
        chosen = np.arange(len(images)) % 2 == 1
        mixed[chosen] = self.crafted(mixed[chosen])
        weights = np.where(chosen, method.adversarial_weight, 1.0)
        logits = self.logits(mixed)
        smoothing = method.label_smoothing
        target = (1 - smoothing) * np.eye(twins.CLASSES)[labels]
        target += smoothing / twins.CLASSES
        example_losses = -(target * np.log(twins.softmax(logits))).sum(-1)
        kernel, _ = self.weights
        loss = (weights * example_losses).sum() / weights.sum()
        loss += method.l2 / 2 * (kernel**2).sum()
        residual = (twins.softmax(logits) - target) * (weights / weights.sum())[:, None]
        flat = mixed.reshape(len(mixed), -1) / linear.UNIT
        gradients = [flat.T @ residual + method.l2 * kernel, residual.sum(0)]
        for i, gradient in enumerate(gradients):
            self.velocities[i] = 0.9 * self.velocities[i] + gradient
            self.weights[i] = self.weights[i] - mixing.RATE * self.velocities[i]
        return loss, 100 * (logits.argmax(-1) == labels).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.3, 1.0, 0.0])
def test_three_updates_agree_with_numpy(weight, smoothing):
    method = dataclasses.replace(
        mixing.FIXED, adversarial_weight=weight, label_smoothing=smoothing
    )
    trained = mixing.bound(method)
    twin = Twin(trained)
    for seed in range(3):
        batch = mixing.minibatch(seed)
        metrics = mixing.step(trained, batch)
        expected = twin.update(*batch)
        found = (float(metrics["loss"]), float(metrics["accuracy"]))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        variables = trained.network.dense.variables
        for variable, value in zip(variables, twin.weights, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, atol=1e-5)


class Table(keras.Model):
    """A network whose logits are its weights, so that gradients show the weights."""

    def __init__(self, count):
        super().__init__()
        self.table = self.add_weight(shape=(count, twins.CLASSES), name="table")

    def call(self, images, training=False):
        pixels = tf.reduce_sum(images, [1, 2, 3])[:, None]  # for a gradient of its own
        only = tf.one_hot([0], twins.CLASSES)
        return self.table[: images.shape[0]] + 1e-12 * pixels * only

    def heads(self, images, training=False, seed=None):
        return (self.call(images),)


def example_weights(method, count, num_replicas=1):
    """The factor of every example's loss, read from one step of descent."""
    network = Table(count)
    network(tf.zeros([1, *twins.IMAGE]))
    network.table.assign(tf.zeros([count, twins.CLASSES]))
    optimizer = optimizers.Momentum(0.0).build(1.0)
    trained = method.build(network, optimizer, l2=0.0, num_replicas=num_replicas)
    images, labels = mixing.minibatch(count=count)
    mixing.step(trained, (images, np.zeros_like(labels)))
    # d loss / d logit of the label is weight * (1 / mixing.K - 1) at equal logits.
    return network.table.numpy()[:, 0] / (1 - 1 / twins.CLASSES)


def test_the_weights_of_the_paper_and_their_totals():
    method = dataclasses.replace(mixing.STEP_LL, delay=0, label_smoothing=0.0)
    weights = example_weights(method, 32)
    adversarial, clean = weights[:16], weights[16:]
    np.testing.assert_allclose(clean, 0.048077, atol=5e-7)
    np.testing.assert_allclose(adversarial, 0.014423, atol=5e-7)
    assert clean.sum() == pytest.approx(0.769231, abs=1e-6)
    assert adversarial.sum() == pytest.approx(0.230769, abs=1e-6)


@pytest.mark.parametrize("k", [0, 4, 32])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_weights_sum_to_one_and_stand_in_the_ratio_lambda(k, weight):
    if k == 32 and weight == 0.0:
        return  # nothing is left to learn from; refused, see below
    method = dataclasses.replace(
        mixing.STEP_LL,
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


def test_a_replica_gives_its_share():
    method = dataclasses.replace(mixing.STEP_LL, delay=0, label_smoothing=0.0)
    one = example_weights(method, 32)
    np.testing.assert_allclose(example_weights(method, 32, 5), one / 5, atol=1e-7)


def test_k_of_every_m_images_are_replaced_and_the_others_kept():
    images, labels = mixing.minibatch(count=2 * mixing.M)
    mixed, chosen = mixing.mixed_batch(mixing.FIXED, (images, labels))
    assert len(mixed) == 2 * mixing.M and chosen.sum() == 2 * mixing.K
    np.testing.assert_array_equal(np.flatnonzero(chosen)[: mixing.K], mixing.CHOSEN)
    np.testing.assert_array_equal(mixed[~chosen], images[~chosen])
    moved = np.abs(mixed - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(moved[chosen], mixing.EPSILON, atol=1e-4)


@pytest.mark.parametrize("k", [0, 2, 3, mixing.M])
def test_as_many_images_as_k_change(k):
    batch = mixing.minibatch()
    method = dataclasses.replace(mixing.FIXED, num_adversarial=k)
    mixed, _ = mixing.mixed_batch(method, batch)
    assert (mixed != batch[0]).any(axis=(1, 2, 3)).sum() == k


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_all_adversarial_does_not_depend_on_lambda(weight):
    batch = mixing.minibatch()
    method = dataclasses.replace(mixing.FIXED, num_adversarial=mixing.M)
    reference = mixing.bound(method)
    expected = mixing.step(reference, batch)
    if weight == 0.0:
        with pytest.raises(ValueError, match="adversarial_weight=0"):
            dataclasses.replace(method, adversarial_weight=weight)
        return
    trained = mixing.bound(dataclasses.replace(method, adversarial_weight=weight))
    found = mixing.step(trained, batch)
    assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)


@pytest.mark.parametrize("change", [{"num_adversarial": 0}, {"adversarial_weight": 1}])
def test_without_adversaries_or_with_equal_weights_it_is_the_plain_mean(change):
    batch = mixing.minibatch()
    method = dataclasses.replace(mixing.FIXED, **change)
    trained = mixing.bound(method)
    plain = mixing.bound(method)
    mixed, _ = mixing.mixed_batch(method, batch)
    expected = plain.descend(tf.constant(mixed), tf.constant(batch[1]), 0)
    found = mixing.step(trained, batch)
    assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)
    for a, b in zip(trained.theta, plain.theta, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_the_delay_counts_updates_and_starts_with_the_plain_mean():
    method = dataclasses.replace(mixing.FIXED, delay=2)
    clean = dataclasses.replace(mixing.FIXED, num_adversarial=0)
    trained, plain = mixing.bound(method), mixing.bound(clean)
    for update in range(3):
        batch = mixing.minibatch(update)
        found, expected = mixing.step(trained, batch), mixing.step(plain, batch)
        same = float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)
        assert same == (update < 2)


@pytest.mark.parametrize("own", [True, False])
def test_it_crafts_up_the_cost_that_it_descends_or_up_the_attack_s_own(own):
    method = dataclasses.replace(
        mixing.FIXED,
        attack=attacks.FGSM(mixing.EPSILON),
        label_smoothing=0.3,
        auxiliary_weight=0.4,
        climbs_own_cost=own,
    )
    images, labels = mixing.minibatch()
    mixed, chosen = mixing.mixed_batch(method, (images, labels), auxiliary=True)
    trained = mixing.bound(method, auxiliary=True)
    seen = tf.constant(images[chosen])
    heads = trained.network.heads(seen)
    assert len(heads) == 2 and trained.cost == cost.TrainingCost(0.3, 0.4)
    expected = {
        which: attacks.FGSM(mixing.EPSILON, cost=climbed)(
            logits.inference(trained.network), seen, labels[chosen]
        ).numpy()
        for which, climbed in ((True, trained.cost), (False, cost.HARD))
    }
    np.testing.assert_allclose(mixed[chosen], expected[own], atol=1e-4)
    assert np.mean(np.abs(expected[True] - expected[False]) > 1) > 0.01
    # What is descended is that same cost.
    found = trained.cost(labels[chosen], heads)
    parts = [losses.smoothed_cross_entropy(labels[chosen], x, 0.3) for x in heads]
    np.testing.assert_allclose(found, parts[0] + 0.4 * parts[1], rtol=1e-6)


def test_crafting_is_in_inference_mode_and_moves_no_statistic():
    images, labels = mixing.minibatch()
    trained = mixing.bound(mixing.FIXED, norm=True)
    before = [v.numpy() for v in trained.network.norm.non_trainable_variables]
    attack = trained._on_images(tf.constant(images), 0)
    logits_fn = logits.inference(trained.network)
    attack(logits_fn, tf.constant(images), tf.constant(labels), seed=0)
    for variable, value in zip(
        trained.network.norm.non_trainable_variables, before, strict=True
    ):
        np.testing.assert_array_equal(variable.numpy(), value)
    trained.network.calls.clear()
    mixing.step(trained, (images, labels))
    modes = [training for _, training, _ in trained.network.calls]
    assert modes[-1] is True and modes[:-1] and not any(modes[:-1])
    # One pass over the mixture: its statistics are those of all m images.
    mixed = np.asarray(trained.network.calls[-1][0]).reshape(mixing.M, -1) / linear.UNIT
    mean = trained.network.norm.non_trainable_variables[0]
    np.testing.assert_allclose(mean.numpy(), 0.1 * mixed.mean(0), atol=1e-5)


def test_the_attack_gradient_does_not_reach_the_weights():
    """A step with crafted images equals one on the same images as constants."""
    batch = mixing.minibatch()
    trained = mixing.bound(mixing.FIXED)
    mixed, chosen = mixing.mixed_batch(mixing.FIXED, batch)
    constant = mixing.bound(dataclasses.replace(mixing.FIXED, num_adversarial=0))
    metrics = mixing.step(trained, batch)
    mixing.step(constant, (mixed[chosen], batch[1][chosen]))
    assert np.isfinite(float(metrics["loss"]))
    twin = Twin(mixing.bound(mixing.FIXED))
    twin.update(*batch)
    kernel = trained.network.dense.kernel.numpy()
    np.testing.assert_allclose(kernel, twin.weights[0], atol=1e-5)


def test_the_auxiliary_head_counts_with_its_weight():
    batch = mixing.minibatch()
    losses = {}
    for weight in (0.0, 0.4, 1.0):
        method = dataclasses.replace(mixing.FIXED, auxiliary_weight=weight)
        losses[weight] = float(
            mixing.step(mixing.bound(method, auxiliary=True), batch)["loss"]
        )
    share = (losses[0.4] - losses[0.0]) / (losses[1.0] - losses[0.0])
    assert losses[1.0] > losses[0.0] and share == pytest.approx(0.4, rel=1e-4)


def test_dropout_gets_a_seed_that_changes_with_the_update():
    trained = mixing.bound(mixing.FIXED)
    for seed in (0, 1):
        mixing.step(trained, mixing.minibatch(), seed)
    seeds = [int(s) for _, training, s in trained.network.calls if training]
    assert len(set(seeds)) == 2


@pytest.mark.parametrize(("images", "replicas"), [(32, 1), (16, 2), (96, 3), (2, 16)])
def test_a_replica_may_hold_any_even_share(images, replicas):
    assert mixing.STEP_LL.initial_state((images, 8, 8, 1)) == ()


@pytest.mark.parametrize("images", [1, 3, 33])
def test_a_replica_that_cannot_replace_its_share_is_refused(images):
    with pytest.raises(ValueError, match=f"16 of every 32 .*{images} images a replica"):
        mixing.STEP_LL.initial_state((images, 8, 8, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_adversarial": 33}, "num_adversarial=33"),
        ({"num_adversarial": -1}, "num_adversarial=-1"),
        ({"adversarial_weight": -0.3}, "adversarial_weight=-0.3"),
        ({"attack": None}, "num_adversarial=16"),
        ({"delay": -1}, "delay=-1"),
        ({"auxiliary_weight": -1}, "auxiliary_weight=-1"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
        ({"num_adversarial": 32, "adversarial_weight": 0}, "adversarial_weight=0"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(change, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        dataclasses.replace(mixing.STEP_LL, **change)
    assert message in str(error.value)


def test_the_cost_of_crafting_is_the_share_of_the_batch():
    assert mixing.STEP_LL.attack_passes == 0.5
    assert MixedTraining(num_adversarial=0).attack_passes == 0
    iterated = MixedTraining(attacks.IterLL(16.0), num_adversarial=32)
    assert iterated.attack_passes == 20
