"""PGD against closed forms, properties and an independent NumPy twin."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.attacks import losses, objective
from common.attacks.attack import Problem, restart_seed
from tests.oracles import textbook


def random_targets(images, labels, *, seed):
    """Returns the class whose logit a random-target attack raises."""
    logits = tf.zeros([len(labels), textbook.CLASSES])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        problem = Problem(lambda _: logits, images, labels, seed)
        value = objective.objective(problem, source="random")(images)
    return np.argmax(tape.gradient(value, logits), -1)


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("targeted", ["no", "least_likely", "random"])
def test_twenty_steps_agree_with_numpy(loss, targeted):
    network = textbook.TinyNetwork()
    images, labels = textbook.batch()
    classes = {
        "no": labels,
        "least_likely": network.logits(images).argmin(-1),
        "random": random_targets(images, labels, seed=5),
    }[targeted]
    attack = attacks.PGD(8.0, 1.7, 20, random_start=False, loss=loss, targeted=targeted)
    sign = 1.0 if targeted == "no" else -1.0
    expected = textbook.attacked(
        network, images, classes, attack=attack, loss=loss, sign=sign
    )
    adv_images = attack(network, tf.constant(images), labels, seed=5)
    assert np.abs(expected - images).max() > 7.9
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


def test_one_step_of_epsilon_from_the_image_is_fgsm_by_hand():
    size = (int(np.prod(textbook.IMAGE)), textbook.CLASSES)
    weights = np.random.default_rng(3).normal(size=size) / 1000

    def linear(images):
        return tf.reshape(images, [len(images), -1]) @ weights.astype(np.float32)

    images, labels = textbook.batch()
    images = 50 + images * 0.6  # no pixel within epsilon of the range
    logits = linear(images).numpy().astype(np.float64)
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    residual = exp / exp.sum(-1, keepdims=True) - np.eye(textbook.CLASSES)[labels]
    expected = images + 8 * np.sign((residual @ weights.T).reshape(images.shape))
    for attack in (
        attacks.FGSM(8.0),
        attacks.PGD(8.0, 8.0, 1, random_start=False),
        attacks.IterBasic(8.0, 8.0, 1),
    ):
        adv_images = attack(linear, tf.constant(images), labels)
        np.testing.assert_allclose(adv_images, expected, atol=1e-3)


def test_starts_fill_the_ball_uniformly():
    images = np.full((200, *textbook.IMAGE), 100.0, np.float32)
    images += np.arange(200, dtype=np.float32)[:, None, None, None] / 100
    problem = Problem(textbook.TinyNetwork(), tf.constant(images), np.zeros(200))
    start = attacks.PGD(8.0, 1.0, 1).start(problem)
    delta = start.numpy() - images
    quantiles = np.quantile(delta, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(quantiles, [-7.2, -4, 0, 4, 7.2], atol=0.35)


def test_one_radius_per_image_is_that_radius_on_its_image():
    images, labels = textbook.batch(3)
    radii = np.array([1.0, 8.0, 30.0], np.float32)
    adv_images = attacks.PGD(tf.constant(radii), 2.0, 20)(
        textbook.TinyNetwork(), tf.constant(images), labels
    )
    reached = np.abs(adv_images.numpy() - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(reached, radii, atol=1e-3)


def test_targeted_attacks_lower_the_loss_at_their_target():
    network = textbook.TinyNetwork()
    images, labels = textbook.batch(32)
    attack = attacks.PGD(20.0, 2.0, 20, targeted="least_likely")
    target = network.logits(images).argmin(-1)
    adv_images = attack(network, tf.constant(images), labels).numpy()
    before, after = (
        losses.cross_entropy(target, network.logits(x)).numpy()
        for x in (images, adv_images)
    )
    assert (after < before).all()


def test_restarts_unite_their_successes():
    network = textbook.TinyNetwork(seed=4)
    images, labels = textbook.batch(64)
    labels = network.logits(images).argmax(-1).astype(np.int32)
    attack = attacks.PGD(6.0, 6.0, 1)

    def fooled(adv_images):
        return network.logits(np.asarray(adv_images)).argmax(-1) != labels

    single = [
        fooled(
            attack(network, tf.constant(images), labels, seed=restart_seed(9, restart))
        )
        for restart in range(4)
    ]
    united = fooled(
        dataclasses.replace(attack, num_restarts=4)(
            network, tf.constant(images), labels, seed=9
        )
    )
    assert not all((s == united).all() for s in single)
    np.testing.assert_array_equal(united, np.any(single, axis=0))


def test_any_number_of_steps_is_one_trace():
    images, labels = textbook.batch()

    @tf.function
    def attacked(num_steps):
        return attacks.PGD(8.0, 2.0, num_steps)(textbook.TinyNetwork(), images, labels)

    for num_steps in (1, 5, 20):
        attacked(tf.constant(num_steps))
    assert attacked.experimental_get_tracing_count() == 1


def test_the_weights_are_not_differentiated():
    weight = tf.Variable(tf.ones([int(np.prod(textbook.IMAGE)), textbook.CLASSES]))

    @tf.custom_gradient
    def guarded(w):
        def refuse(_):
            raise RuntimeError("differentiated")

        return tf.identity(w), refuse

    def network(images):
        return tf.reshape(images, [len(images), -1]) @ guarded(weight)

    images, labels = textbook.batch()
    attacks.PGD(8.0, 2.0, 2)(network, tf.constant(images), labels)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epsilon": 0.03}, "epsilon=0.03"),
        ({"epsilon": 129.0}, "epsilon=129"),
        ({"step_size": 0.0}, "step_size=0"),
        ({"num_steps": 0}, "num_steps=0"),
        ({"loss": "cross_entrop"}, "Nearest: cross_entropy"),
        ({"targeted": "least"}, "Nearest: least_likely"),
        ({"num_restarts": 0}, "num_restarts=0"),
        ({"num_restarts": 2, "random_start": False}, "random_start=True"),
    ],
)
def test_values_out_of_range_are_refused_when_built(values, message):
    good = {"epsilon": 8.0, "step_size": 2.0, "num_steps": 3}
    with pytest.raises(ValueError, match=message):
        attacks.PGD(**{**good, **values})
