"""The probe's accuracies, and when it raises the alarm."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, data, evaluation, models
from common.models import norms
from common.training import probe

ATTACK = attacks.PGD(epsilon=40.0, step_size=10.0, num_steps=3)
DATA = data.Digits().train_slice(40)


def make(history=(), network=None):
    return probe.Probe(network, ATTACK, DATA, history=history)


def accuracies(clean, fgsm, pgd):
    return {"clean_accuracy": clean, "fgsm_accuracy": fgsm, "pgd_accuracy": pgd}


def alarms(*rows, history=()):
    prober = make(history)
    return [prober.alarm(accuracies(*row)) for row in rows]


def test_a_fall_of_pgd_accuracy_from_its_best_is_an_alarm():
    quiet, message = alarms((70, 40, 35), (80, 90, 1))
    assert quiet is None
    assert "PGD accuracy 1.0 % after 35.0 %" in message


def test_a_small_fall_is_none():
    assert alarms((70, 40, 35), (75, 30, 16), (80, 40, 34)) == [None] * 3


def test_the_alarm_goes_on_until_robustness_is_back():
    raised = [bool(m) for m in alarms((9, 30, 30), (9, 5, 5), (9, 4, 4), (9, 30, 29))]
    assert raised == [False, True, True, False]


def test_pgd_far_below_fgsm_is_an_alarm_once_the_network_was_robust():
    quiet, message = alarms((70, 40, 25), (80, 60, 24))
    assert quiet is None
    assert "PGD accuracy 24.0 % is far below FGSM's 60.0 %" in message


@pytest.mark.parametrize("pgd_accuracy", [0, 5, 19])
def test_a_natural_network_never_alarms(pgd_accuracy):
    # One step leaves a natural network much of its accuracy, many steps nothing.
    rows = [(60, 10, pgd_accuracy), (90, 60, pgd_accuracy), (99, 70, 0)]
    assert alarms(*rows) == [None] * 3


def test_the_best_is_taken_from_before_an_interruption():
    history = [{"step": 1, **accuracies(50, 40, x)} for x in (30, 45, 40)]
    (message,) = alarms((80, 30, 20), history=history)
    assert "after 45.0 %" in message
    assert alarms((80, 30, 20)) == [None]


def test_its_accuracies_are_those_of_an_evaluation():
    network = models.WideResNet(depth=8, width=1).build(10, 8, channels=1)
    before = [v.numpy() for v in network.variables]
    found = make(network=network)()

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
    assert make(network=network)() == found
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
    found = list(make(network=network)().values())
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
        return tf.one_hot(tf.zeros(len(images), tf.int32), 10)

    share = percent(network(DATA[0], training=False), DATA[1])
    assert make(network=network)() == pytest.approx(accuracies(share, share, share))
