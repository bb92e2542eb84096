"""The worst of several attacks as a call; `parts_test` is about its evaluation."""

import numpy as np
import pytest
import tensorflow as tf

from common import attacks
from common.attacks import adapted, attack, worst
from tests.oracles import textbook

NETWORK = textbook.TinyNetwork()
PARTS = (
    attacks.FGSM(2.0),
    attacks.APGD(4.0, 5),
    attacks.APGD(6.0, 5, "targeted_dlr", num_restarts=2),
)
QUICK = attacks.autoattack(8.0, "quick")


def test_a_call_returns_the_first_result_that_fools():
    images, _ = textbook.batch(40)
    labels = NETWORK.logits(images).argmax(-1).astype(np.int32)
    labels[:5] = (labels[:5] + 1) % textbook.CLASSES  # wrong before the attack
    results = [images]
    results += [part(NETWORK, tf.constant(images), labels, seed=2) for part in PARTS]
    fools = [NETWORK.logits(np.asarray(x)).argmax(-1) != labels for x in results]
    first = np.where(np.any(fools, axis=0), np.argmax(fools, axis=0), len(PARTS))
    assert len(np.unique(first)) == 1 + len(PARTS)  # each breaks some
    expected = np.array(results)[first, np.arange(40)]
    found = attacks.Worst(PARTS)(NETWORK, tf.constant(images), labels, seed=2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_parts_begin_with_the_clean_images_once():
    inner = attacks.Worst(PARTS[:2])
    gate = worst.Nearest(0.5)
    outer = attacks.Worst((inner, gate, *PARTS[1:]))
    assert outer.parts == (adapted.CLEAN, *PARTS[:2], gate, *PARTS[1:])


def test_the_nearest_are_all_in_a_call():
    images, labels = textbook.batch(6)
    gated = attacks.Worst((PARTS[0], worst.Nearest(0.1), *PARTS[1:]))
    whole = attacks.Worst(PARTS)
    found, expected = (a(NETWORK, tf.constant(images), labels) for a in (gated, whole))
    np.testing.assert_array_equal(found, expected)


def test_it_can_be_proceeded_with_in_one_go():
    images, labels = textbook.batch(6)
    problem = attack.Problem(NETWORK, tf.constant(images), labels, 3)
    found = attacks.Worst(PARTS)
    state = found.proceed(problem, found.start(problem), None, 1)
    np.testing.assert_array_equal(state, found(NETWORK, images, labels, seed=3))


def test_an_outer_tape_gets_no_gradient_through_it():
    images, labels = textbook.batch()
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        adv_images = attacks.Worst(PARTS)(NETWORK, images, labels)
    assert tape.gradient(adv_images, images) is None


def test_the_order_and_the_split_of_a_batch_do_not_matter():
    images, labels = textbook.batch(8)
    found = attacks.Worst(PARTS)
    whole = found(NETWORK, tf.constant(images), labels, seed=1).numpy()
    order = np.random.default_rng(0).permutation(8)
    for rows in (order[:3], order[3:]):
        part = found(NETWORK, tf.constant(images[rows]), labels[rows], seed=1)
        np.testing.assert_allclose(part, whole[rows], atol=1e-4)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: attacks.Worst(()), "Worst takes attacks"),
        (lambda: attacks.Worst((attacks.FGSM(8.0), "PGD")), "Worst takes attacks"),
        (lambda: attacks.Worst((attacks.FGSM,)), "Worst takes attacks"),
        (lambda: attacks.Worst((*PARTS, worst.Nearest(0.5))), "two must follow"),
        (lambda: attacks.Worst((worst.Nearest(0.5), PARTS[0])), "two must follow"),
        (lambda: attacks.Worst((QUICK, *PARTS)), "must be the last of Worst"),
        (lambda: attacks.Worst((QUICK, PARTS[0], QUICK)), "must be the last of Worst"),
        (lambda: attacks.Worst((worst.Nearest(0.5), PARTS[0], QUICK)), "the last of W"),
        (lambda: worst.Nearest(20.0), "share"),
        (lambda: worst.Nearest(0.0), "share"),
        (lambda: worst.Nearest(0.5, 0), "at_least"),
    ],
)
def test_what_is_no_attack_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
