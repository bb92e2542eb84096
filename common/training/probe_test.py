"""The probe's accuracies, and when it raises the alarm."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, data, evaluation
from common.models import norms
from common.training import probe
from tests import small_paper

ATTACK = attacks.PGD(epsilon=40.0, step_size=10.0, num_steps=3)
DATA = data.Digits().train_slice(40)


def make(history=(), network=None, **settings):
    return probe.Probe(network, ATTACK, DATA, history=history, **settings)


def accuracies(clean, fgsm, pgd, no_gradient=0):
    found = {"clean_accuracy": clean, "fgsm_accuracy": fgsm, "pgd_accuracy": pgd}
    return {**found, "no_gradient": no_gradient}


def test_it_raises_the_alarms_of_its_step_alone():
    prober = make()
    assert prober.alarms(1, accuracies(70, 40, 35)) == []
    (message,) = prober.alarms(2, accuracies(80, 90, 1))
    assert "fell to 1.0 % after 35.0 %" in message
    assert prober.alarms(3, accuracies(80, 40, 34)) == []


def test_the_best_is_taken_from_before_an_interruption():
    history = [{"step": i, **accuracies(50, 40, x)} for i, x in enumerate((30, 45, 40))]
    (message,) = make(history).alarms(3, accuracies(80, 30, 20))
    assert "after 45.0 %" in message
    assert make().alarms(3, accuracies(80, 30, 20)) == []


def test_images_that_are_right_and_have_no_gradient_are_counted():
    kernel = np.random.default_rng(0).normal(size=(64, 10)).astype(np.float32)

    def network(images, training):
        flat = tf.reshape(images, [-1, 64]) / 255.0
        logits = flat @ kernel
        dead = tf.reduce_mean(flat, axis=-1, keepdims=True) > 0.3
        return tf.where(dead, tf.stop_gradient(logits), logits)

    images, labels = DATA
    right = np.argmax(network(images, False), -1) == labels
    dead = images.mean(axis=(1, 2, 3)) > 0.3 * 255
    assert 0 < (right & dead).sum() < right.sum() and (dead & ~right).any()
    assert make(network=network)()["no_gradient"] == (right & dead).sum()


def test_its_accuracies_are_those_of_an_evaluation():
    network = small_paper.Network().build(10, 8, channels=1)
    before = [v.numpy() for v in network.variables]
    prober = make(network=network)
    found = prober()

    def logits_fn(images):
        return network(images, training=False)

    def share(images):
        return 100.0 * np.mean(np.argmax(logits_fn(images), -1) == DATA[1])

    images, labels = map(tf.constant, DATA)
    fgsm = attacks.FGSM(ATTACK.epsilon)(logits_fn, images, labels)
    assert found["fgsm_accuracy"] == pytest.approx(share(fgsm))
    assert found["pgd_accuracy"] == pytest.approx(
        share(ATTACK(logits_fn, images, labels, seed=0))
    )
    record = evaluation.evaluate(logits_fn, tf.data.Dataset.from_tensors(DATA))
    assert found["clean_accuracy"] == pytest.approx(record.accuracy)
    assert prober() == found
    for value, variable in zip(before, network.variables, strict=True):
        np.testing.assert_array_equal(value, variable.numpy())


class Branched:
    """Logits that are linear in the pixels, with a kernel for each branch."""

    branches = norms.MIXTURE

    def __init__(self):
        kernels = np.random.default_rng(3).normal(size=(2, 64, 10)) / 100
        self.kernels = dict(zip(self.branches, np.float32(kernels), strict=True))

    def __call__(self, images, training, branch):
        assert training is False
        return tf.reshape(images, [-1, 64]) @ self.kernels[branch]


def percent(logits, labels):
    return 100.0 * np.mean(np.argmax(logits, -1) == labels)


def test_a_mixture_is_probed_through_its_adversarial_branch():
    network, by_branch = Branched(), {}
    images, labels = map(tf.constant, DATA)
    for branch in network.branches:

        def logits_fn(x, branch=branch):
            return network(x, training=False, branch=branch)

        fgsm = attacks.FGSM(ATTACK.epsilon)(logits_fn, images, labels)
        pgd = ATTACK(logits_fn, images, labels, seed=0)
        by_branch[branch] = [percent(logits_fn(x), labels) for x in (images, fgsm, pgd)]
    found = list(make(network=network)().values())[:3]
    assert found == pytest.approx(by_branch["adversarial"])
    assert found != pytest.approx(by_branch["clean"])


def test_a_targeted_probe_counts_the_true_label():
    network = Branched()

    def logits_fn(x):
        return network(x, training=False, branch="adversarial")

    images = tf.constant(DATA[0])
    labels = np.argmax(logits_fn(images), -1).astype(np.int32)  # right at first
    targeted = attacks.PGD(2.0, 1.0, num_steps=3, targeted="random")
    found = probe.Probe(network, targeted, (DATA[0], labels))()
    adv_images = targeted(logits_fn, images, tf.constant(labels), seed=0)
    right = percent(logits_fn(adv_images), labels)
    assert found["clean_accuracy"] == 100.0
    assert found["pgd_accuracy"] == pytest.approx(right)
    assert found["fgsm_accuracy"] < right < 100


def test_a_network_without_branches_is_asked_for_none():
    def network(images, training):
        assert training is False
        return tf.reshape(images, [-1, 64])[:, 20:30]

    found = make(network=network)()
    assert found["clean_accuracy"] == percent(network(DATA[0], training=False), DATA[1])
    assert make(network=network, batch_size=16)() == found
