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


def randomised(norm):
    """Returns a network whose variables differ, also between branches."""
    network = models.WideResNet(8, 1, stem_stride=2, norm=norm).build(10, 8, channels=1)
    generator = np.random.default_rng(3)
    for variable in network.variables:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return network


def test_a_mixture_is_probed_through_its_adversarial_branch():
    network = randomised(norms.Batch(norms.MIXTURE))
    before = [v.numpy() for v in network.variables]
    found = make(network=network)()
    images, labels = map(tf.constant, DATA)
    by_branch = {}
    for branch in norms.MIXTURE:

        def logits_fn(x, branch=branch):
            return network(x, training=False, branch=branch)

        seen = [images, attacks.FGSM(ATTACK.epsilon)(logits_fn, images, labels)]
        seen.append(ATTACK(logits_fn, images, labels, seed=0))
        by_branch[branch] = [
            100.0 * np.mean(np.argmax(logits_fn(x), -1) == labels) for x in seen
        ]
    assert list(found.values()) == pytest.approx(by_branch["adversarial"])
    assert by_branch["adversarial"] != by_branch["clean"]
    for value, variable in zip(before, network.variables, strict=True):
        np.testing.assert_array_equal(value, variable.numpy())


def test_a_targeted_probe_counts_the_true_label():
    network = randomised(norms.Group(8))
    images = tf.constant(DATA[0])
    said = np.argmax(network(images), -1).astype(np.int32)  # so all is right at first
    targeted = attacks.PGD(40.0, 10.0, num_steps=3, targeted="random")
    found = probe.Probe(network, targeted, (DATA[0], said))()
    adv_images = targeted(network, images, tf.constant(said), seed=0)
    right = 100.0 * np.mean(np.argmax(network(adv_images), -1) == said)
    assert found["clean_accuracy"] == 100.0
    assert found["pgd_accuracy"] == pytest.approx(right)
    assert 0 < right < 100


def test_a_network_without_branches_is_asked_for_none():
    def network(images, training):
        assert training is False
        return tf.one_hot(tf.zeros(len(images), tf.int32), 10)

    share = 100.0 * np.mean(DATA[1] == 0)
    assert make(network=network)() == pytest.approx(accuracies(share, share, share))
