"""Both definitions of transfer, against counts by hand and against loops."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, data, evaluation, intervals
from common.attacks.attack import restart_seed
from common.results import measured

ATTACK = attacks.PGD(epsilon=50.0, step_size=15.0, num_steps=3)
COUNT = 80
IMAGES, LABELS = next(data.Digits().test_batches(batch_size=COUNT).as_numpy_iterator())


def threshold(pixel):
    """Class 1 above the pixel value and class 0 below, from the image's one pixel."""

    def logits_fn(images):
        value = tf.reshape(images, [-1, 1]) - pixel
        return tf.concat([-value, value], -1)

    return logits_fn


def one_pixel(*rows):
    pixels, labels = zip(*rows, strict=True)
    images = np.reshape(np.array(pixels, np.float32), [-1, 1, 1, 1])
    return dataset_of(images, np.array(labels, np.int32))


def dataset_of(images=IMAGES, labels=LABELS, batch_size=COUNT):
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size)


# Pixel and label; FGSM of 10 moves label 1 down and label 0 up. The source divides at
# 100, the target at 90.
ROWS = (
    (105, 1),  # eligible, as the source is right at 105 and wrong at 95; target right
    (95, 0),  # eligible, wrong at 105; the target is wrong there, as it was at 95
    (96, 0),  # the same again
    (120, 1),  # the source stays right; so is the target
    (85, 0),  # the source stays right at 95; the target is wrong there, unlike at 85
    (98, 1),  # the source was wrong on the clean image; the target is wrong at 88
    (98, 1),
    (104, 1),  # eligible; the target is right at 94
)


def test_counts_by_hand():
    record = evaluation.transfer(
        threshold(100.0), threshold(90.0), one_pixel(*ROWS), attacks.FGSM(10.0)
    )
    assert record.fooled.tolist() == [1, 1, 1, 0, 0, 0, 0, 1]
    assert record.survived.tolist() == [1, 0, 0, 1, 0, 0, 0, 1]
    assert (record.eligible, record.transferred) == (4, 2)
    assert record.rate == 50.0
    assert record.rate_interval == intervals.wilson(2, 4)
    assert (record.correct, record.total, record.target_error) == (3, 8, 62.5)
    assert record.interval == intervals.wilson(3, 8)
    assert record.top5 is None


def test_source_and_target_are_not_taken_for_each_other():
    record = evaluation.transfer(
        threshold(90.0), threshold(100.0), one_pixel(*ROWS), attacks.FGSM(10.0)
    )
    # At 90, the source is right at 105, 104, 120, 98, 98 and 85, wrong then at 88, 88
    # and 95; the target is right at 95 alone.
    assert (record.eligible, record.transferred) == (3, 2)
    # It is right on the images 110, 95 and no other.
    assert (record.correct, record.total) == (2, 8)


def linear(seed, noise):
    """The classes' mean images as weights, and noise: right on some of the images."""
    means = [IMAGES[k == LABELS].mean(0).ravel() for k in range(10)]
    weights = np.stack(means, 1) - np.mean(means, 0)[:, None]
    weights += np.random.default_rng(seed).normal(0, noise, weights.shape)
    weights = (weights / 20_000).astype(np.float32)
    return lambda images: tf.reshape(images - 100.0, [-1, 64]) @ weights


SOURCE, TARGET = linear(1, noise=130), linear(2, noise=250)


def right(logits_fn, images, count):
    """Whether the label is among the largest logits, image by image."""
    answers = logits_fn(tf.constant(images)).numpy()
    pairs = zip(answers, LABELS, strict=True)
    return np.array([k in np.argsort(-row)[:count] for row, k in pairs])


def judged(attack, seed, count):
    """Whether source, source attacked, and target attacked are right."""
    seed = restart_seed(seed, 0)
    adv_images = attack(SOURCE, IMAGES, LABELS, seed=seed).numpy()
    return (
        right(SOURCE, IMAGES, count),
        right(SOURCE, adv_images, count),
        right(TARGET, adv_images, count),
    )


@pytest.mark.parametrize(
    ("attack", "batch_size"), [(attacks.FGSM(60.0), None), (ATTACK, 7)]
)
def test_counts_against_a_loop_by_top1_and_by_top5(attack, batch_size):
    record = evaluation.transfer(
        *(SOURCE, TARGET, dataset_of(batch_size=32), attack),
        seed=2,
        batch_size=batch_size,
    )
    for count, outcomes in ((1, record), (5, record.top5)):
        clean, adversarial, shown = judged(attack, 2, count)
        np.testing.assert_array_equal(outcomes.fooled, clean & ~adversarial)
        np.testing.assert_array_equal(outcomes.survived, shown)
        assert outcomes.transferred == (clean & ~adversarial & ~shown).sum()


@pytest.mark.parametrize("attack", [ATTACK, attacks.APGD(20.0, num_steps=3)])
def test_the_images_are_those_of_the_evaluation_of_the_source(attack):
    judges = evaluation.Judges(SOURCE)  # compiled once, and asked by both
    record = evaluation.transfer(judges, judges, dataset_of(), attack, seed=5)
    evaluated = evaluation.evaluate(judges, dataset_of(), attack, seed=5)
    np.testing.assert_array_equal(record.survived, evaluated.survived)
    np.testing.assert_array_equal(record.top5.survived, evaluated.top5)
    assert record.rate == record.top5.rate == 100.0
    assert 0 < record.eligible < COUNT
    assert record.passes == evaluated.passes == attack.num_steps * 80
    assert record.attack == evaluated.attack


def test_each_network_may_have_its_own_input_size():
    def half(images):  # sees every other pixel of the large images: the small ones
        return SOURCE(tf.image.resize(images, (8, 8), method="nearest"))

    large = np.kron(IMAGES, np.ones((1, 2, 2, 1), np.float32))
    attack = attacks.FGSM(60.0)
    small = evaluation.transfer(SOURCE, TARGET, dataset_of(), attack)
    record = evaluation.transfer(
        half, lambda x: TARGET(x[:, 1::2, 1::2]), dataset_of(large), attack
    )
    np.testing.assert_array_equal(record.fooled, small.fooled)
    np.testing.assert_array_equal(record.survived, small.survived)


def test_judges_are_used_again_and_may_be_of_two_replicas(two_replicas):
    one = evaluation.transfer(SOURCE, TARGET, dataset_of(), ATTACK)
    judges = (evaluation.Judges(SOURCE, two_replicas), evaluation.Judges(TARGET))
    two = evaluation.transfer(*judges, dataset_of(), ATTACK)
    np.testing.assert_array_equal(one.fooled, two.fooled)
    np.testing.assert_array_equal(one.survived, two.survived)


def test_no_eligible_image_is_a_rate_of_none_saved_as_null(tmp_path):
    record = evaluation.transfer(
        threshold(100.0), threshold(90.0), one_pixel((20, 0), (30, 1)), attacks.FGSM(8)
    )
    assert (record.eligible, record.transferred) == (0, 0)
    assert record.rate is record.rate_interval is None
    assert record.target_error == 50.0
    record.save(tmp_path / "fgsm.json")
    content = json.loads((tmp_path / "fgsm.json").read_text())
    assert content["rate"] is content["rate_interval"] is None
    assert (content["correct"], content["total"], content["eligible"]) == (1, 2, 0)


def test_the_results_read_back_what_was_saved(tmp_path):
    record = evaluation.transfer(SOURCE, TARGET, dataset_of(), ATTACK, seed=3)
    record = dataclasses.replace(record, notes={"target": "other"})
    record.save(tmp_path / "evaluations" / "transfer.json")
    run = measured.Run(tmp_path)
    found = run.evaluation("transfer")
    assert (found.correct, found.total) == (record.correct, record.total)
    assert (found.accuracy, found.interval) == (record.accuracy, record.interval)
    assert found.attack["type"] == "PGD"
    np.testing.assert_array_equal(run.survived("transfer"), record.survived)
    content = found.record
    assert (content["target"], content["seed"]) == ("other", 3)
    for suffix, outcomes in (("", record), ("_top5", record.top5)):
        for name in ("correct", "eligible", "transferred", "rate"):
            assert content[name + suffix] == getattr(outcomes, name)
        assert content["rate_interval" + suffix] == list(outcomes.rate_interval)
    arrays = np.load(tmp_path / "evaluations" / "transfer.npz")
    np.testing.assert_array_equal(arrays["fooled"], record.fooled)
    np.testing.assert_array_equal(arrays["fooled_top5"], record.top5.fooled)
    np.testing.assert_array_equal(arrays["survived_top5"], record.top5.survived)


@pytest.mark.parametrize(
    "attack",
    [None, dataclasses.replace(ATTACK, num_restarts=2), attacks.Worst((ATTACK,))],
)
def test_no_attack_and_restarts_are_refused(attack):
    with pytest.raises(ValueError, match=r"one start. Received: attack="):
        evaluation.transfer(SOURCE, TARGET, dataset_of(), attack)


def test_an_attack_without_gradients_has_no_passes_with_one():
    linear = threshold(100.0)
    data = one_pixel((80, 0), (120, 1))
    record = evaluation.transfer(linear, threshold(90.0), data, attacks.Square(8.0, 4))
    assert record.passes == 0
