"""The signs of masked gradients: closed forms on a linear network, and a masked one."""

import json

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend, evaluation
from tests.oracles import textbook

WEIGHTS = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
GRID = 40.0  # between the values of pixels
IMAGES = GRID * np.random.default_rng(1).integers(2, 6, (7, 2, 2, 3)).astype(np.float32)
LABELS = np.array([0, 1, 0, 0, 1, 1, 0], np.int32)
DATA = [(IMAGES[:4], LABELS[:4]), (IMAGES[4:], LABELS[4:])]
ONE, MANY = attacks.FGSM(8.0), attacks.PGD(8.0, 2.0, 10)


def linear(images):
    return tf.reshape(images, (-1, 12)) @ WEIGHTS / 255.0


def bent(images):
    """The linear network, but that pixels count backwards within one of an image."""
    pixels = tf.reshape(images, (-1, 12))
    offset = pixels - GRID * tf.round(pixels / GRID)
    return (pixels - 3.0 * tf.clip_by_value(offset, -1.0, 1.0)) @ WEIGHTS / 255.0


def test_on_a_linear_network_one_step_reaches_all_in_the_same_direction():
    found = evaluation.gradient_masking(linear, DATA, ONE, MANY)
    np.testing.assert_allclose(found.loss_share, 1.0, atol=1e-5)
    np.testing.assert_allclose(found.cosine, 1.0, atol=1e-5)
    flat = IMAGES.reshape(7, 12)
    softmax = textbook.softmax(flat @ WEIGHTS / 255.0)
    slopes = (softmax - np.eye(2)[LABELS]) @ WEIGHTS.T  # towards pixels in [0, 1]
    np.testing.assert_allclose(
        found.gradient_norm, np.linalg.norm(slopes, axis=1), rtol=1e-4
    )


def test_the_largest_loss_is_that_of_one_step_where_many_find_less():
    noise = attacks.RandomSign(8.0)
    found = evaluation.gradient_masking(linear, DATA, ONE, noise)
    np.testing.assert_array_equal(found.loss_share, np.ones(7))


def test_a_step_away_from_where_many_go_has_a_cosine_of_minus_one():
    towards = attacks.StepLL(8.0)  # of two classes: away from the other one
    wrong = (linear(IMAGES).numpy().argmax(-1) != LABELS).astype(float)
    found = evaluation.gradient_masking(linear, DATA, towards, MANY)
    np.testing.assert_allclose(found.cosine, 1 - 2 * wrong, atol=1e-5)
    assert (found.loss_share[wrong == 1] < 1).all()
    assert 0 < wrong.sum() < 7


def test_the_means_come_with_the_images_and_go_to_the_record(tmp_path):
    found = evaluation.gradient_masking(bent, DATA, ONE, MANY, seed=3)
    assert found.total == 7
    found.notes["recipe"] = "bent"
    found.save(tmp_path / "masking.json")
    content = json.loads((tmp_path / "masking.json").read_text())
    arrays = np.load(tmp_path / "masking.npz")
    for name in ("loss_share", "cosine", "gradient_norm"):
        assert content[name] == pytest.approx(arrays[name].mean(), rel=1e-6)
    assert content["correct"] == arrays["survived"].sum()
    one = evaluation.evaluate(bent, DATA, ONE, seed=3)
    np.testing.assert_array_equal(arrays["survived"], one.survived)  # after one step
    assert (content["seed"], content["total"]) == (3, 7)
    assert (content["attack"]["type"], content["against"]["type"]) == (
        "FGSM",
        "PGD",
    )


def test_the_seed_is_that_of_the_attacks():
    noise = attacks.RandomSign(8.0)
    for seed in (3, 4):
        found = evaluation.gradient_masking(linear, DATA, noise, ONE, seed=seed)
        adv_images = (
            noise(linear, IMAGES, LABELS, seed=seed),
            ONE(linear, IMAGES, LABELS),
        )
        signs = np.sign(np.reshape(adv_images, (2, 7, 12)) - IMAGES.reshape(7, 12))
        np.testing.assert_allclose(found.cosine, signs.prod(0).mean(-1), atol=1e-5)


def test_a_masked_gradient_shows():
    plain, masked = (
        evaluation.gradient_masking(network, DATA, ONE, MANY).means
        for network in (linear, bent)
    )
    assert masked["loss_share"].high < plain["loss_share"].low
    assert masked["cosine"].high < 0 < plain["cosine"].low
    norms = (found["gradient_norm"].value for found in (masked, plain))
    assert np.divide(*norms) == pytest.approx(2.0, rel=1e-4)  # a slope of -2, not 1


def test_where_no_step_finds_a_loss_one_reaches_all_that_there_is():
    sure = evaluation.gradient_masking(
        lambda images: 1e4 * linear(images),
        DATA,
        attacks.FGSM(1.0),
        attacks.PGD(1, 1, 2),
    )
    assert 0 < sure.correct < 7  # their loss is 0 in float32
    np.testing.assert_array_equal(sure.loss_share, np.ones(7))


def test_a_network_without_a_gradient_is_refused():
    def flat(images):
        return linear(tf.clip_by_value(images, 254.0, 255.0))

    with pytest.raises(
        backend.GradientError, match="No image that the network has right"
    ):
        evaluation.gradient_masking(flat, DATA, ONE, MANY)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
def test_images_of_any_type_are_attacked(dtype):
    data = [(images.astype(dtype), labels.astype("int64")) for images, labels in DATA]
    assert evaluation.evaluate(linear, data, MANY).total == len(IMAGES)
    assert evaluation.gradient_masking(linear, data, ONE, MANY).total == len(IMAGES)


def test_logits_that_are_not_finite_are_refused():
    def broken(images):
        off = tf.abs(images - GRID * tf.round(images / GRID)) > 0.1
        moved = tf.reduce_any(off, axis=(1, 2, 3))
        return tf.where(moved[:, None], np.nan, linear(images))

    with pytest.raises(ValueError, match="logits must be finite"):
        evaluation.gradient_masking(broken, DATA, ONE, MANY)


def test_the_attacks_climb_the_network_that_is_attacked():
    """Such as one in low precision, while another judges what they find."""
    one, many = attacks.FGSM(120.0), attacks.PGD(120.0, 30.0, 10)
    judges = evaluation.Judges(linear, attacked_fn=lambda x: -linear(x))
    found = evaluation.gradient_masking(judges, DATA, one, many)
    assert found.survived.all()  # what breaks the one helps the other
    assert not evaluation.gradient_masking(linear, DATA, one, many).survived.all()
