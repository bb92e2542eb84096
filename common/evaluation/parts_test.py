"""The worst of several attacks, against each of them evaluated alone."""

import dataclasses
import functools
import json
import math

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, evaluation
from common.attacks import apgd, losses, worst
from common.evaluation import stream
from common.evaluation.rounds_test import (
    COUNT,
    DATASET,
    IMAGES,
    LABELS,
    evaluate,
    logits_fn,
)
from tests.oracles import textbook

EPSILON = 45.0
PARTS = (
    attacks.APGD(EPSILON, 20),
    attacks.FGSM(EPSILON + 15),
    attacks.APGD(EPSILON, 40, loss="targeted_dlr", num_restarts=3),
    attacks.PGD(EPSILON, 10.0, 10, num_restarts=2),
    attacks.RandomSign(EPSILON + 40),
)
WORST = attacks.Worst(PARTS)


@functools.cache
def alone():
    """Whether each image is right, clean and after each part alone: [parts, total]."""
    return np.array([evaluate(part, seed=2).survived for part in (None, *PARTS)])


def first_broken():
    return np.where(alone().all(0), -1, (~alone()).argmax(0))


@pytest.mark.parametrize("batch_size", [7, 60])
def test_an_image_is_robust_only_if_it_survives_each_alone(batch_size):
    record = evaluate(WORST, seed=2, batch_size=batch_size)
    np.testing.assert_array_equal(record.survived, alone().all(0))
    np.testing.assert_array_equal(record.broken_by, first_broken())
    right = np.logical_and.accumulate(alone()).sum(1)
    assert [part.right for part in record.parts] == right.tolist()
    broken = np.bincount(first_broken() + 1, minlength=len(PARTS) + 2)[1:]
    assert [part.broken for part in record.parts] == broken.tolist()
    # Not a test of nothing: several parts break images, and some are left.
    assert (broken > 0).sum() >= 3 and right[-1] > 0


def waves(images):
    """A network that is wrong in narrow bands of brightness, which long steps miss."""
    brightness = tf.reduce_mean(images, axis=(1, 2, 3))
    return tf.stack([0 * brightness, tf.cos(0.8 * brightness) - 0.9995], axis=1)


def test_a_part_in_chunks_keeps_its_way_in_a_batch_with_a_part_of_one(monkeypatch):
    """All parts are APGD, in chunks of equal length, so that they share batches."""
    monkeypatch.setattr(apgd, "CHUNK", 2)
    long, short = attacks.APGD(4.0, 20), attacks.APGD(4.0, 2, loss="dlr")
    dataset, judges = [(IMAGES, np.zeros(COUNT, np.int32))], evaluation.Judges(waves)
    alone = evaluation.evaluate(judges, dataset, long)
    lost = np.array([alone.tally.outcomes[index].lost for index in range(COUNT)])
    assert len(np.unique(lost)) > 5  # images break in many chunks
    told = []
    for batch_size in (7, 60):
        record = evaluation.evaluate(
            judges, dataset, attacks.Worst((long, short)), batch_size=batch_size
        )
        np.testing.assert_array_equal(record.broken_by == 1, ~alone.survived)
        told.append([part.unfinished for part in record.parts])
    assert told[0] == told[1] and told[0][1] > 0


def test_the_order_of_the_images_and_replicas_change_nothing(two_replicas):
    order = np.random.default_rng(0).permutation(COUNT)
    dataset = [(IMAGES[order], LABELS[order])]
    judges = evaluation.Judges(logits_fn, two_replicas)
    record = evaluation.evaluate(
        *(judges, dataset, WORST),
        seed=2,
        batch_size=30,  # whose parts are odd: one shape to compile for two replicas
    )
    np.testing.assert_array_equal(record.broken_by, first_broken()[order])


def test_a_class_that_the_network_chooses_is_asked_for_before_every_chunk():
    """The record says what the network counts: of a chunk, and of all of them."""
    least_likely = attacks.PGD(1.0, 0.5, 300, targeted="least_likely")
    counter = textbook.PassCounter()
    judges = evaluation.Judges(lambda images: counter(logits_fn(images)))
    slot = stream.Slot(0, IMAGES[0], int(LABELS[0]))
    for chunk in range(2):
        slot.chunk = chunk
        batch = stream.batch((least_likely,), [slot], 1)
        before = counter.forward
        verdict = judges(least_likely, batch, 2, num_steps=100)
        assert counter.forward - before == 100 + 2  # to choose, and to judge
        slot.state = stream.rows(verdict.fetch(), 1)[0]
    record = evaluate(attacks.Worst((least_likely,)), seed=2, batch_size=1)
    *_, pgd = record.parts
    assert pgd.forwards == 2 * (pgd.gradients // 100)


def test_parts_count_what_they_pass_through_the_network():
    """In batches of one nothing is filled up, and starts are asked for when needed."""
    record = evaluate(WORST, seed=2, batch_size=1)
    clean, apgd, fgsm, targeted, pgd, noise = record.parts
    assert (clean.gradients, clean.forwards) == (0, COUNT)
    assert (apgd.gradients, apgd.forwards) == (20 * clean.right, 2 * clean.right)
    assert (fgsm.gradients, fgsm.forwards) == (apgd.right, apgd.right)
    chunks = targeted.gradients // 20
    restarts = targeted.forwards - chunks  # each start asks the network once
    assert fgsm.right + 2 * targeted.right <= restarts <= 3 * fgsm.right
    assert 2 * restarts >= chunks > restarts
    assert pgd.gradients == 10 * pgd.forwards
    assert (noise.gradients, noise.forwards) == (0, pgd.right)
    assert record.passes == sum(part.gradients for part in record.parts)


def test_images_are_kept_that_broke_examples():
    record = evaluate(WORST, seed=2, batch_size=13, keep_images=True)
    adv_images = record.adv_images
    is_right = logits_fn(adv_images).numpy().argmax(-1) == LABELS
    np.testing.assert_array_equal(is_right, record.survived)
    whole = record.survived | (record.broken_by == 0)
    np.testing.assert_array_equal(adv_images[whole], IMAGES[whole])
    radii = np.array([0.0, *(part.epsilon for part in PARTS), 0.0])
    reached = np.abs(adv_images - IMAGES).max(axis=(1, 2, 3))
    assert (reached <= radii[record.broken_by] + 1e-4).all()
    assert evaluate(WORST, seed=2).adv_images is None


def test_the_record_tells_the_parts(tmp_path):
    record = evaluate(attacks.Worst(PARTS[:2]), seed=2, batch_size=20)
    record.save(tmp_path / "worst.json")
    found = json.loads((tmp_path / "worst.json").read_text(encoding="utf-8"))
    assert [part["attack"] and part["attack"]["type"] for part in found["parts"]] == [
        *(None, "APGD", "FGSM")
    ]
    assert found["parts"][-1]["right"] == found["correct"] == record.correct
    assert found["forwards"] == sum(part["forwards"] for part in found["parts"])
    arrays = np.load(tmp_path / "worst.npz")
    np.testing.assert_array_equal(arrays["broken_by"], record.broken_by)


@pytest.mark.parametrize("batch_size", [7, 60])
def test_the_nearest_go_on(batch_size):
    """How near images come is seen when they are judged: clean, and after FGSM."""
    weak, strong = attacks.FGSM(5.0), attacks.APGD(EPSILON, 20)
    gate = worst.Nearest(0.3)
    last = attacks.FGSM(40.0)
    parts = weak, gate, strong, last
    record = evaluate(attacks.Worst(parts), batch_size=batch_size)
    shown = np.array([IMAGES, weak(logits_fn, tf.constant(IMAGES), LABELS)])
    logits = [logits_fn(images) for images in shown]
    near = np.max([losses.nearness(LABELS, z) for z in logits], axis=0)
    left = np.all([z.numpy().argmax(-1) == LABELS for z in logits], axis=0)
    order = np.argsort(-np.where(left, near, -np.inf), kind="stable")
    goes_on = np.zeros(COUNT, bool)
    goes_on[order[: math.ceil(0.3 * left.sum())]] = True
    survives, survives_last = evaluate(strong).survived, evaluate(last).survived
    expected = left & (survives | ~goes_on) & survives_last
    np.testing.assert_array_equal(record.survived, expected)
    assert record.parts[-2].gradients <= 20 * (goes_on.sum() + batch_size)
    assert (goes_on & ~survives).any() and (left & ~goes_on & ~survives).any()
    assert (left & ~goes_on & ~survives_last).any()


def test_pgd_may_look_at_every_iterate():
    last = attacks.PGD(EPSILON, 30.0, 5)
    every = dataclasses.replace(last, every_iterate=True)
    right = np.array(
        [
            evaluate(dataclasses.replace(last, num_steps=n), seed=1).survived
            for n in range(1, 6)
        ]
    )
    begin = dataclasses.replace(last, step_size=0.06, num_steps=1)  # almost the start
    right = np.concatenate([[evaluate(begin, seed=1).survived], right])
    record = evaluate(every, seed=1)
    np.testing.assert_array_equal(record.survived, right.all(0))
    assert record.passes == evaluate(last, seed=1).passes  # at no further pass
    assert right.all(0).sum() < right[-1].sum()


def test_few_classes_have_few_targets():
    def two(images):
        logits = logits_fn(images)
        return tf.stack([logits[:, 0], tf.reduce_max(logits[:, 1:], axis=1)], axis=1)

    dataset = [(IMAGES[:20], np.minimum(LABELS[:20], 1))]
    attack = attacks.Worst((attacks.APGD(EPSILON, 5, "targeted_dlr", num_restarts=9),))
    record = evaluation.evaluate(two, dataset, attack)
    assert record.parts[-1].attack["num_restarts"] == 1
    assert 0 < record.correct < record.parts[0].right


def test_a_network_that_answers_by_chance_needs_means_of_passes():
    """Its noise is larger than the margins of some images, so that it is seen."""
    draws = tf.random.Generator.from_seed(3)

    def noisy(images):
        logits = logits_fn(images)
        return logits + draws.normal(tf.shape(logits), stddev=0.5)

    once = attacks.Worst((attacks.APGD(EPSILON, 40),))
    several = attacks.Worst((attacks.APGD(EPSILON, 40, samples=8),))
    with pytest.raises(ValueError, match="the version rand"):
        evaluation.evaluate(noisy, DATASET, once)
    record = evaluation.evaluate(noisy, DATASET, several, batch_size=60)
    clean, part = record.parts
    count = stream.filled(clean.right, 60)
    assert part.gradients == count * 40 * 8
    assert part.forwards == count + count  # of starts, and of one judgement at the end
    assert part.right < clean.right - 20
    assert part.unfinished is None  # chance moves the losses at the end, too


def test_of_a_network_without_chance_means_change_nothing():
    found = attacks.APGD(EPSILON, 20, samples=3)
    record = evaluate(attacks.Worst((found,)), seed=2, batch_size=COUNT)
    np.testing.assert_array_equal(record.survived, alone()[:2].all(0))
    assert record.passes % 3 == 0


def test_restarts_that_still_get_further_are_counted():
    """The loss rises with the brightness alone: APGD is at its end after few steps."""

    def bright(images):
        mean = tf.reduce_mean(images, axis=(1, 2, 3))
        return tf.stack([300.0 - mean, mean, mean - 9.0, mean - 20.0], axis=1)

    dataset = [(np.float32(IMAGES[:20]), np.zeros(20, np.int32))]
    attack = attacks.Worst((attacks.APGD(8.0, 100),))
    record = evaluation.evaluate(bright, dataset, attack)
    assert record.correct == 20 and record.parts[1].unfinished == 0.0
    assert record.warnings == []


@tf.custom_gradient
def deceptive(logits):
    """Logits whose gradient points the wrong way, as an obfuscated one would."""
    return logits, lambda upstream: -upstream


def test_the_last_attack_of_quick_finds_where_gradients_mislead():
    """Such images do not come near a wrong class, so they are not among the nearest."""
    dark = np.median(IMAGES.mean(axis=(1, 2, 3)))

    def network(images):
        logits = logits_fn(images)
        is_dark = tf.reduce_mean(images, axis=(1, 2, 3))[:, None] < dark
        return tf.where(is_dark, deceptive(logits), logits)

    gate, steep = worst.Nearest(0.2), attacks.APGD(20.0, 20)
    parts = attacks.MultiTargeted(20.0, 4, num_restarts=3), gate, steep
    attack = attacks.Worst((*parts, attacks.Square(EPSILON, 100)))
    record = evaluation.evaluate(network, DATASET, attack, batch_size=COUNT)
    (warning,) = record.warnings
    assert warning.startswith("Square breaks ")
    left = record.parts[1].right
    assert record.parts[-1].broken > left // 5  # others than the nearest


def test_square_that_beats_gradients_is_an_alarm():
    def network(images):
        return deceptive(logits_fn(images))

    attack = attacks.Worst((attacks.APGD(20.0, 20), attacks.Square(EPSILON, 50)))
    record = evaluation.evaluate(network, DATASET, attack, batch_size=COUNT)
    (warning,) = record.warnings
    assert warning.startswith(f"Square breaks {record.parts[-1].broken} images, of 60")


def test_a_network_near_chance_is_told_by_its_clean_images():
    """Labels of another order, as of a network whose classes are others."""
    dataset = [(IMAGES, (LABELS + 3) % 10)]
    record = evaluation.evaluate(logits_fn, dataset, attacks.Worst((PARTS[1],)))
    assert any("is near chance" in warning for warning in record.warnings)
    strong = evaluate(attacks.Worst((attacks.PGD(80.0, 20.0, 8),)), seed=2)
    assert strong.correct < 6  # of 60: it is the attack that brings it near chance
    assert not any("near chance" in warning for warning in strong.warnings)


def test_an_attack_of_few_steps_or_of_one_part_tells_whether_it_was_finished():
    dataset = [(IMAGES, np.zeros(COUNT, np.int32))]
    short = attacks.APGD(4.0, 6)  # no whole chunk
    alone = evaluation.evaluate(waves, dataset, short)
    in_parts = evaluation.evaluate(waves, dataset, attacks.Worst((short,)))
    assert alone.unfinished == in_parts.parts[1].unfinished > 0.1
    assert alone.warnings == in_parts.warnings[:1]
    assert "APGD was not finished in " in alone.warnings[0]
