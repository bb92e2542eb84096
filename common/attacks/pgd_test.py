"""PGD against closed forms, properties and an independent NumPy twin."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from common import attacks
from common.attacks import losses, objective, pgd
from tests.oracles import textbook


def random_targets(images, labels, *, seed):
    """Returns the class whose logit a random-target attack raises."""
    logits = tf.zeros([len(labels), textbook.CLASSES])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        ascended = objective.objective(
            lambda _: logits, images, labels, source="random", seed=seed
        )
        value = ascended(images)
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


@settings(max_examples=20, deadline=None)
@given(
    epsilon=st.floats(0.1, 64),
    step=st.floats(0.06, 20),
    num_steps=st.integers(1, 4),
    seed=st.integers(0, 2**31),
)
def test_images_stay_in_the_ball_and_in_range(epsilon, step, num_steps, seed):
    images, labels = textbook.batch(seed=seed % 7)
    images = np.where(images < 60, 0.0, images).astype(np.float32)
    attack = attacks.PGD(epsilon, step, num_steps)
    adv_images = attack(
        textbook.TinyNetwork(), tf.constant(images), labels, seed=seed
    ).numpy()
    assert np.abs(adv_images - images).max() <= epsilon + 1e-4
    assert adv_images.min() >= 0 and adv_images.max() <= 255


def test_permuted_and_split_batches_give_the_same_images():
    images, labels = textbook.batch(8)
    attack = attacks.PGD(8.0, 2.0, 3, targeted="random", num_restarts=2)
    whole = attack(textbook.TinyNetwork(), tf.constant(images), labels, seed=4).numpy()
    order = np.random.default_rng(0).permutation(8)
    permuted = attack(
        textbook.TinyNetwork(), tf.constant(images[order]), labels[order], seed=4
    )
    np.testing.assert_array_equal(permuted, whole[order])
    parts = [
        attack(
            textbook.TinyNetwork(),
            tf.constant(images[i : i + 4]),
            labels[i : i + 4],
            seed=4,
        )
        for i in (0, 4)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_the_seed_decides_the_start():
    images, labels = textbook.batch()
    attack = attacks.PGD(8.0, 0.1, 1)
    first, again, other = (
        attack(textbook.TinyNetwork(), tf.constant(images), labels, seed=s).numpy()
        for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 1.0


def test_starts_fill_the_ball_uniformly():
    images = np.full((200, *textbook.IMAGE), 100.0, np.float32)
    images += np.arange(200, dtype=np.float32)[:, None, None, None] / 100
    start = attacks.PGD(8.0, 1.0, 1).start(tf.constant(images), seed=0)
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
            attack(
                network, tf.constant(images), labels, seed=pgd.restart_seed(9, restart)
            )
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


def test_an_outer_tape_gets_no_gradient_through_the_attack():
    images, labels = textbook.batch()
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        adv_images = attacks.PGD(8.0, 2.0, 2)(textbook.TinyNetwork(), images, labels)
    assert tape.gradient(adv_images, images) is None


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


def test_images_in_another_scale_are_refused():
    images, labels = textbook.batch()
    with pytest.raises(ValueError, match=r"\[0, 255\]"):
        attacks.PGD(8.0, 2.0, 3)(
            textbook.TinyNetwork(), tf.constant(images - 10), labels
        )
