"""What judges compile, count and refuse, alone and within evaluations."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend, evaluation
from common.attacks.attack import restart_seed
from common.evaluation import judges as judging

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 2, 2, 3)).astype(np.float32)
NONE = np.zeros(6, np.int64)
BATCH = judging.Batch(IMAGES, np.arange(6, dtype=np.int32), NONE, NONE, IMAGES)


MANY = np.random.default_rng(2).integers(0, 256, (60, 2, 2, 3)).astype(np.float32)
LABELS = (np.arange(60) % 7).astype(np.int32)
DARK = (MANY.min(axis=(1, 2, 3)) < 9).sum()  # of which a pixel can be too low
BRIGHT = (MANY.max(axis=(1, 2, 3)) > 246).sum()


def constant(*rows):
    """A network with the same logits for all images, or each its own."""
    logits = tf.constant(rows, tf.float32)
    return lambda images: logits + 0.0 * tf.reduce_sum(images, [1, 2, 3])[:, None]


def linear(images):
    weights = np.random.default_rng(1).normal(0, 0.1, (12, 7)).astype(np.float32)
    return tf.reshape(images, [-1, 12]) @ weights


def known(images):
    """As `linear`, and with finite logits whatever it is asked."""
    return linear(tf.where(tf.math.is_finite(images), images, 0.0))


def test_among_equal_logits_the_lower_class_comes_first():
    verdict = judging.Judges(constant([1.0] * 7))(None, BATCH, 0)
    assert verdict.top1.tolist() == [True] + [False] * 5
    assert verdict.top5.tolist() == [True] * 5 + [False]
    best = tf.math.top_k(tf.ones([6, 7]), 5).indices.numpy()
    assert verdict.top5.tolist() == [k in best[k] for k in range(6)]


def test_with_five_classes_there_is_no_top5():
    labels = BATCH.labels % 5
    verdict = judging.Judges(constant([0] * 5))(None, BATCH._replace(labels=labels), 0)
    assert verdict.top1.tolist() == (labels == 0).tolist()
    assert not verdict.top5.any()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (attacks.FGSM(2.0), attacks.FGSM(16), True),
        (attacks.IterBasic(2.0), attacks.IterBasic(16.0, 0.5, 3), True),
        (attacks.PGD(8, 2, 1), attacks.PGD(4, 1, 9, num_restarts=3), True),
        (attacks.PGD(8, 2, 1), attacks.PGD(8, 2, 1, random_start=False), False),
        (attacks.PGD(8, 2, 1), attacks.PGD(8, 2, 1, loss="margin"), False),
        (attacks.FGSM(8.0), attacks.IterBasic(8.0), False),
        (attacks.FGSM(8.0), None, False),
    ],
)
def test_attacks_share_a_judge_that_differ_in_numbers_alone(one, other, same):
    judges = judging.Judges(linear)
    for attack in (one, other, one):
        judges(attack, BATCH, 0)
    assert len(judges._compiled) == (1 if same else 2)


def test_neither_number_nor_seed_is_kept_from_the_first_call():
    judges = judging.Judges(linear)
    seen = []
    for epsilon, seed in ((2.0, 0), (9.0, 0), (9.0, 1), (2.0, 0)):
        attack = attacks.PGD(epsilon, 1.0, 1)
        seen.append(judges(attack, BATCH, seed).fetch())
        assert abs(seen[-1] - IMAGES).max() <= epsilon + 1e-4
    assert abs(seen[1] - IMAGES).max() > 2.1
    assert (seen[1] != seen[2]).any()
    np.testing.assert_array_equal(seen[0], seen[3])


def test_one_network_may_be_attacked_and_another_judge():
    attack = attacks.PGD(8.0, 4.0, 3)
    apart = judging.Judges(linear, attacked_fn=lambda x: -linear(x))
    found = apart(attack, BATCH, 0)
    attacked = judging.Judges(lambda x: -linear(x))(attack, BATCH, 0)
    np.testing.assert_array_equal(found.fetch(), attacked.fetch())
    judged = judging.Judges(linear)(None, BATCH._replace(images=found.fetch()), 0)
    np.testing.assert_array_equal(found.top1, judged.top1)
    assert (found.top1 != attacked.top1).any()


def test_a_gradient_is_asked_of_the_network_that_is_attacked():
    """Such as one in bfloat16, which may lose it."""
    apart = judging.Judges(linear, attacked_fn=lambda x: tf.stop_gradient(linear(x)))
    dataset = [(BATCH.images, linear(BATCH.images).numpy().argmax(-1))]
    with pytest.raises(backend.GradientError, match=r"No .*gradient"):
        evaluation.evaluate(apart, dataset, attacks.FGSM(8.0))


@dataclasses.dataclass(frozen=True)
class Mine:
    """An attack that is not of the suite."""

    epsilon: float
    change: float
    factor: float = 1.0

    def __call__(self, logits_fn, images, labels, *, seed):
        return self.factor * images + self.change


class Spot(Mine):
    """It moves one channel far, so that the mean stays within the radius."""

    def __call__(self, logits_fn, images, labels, *, seed):
        return tf.concat([tf.abs(images[..., :1] - 20.0), images[..., 1:]], -1)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (Mine(8.0, 0.0, 1 / 255), "within its epsilon.*: 60 of 60 images farther"),
        (Spot(8.0, 0.0), "within its epsilon.*: 60 of 60 images farther"),
        (Mine(80.0, 9.0), rf"images in \[0, 255\].*: {BRIGHT} of 60 images outside"),
        (Mine(80.0, -9.0), rf"images in \[0, 255\].*: {DARK} of 60 images outside"),
        (Mine(80.0, float("nan")), r"images in \[0, 255\].*: 60 of 60 images outside"),
    ],
)
def test_what_no_attack_may_return_is_refused(attack, message):
    with pytest.raises(ValueError, match=message):
        evaluation.evaluate(known, [(MANY, LABELS)], attack, batch_size=64)
    fair = evaluation.evaluate(known, [(MANY, LABELS)], Mine(80.0, 0.0))
    assert fair.total == 60


def test_black_pixels_without_a_finite_gradient_do_not_hide_the_others():
    images = np.where(MANY < 128, 0.0, MANY)  # each has black pixels and others

    def bright(images):
        return linear(255.0 * tf.sqrt(images / 255.0))

    labels = bright(images).numpy().argmax(-1).astype(np.int32)
    record = evaluation.evaluate(bright, [(images, labels)], attacks.FGSM(8.0))
    assert record.correct < 60 and not record.no_gradient.any()


@pytest.mark.parametrize(
    ("attack", "gradients", "forwards"),
    [
        (attacks.Square(8.0, 7), 0, 60 * (1 + 1 + 7)),  # judged, begun, and queries
        (attacks.FGSM(8.0), 60, 60),
        (attacks.PGD(8.0, 2.0, 3, targeted="least_likely"), 180, 60 * (1 + 1)),
        (None, 0, 60),
    ],
)
def test_a_record_counts_both_kinds_of_passes(attack, gradients, forwards):
    labels = linear(MANY).numpy().argmax(-1).astype(np.int32)
    record = evaluation.evaluate(linear, [(MANY, labels)], attack)
    assert (record.passes, record.forwards) == (gradients, forwards)


def test_replicas_judge_parts_of_the_batch_in_order(two_replicas):
    judges = judging.Judges(linear, two_replicas)
    assert judges.num_devices == 2
    verdict, expected = judges(None, BATCH, 0), judging.Judges(linear)(None, BATCH, 0)
    np.testing.assert_array_equal(verdict.top5, expected.top5)
    np.testing.assert_array_equal(verdict.fetch(), IMAGES)


def test_one_value_per_image_is_refused():
    attack = attacks.FGSM(np.full(6, 8.0, np.float32))
    with pytest.raises(ValueError, match=r"one value for all images.*attack=FGSM"):
        judging.Judges(linear)(attack, BATCH, 0)


def dataset(classes=7):
    few = np.less(LABELS, classes)
    pairs = (MANY[few], LABELS[few])
    return tf.data.Dataset.from_tensor_slices(pairs).batch(30)


def ranks(images):
    """How many classes have a larger logit than the label."""
    logits = linear(tf.constant(images)).numpy()
    return (logits > logits[np.arange(60), LABELS][:, None]).sum(-1)


def attacked(attack, seed):
    return attack(linear, MANY, LABELS, seed=restart_seed(seed, 0))


@pytest.mark.parametrize(
    "attack", [None, attacks.FGSM(30.0), attacks.PGD(30.0, 10.0, 2)]
)
def test_top5_counts_the_labels_among_the_five_largest_logits(attack):
    found = ranks(attacked(attack, 4) if attack else MANY)
    record = evaluation.evaluate(linear, dataset(), attack, seed=4)
    np.testing.assert_array_equal(record.top5, found < 5)
    np.testing.assert_array_equal(record.survived, found < 1)
    # Not a test of nothing: among four or six would be other images.
    assert (found < 4).sum() < record.top5.sum() < (found < 6).sum()


def test_there_is_no_top5_under_restarts_or_with_five_classes():
    attack = attacks.PGD(30.0, 10.0, 2, num_restarts=2)
    assert evaluation.evaluate(linear, dataset(), attack).top5 is None
    five, six = (
        evaluation.evaluate(lambda x, k=k: linear(x)[:, :k], dataset(classes=5))
        for k in (5, 6)
    )
    assert five.top5 is None
    assert six.top5.dtype == bool and six.top5.shape == six.survived.shape


@pytest.mark.parametrize(
    ("attack_of", "epsilons"),
    [
        (attacks.FGSM, (2.0, 4.0, 8.0, 16.0)),
        (attacks.IterBasic, (4.0, 16.0)),
        (lambda epsilon: attacks.PGD(epsilon, epsilon / 3, 3), (16.0, 40.0)),
    ],
)
def test_shared_judges_compile_once_and_change_no_bit(attack_of, epsilons):
    calls, numbers = [], []

    def counted(images):
        calls.append(images.shape)
        return linear(images)

    judges = evaluation.Judges(counted)
    for epsilon in epsilons:
        attack, seed, before = attack_of(epsilon), int(epsilon), len(calls)
        shared = evaluation.evaluate(judges, dataset(), attack, seed=seed)
        numbers.append(len(calls) - before)
        alone = evaluation.evaluate(linear, dataset(), attack, seed=seed)
        for record in (shared, alone):
            found = ranks(attacked(attack, seed))
            np.testing.assert_array_equal(record.survived, found < 1)
            np.testing.assert_array_equal(record.top5, found < 5)
        assert (shared.attack, shared.passes) == (alone.attack, alone.passes)
    # The first asks the network and traces the attack; the others only look whether the
    # network answers as it did.
    assert numbers[0] > 6 and set(numbers[1:]) == {1}


def test_judges_with_a_distribution_beside_them_are_refused(two_replicas):
    judges = evaluation.Judges(linear)
    with pytest.raises(ValueError, match=r"of their own.*distribution=") as caught:
        evaluation.evaluate(judges, dataset(), distribution=two_replicas)
    assert "\n" not in str(caught.value)
