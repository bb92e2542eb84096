"""Alg. 1 against NumPy twins on a linear softmax model, and its edges."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from common.training import optimizers
from kurakin2017 import algorithm
from kurakin2017.algorithm import MixedTraining
from tests import linear, twins

EPSILON, RATE, L2 = 8.0, 0.05, 0.02
M, K = 8, 4
CHOSEN = np.arange(1, M, 2)  # every second image, since k / m is 1 / 2
STEP_LL = MixedTraining(attacks.StepLL(16.0))
FIXED = MixedTraining(
    attacks.StepLL(EPSILON),
    num_adversarial=K,
    minibatch=M,
    random_epsilon=False,
    delay=0,
    label_smoothing=0.0,
)


class Heads(linear.Linear):
    """The linear model; its auxiliary head, if asked for, is a layer of its own."""

    def __init__(self, norm=False, auxiliary=False):
        super().__init__(norm)
        self.auxiliary = keras.layers.Dense(twins.CLASSES) if auxiliary else None
        self.calls = []

    def call(self, images, training=False):
        self.calls.append((images, training, None))
        return super().call(images, training=training)

    def heads(self, images, training=False, seed=None):
        self.calls.append((images, training, seed))
        logits = super().call(images, training=training)
        if not self.auxiliary:
            return (logits,)
        flat = tf.reshape(images, [-1, twins.PIXELS]) / linear.UNIT
        return logits, self.auxiliary(flat)


def bound(method, *, l2=L2, num_replicas=1, **network):
    keras.utils.set_random_seed(0)
    network = Heads(**network)
    network.heads(tf.zeros([1, *twins.IMAGE]))
    network.calls.clear()
    optimizer = optimizers.Momentum(0.9).build(RATE)
    return method.build(network, optimizer, l2=l2, num_replicas=num_replicas)


def minibatch(seed=0, count=M):
    images, labels = twins.batch(count, seed=seed)
    return np.clip(images * 1.2 - 25, 0, 255).astype(np.float32), labels


def step(trained, batch, seed=0):
    metrics, state = trained.train_step(tuple(map(tf.constant, batch)), (), seed)
    assert state == ()
    return metrics


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
        steps = EPSILON * np.sign(gradient).reshape(images.shape)
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
            self.weights[i] = self.weights[i] - RATE * self.velocities[i]
        return loss, 100 * (logits.argmax(-1) == labels).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.3, 1.0, 0.0])
def test_three_updates_agree_with_numpy(weight, smoothing):
    method = dataclasses.replace(
        FIXED, adversarial_weight=weight, label_smoothing=smoothing
    )
    trained = bound(method)
    twin = Twin(trained)
    for seed in range(3):
        batch = minibatch(seed)
        metrics = step(trained, batch)
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
        return self.table[: images.shape[0]] + 0.0 * tf.reduce_sum(images)

    def heads(self, images, training=False, seed=None):
        return (self.call(images),)


def example_weights(method, count, num_replicas=1):
    """The factor of every example's loss, read from one step of plain descent."""
    network = Table(count)
    network(tf.zeros([1, *twins.IMAGE]))
    network.table.assign(tf.zeros([count, twins.CLASSES]))
    optimizer = optimizers.Momentum(0.0).build(1.0)
    trained = method.build(network, optimizer, l2=0.0, num_replicas=num_replicas)
    images, labels = minibatch(count=count)
    step(trained, (images, np.zeros_like(labels)))
    # d loss / d logit of the label is weight * (1 / K - 1) at equal logits.
    return network.table.numpy()[:, 0] / (1 - 1 / twins.CLASSES)


def test_the_weights_of_the_paper_and_their_totals():
    method = dataclasses.replace(STEP_LL, delay=0, label_smoothing=0.0)
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
        STEP_LL,
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
    method = dataclasses.replace(STEP_LL, delay=0, label_smoothing=0.0)
    one = example_weights(method, 32)
    np.testing.assert_allclose(example_weights(method, 32, 5), one / 5, atol=1e-7)


def mixed_batch(method, batch, seed=0, **network):
    """The images of the training pass, back in the order of the batch."""
    trained = bound(method, **network)
    step(trained, batch, seed)
    images = np.asarray(trained.network.calls[-1][0])
    position = np.arange(len(images))
    k, m = method.num_adversarial, method.minibatch
    chosen = (position + 1) * k // m > position * k // m
    order = np.concatenate([position[chosen], position[~chosen]])
    result = np.empty_like(images)
    result[order] = images
    return result, chosen


def test_k_of_every_m_images_are_replaced_and_the_others_kept():
    images, labels = minibatch(count=2 * M)
    mixed, chosen = mixed_batch(FIXED, (images, labels))
    assert len(mixed) == 2 * M and chosen.sum() == 2 * K
    np.testing.assert_array_equal(np.flatnonzero(chosen)[:K], CHOSEN)
    np.testing.assert_array_equal(mixed[~chosen], images[~chosen])
    moved = np.abs(mixed - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(moved[chosen], EPSILON, atol=1e-4)


@pytest.mark.parametrize(("k", "changed"), [(0, 0), (M, M), (2, 2), (3, 3)])
def test_as_many_images_as_k_change(k, changed):
    batch = minibatch()
    method = dataclasses.replace(FIXED, num_adversarial=k)
    mixed, _ = mixed_batch(method, batch)
    assert (mixed != batch[0]).any(axis=(1, 2, 3)).sum() == changed


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_all_adversarial_does_not_depend_on_lambda(weight):
    batch = minibatch()
    method = dataclasses.replace(FIXED, num_adversarial=M)
    reference = bound(method)
    expected = step(reference, batch)
    if weight == 0.0:
        with pytest.raises(ValueError, match="adversarial_weight=0"):
            dataclasses.replace(method, adversarial_weight=weight)
        return
    trained = bound(dataclasses.replace(method, adversarial_weight=weight))
    found = step(trained, batch)
    assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)


@pytest.mark.parametrize("change", [{"num_adversarial": 0}, {"adversarial_weight": 1}])
def test_without_adversaries_or_with_equal_weights_it_is_the_plain_mean(change):
    batch = minibatch()
    method = dataclasses.replace(FIXED, **change)
    trained = bound(method)
    plain = bound(method)
    mixed, _ = mixed_batch(method, batch)
    expected = plain.descend(tf.constant(mixed), tf.constant(batch[1]))
    found = step(trained, batch)
    assert float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)
    for a, b in zip(trained.theta, plain.theta, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)


def test_the_delay_counts_updates_and_starts_with_the_plain_mean():
    method = dataclasses.replace(FIXED, delay=2)
    trained, plain = bound(method), bound(dataclasses.replace(FIXED, num_adversarial=0))
    for update in range(3):
        batch = minibatch(update)
        found, expected = step(trained, batch), step(plain, batch)
        same = float(found["loss"]) == pytest.approx(float(expected["loss"]), rel=1e-6)
        assert same == (update < 2)


def test_crafting_is_in_inference_mode_and_moves_no_statistic():
    images, labels = minibatch()
    trained = bound(FIXED, norm=True)
    before = [v.numpy() for v in trained.network.norm.non_trainable_variables]
    attack = trained._with_epsilons(tf.constant(images), 0)
    attack(trained._logits, tf.constant(images), tf.constant(labels), seed=0)
    for variable, value in zip(
        trained.network.norm.non_trainable_variables, before, strict=True
    ):
        np.testing.assert_array_equal(variable.numpy(), value)
    trained.network.calls.clear()
    step(trained, (images, labels))
    modes = [training for _, training, _ in trained.network.calls]
    assert modes[-1] is True and modes[:-1] and not any(modes[:-1])
    # One pass over the mixture: its statistics are those of all m images.
    mixed = np.asarray(trained.network.calls[-1][0]).reshape(M, -1) / linear.UNIT
    mean = trained.network.norm.non_trainable_variables[0]
    np.testing.assert_allclose(mean.numpy(), 0.1 * mixed.mean(0), atol=1e-5)


def test_the_attack_gradient_does_not_reach_the_weights():
    """A step with crafted images equals one on the same images as constants."""
    batch = minibatch()
    trained = bound(FIXED)
    mixed, chosen = mixed_batch(FIXED, batch)
    constant = bound(dataclasses.replace(FIXED, num_adversarial=0))
    metrics = step(trained, batch)
    step(constant, (mixed[chosen], batch[1][chosen]))
    assert np.isfinite(float(metrics["loss"]))
    twin = Twin(bound(FIXED))
    twin.update(*batch)
    kernel = trained.network.dense.kernel.numpy()
    np.testing.assert_allclose(kernel, twin.weights[0], atol=1e-5)


def test_the_auxiliary_head_counts_with_its_weight():
    batch = minibatch()
    losses = {}
    for weight in (0.0, 0.4, 1.0):
        method = dataclasses.replace(FIXED, auxiliary_weight=weight)
        losses[weight] = float(step(bound(method, auxiliary=True), batch)["loss"])
    share = (losses[0.4] - losses[0.0]) / (losses[1.0] - losses[0.0])
    assert losses[1.0] > losses[0.0] and share == pytest.approx(0.4, rel=1e-4)


def test_dropout_gets_a_seed_that_changes_with_the_update():
    trained = bound(FIXED)
    for seed in (0, 1):
        step(trained, minibatch(), seed)
    seeds = [int(s) for _, training, s in trained.network.calls if training]
    assert len(set(seeds)) == 2


def test_the_law_of_epsilon():
    images = tf.random.stateless_uniform([20_000, 1, 1, 4], [0, 1], 0.0, 255.0)
    draw = tf.function(lambda seed: algorithm.random_epsilons(images, seed, largest=16))
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
    images, labels = minibatch()
    method = dataclasses.replace(FIXED, random_epsilon=True)
    mixed, chosen = mixed_batch(method, (images, labels), seed=5)
    moved = np.abs(mixed - images).max(axis=(1, 2, 3))[chosen]
    epsilons = algorithm.random_epsilons(
        tf.constant(images[chosen]), 5, largest=EPSILON
    )
    np.testing.assert_allclose(moved, epsilons, atol=1e-4)
    assert len(np.unique(moved.round(3))) == K
    turned = algorithm.random_epsilons(
        tf.constant(images[chosen][::-1].copy()), 5, largest=EPSILON
    )
    np.testing.assert_array_equal(np.asarray(turned)[::-1], epsilons)


@pytest.mark.parametrize(("images", "replicas"), [(32, 1), (16, 2), (96, 3), (2, 16)])
def test_a_replica_may_hold_any_even_share(images, replicas):
    assert STEP_LL.initial_state((images, 8, 8, 1)) == ()


@pytest.mark.parametrize("images", [1, 3, 33])
def test_a_replica_that_cannot_replace_its_share_is_refused(images):
    with pytest.raises(ValueError, match=f"16 of every 32 .*{images} images a replica"):
        STEP_LL.initial_state((images, 8, 8, 1))


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
        dataclasses.replace(STEP_LL, **change)
    assert message in str(error.value)


def test_the_cost_of_crafting_is_the_share_of_the_batch():
    assert STEP_LL.attack_passes == 0.5
    assert MixedTraining(num_adversarial=0).attack_passes == 0
    iterated = MixedTraining(attacks.IterLL(16.0), num_adversarial=32)
    assert iterated.attack_passes == 20


@dataclasses.dataclass(frozen=True)
class Spy:
    """An attack that writes what it is given into a list."""

    epsilon: float
    seen: list = dataclasses.field(default_factory=list, compare=False)

    def __call__(self, logits_fn, images, labels, *, seed):
        self.seen.append((images, self.epsilon, seed))
        return images


@pytest.mark.parametrize("attack_stream", [1, 2, 3])
def test_epsilon_says_nothing_about_what_the_attack_draws(attack_stream):
    """Attacks fold streams into their seed, for targets and noise, by the image too."""
    count = 600
    spy = Spy(16.0)
    method = dataclasses.replace(STEP_LL, attack=spy, num_adversarial=32, delay=0)
    step(bound(method), minibatch(count=count - count % 32), seed=7)
    images, epsilons, seed = spy.seen[-1]
    keys = backend.example_keys(images)
    draws = backend.uniform(keys.shape, backend.fold(seed, attack_stream), keys=keys)
    assert len(np.unique(epsilons)) > count / 2
    assert abs(np.corrcoef(draws, epsilons)[0, 1]) < 0.15
