"""FGSM and its iteration against the NumPy twin."""

import types

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from tests import twins


def twin(images, labels, *, epsilon, step_size, num_steps):
    numbers = types.SimpleNamespace(
        epsilon=epsilon, step_size=step_size, num_steps=num_steps
    )
    return twins.attacked(twins.TinyNetwork(), images, labels, attack=numbers)


def spread_batch():
    """Images of which a third of the pixels are at a bound of the range."""
    images, labels = twins.batch()
    images[images < 50] = 0.0
    images[images > 200] = 255.0
    return images, labels


@pytest.mark.parametrize("epsilon", [2, 4.0, 8, 16.0])
def test_fgsm_is_one_step_of_epsilon(epsilon):
    images, labels = spread_batch()
    adv_images = attacks.FGSM(epsilon)(
        twins.TinyNetwork(), tf.constant(images), labels, seed=3
    ).numpy()
    expected = twin(images, labels, epsilon=epsilon, step_size=epsilon, num_steps=1)
    np.testing.assert_allclose(adv_images, expected, atol=1e-4)
    inside = (images > 16) & (images < 239)
    moved = np.abs(adv_images - images)[inside]
    np.testing.assert_allclose(moved, epsilon, atol=1e-4)


@pytest.mark.parametrize("step_size", [0.7, 3.0, 20.0])
def test_iter_basic_agrees_with_numpy(step_size):
    images, labels = spread_batch()
    attack = attacks.IterBasic(8.0, step_size, 6)
    adv_images = attack(twins.TinyNetwork(), tf.constant(images), labels)
    expected = twin(images, labels, epsilon=8.0, step_size=step_size, num_steps=6)
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


@pytest.mark.parametrize(
    # min(epsilon + 4, 1.25 epsilon), rounded up: 2.5, 5, 10, 20, 21 and 36.
    ("epsilon", "num_steps"),
    [(2, 3), (4, 5), (8, 10), (16, 20), (17, 21), (32, 36)],
)
def test_the_default_steps_are_those_of_the_paper(epsilon, num_steps):
    attack = attacks.IterBasic(epsilon)
    assert (attack.step_size, attack.num_steps) == (1.0, num_steps)
    assert attack == attacks.IterBasic(epsilon, 1.0, num_steps)


def test_the_default_steps_are_taken():
    images, labels = spread_batch()
    counter = twins.PassCounter()
    network = twins.TinyNetwork()
    attacks.IterBasic(4.0)(lambda x: counter(network(x)), tf.constant(images), labels)
    assert (counter.forward, counter.backward) == (5, 5)


def test_fgsm_with_one_radius_per_image():
    images, labels = twins.batch(3)
    images = 50 + images * 0.6
    radii = np.array([1.0, 8.0, 30.0], np.float32)
    for shape in [(3,), (3, 1, 1, 1)]:
        adv_images = attacks.FGSM(tf.constant(radii, shape=shape))(
            twins.TinyNetwork(), tf.constant(images), labels
        )
        moved = np.abs(adv_images - images)
        np.testing.assert_allclose(moved.min(axis=(1, 2, 3)), radii, atol=1e-4)
        np.testing.assert_allclose(moved.max(axis=(1, 2, 3)), radii, atol=1e-4)


def test_attacks_are_the_same_when_compiled():
    images, labels = spread_batch()
    for attack in (attacks.FGSM(8.0), attacks.IterBasic(8.0)):
        network = twins.TinyNetwork()
        compiled = backend.compiled(lambda x, y: attack(network, x, y))  # noqa: B023
        np.testing.assert_allclose(
            compiled(tf.constant(images), tf.constant(labels)),
            attack(network, tf.constant(images), labels),
            atol=1e-4,
        )


def test_a_constant_network_moves_no_pixel():
    images, labels = spread_batch()
    adv_images = attacks.IterBasic(8.0)(
        lambda x: tf.zeros([len(x), twins.CLASSES]), tf.constant(images), labels
    )
    np.testing.assert_array_equal(adv_images, images)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: attacks.FGSM(8 / 255), "epsilon=0.03"),
        (lambda: attacks.FGSM(0.0), r"epsilon=0\.0"),
        (lambda: attacks.IterBasic(-8.0), r"epsilon=-8\.0"),
        (lambda: attacks.IterBasic(8.0, 0.0), r"step_size=0\.0"),
        (lambda: attacks.IterBasic(8.0, 1.0, 0), "num_steps=0"),
    ],
)
def test_values_out_of_range_are_refused_when_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_images_in_another_scale_are_refused():
    images, labels = twins.batch()
    for attack in (attacks.FGSM(8.0), attacks.IterBasic(8.0)):
        with pytest.raises(ValueError, match=r"\[0, 255\]"):
            attack(twins.TinyNetwork(), tf.constant(images - 128), labels)
