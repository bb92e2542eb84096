"""Exact counts, against an evaluation that runs everything on everything."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, data, evaluation
from common.attacks.attack import restart_seed
from tests import small_paper
from tests.agreement import doubtful

COUNT = 90
ATTACK = attacks.PGD(epsilon=40.0, step_size=12.0, num_steps=2, num_restarts=4)


def digits(count=COUNT):
    batches = data.Digits().test_batches(batch_size=count)
    return next(batches.as_numpy_iterator())


IMAGES, LABELS = digits()
logits_fn = doubtful.honest  # foreign: no Keras model
JUDGES = evaluation.Judges(logits_fn)


def batches(*sizes, images=IMAGES, labels=LABELS):
    def pieces():
        low = 0
        for size in sizes or (len(labels),):
            yield images[low : low + size], labels[low : low + size]
            low += size

    signature = (
        tf.TensorSpec([None, *images.shape[1:]], images.dtype),
        tf.TensorSpec([None], labels.dtype),
    )
    return tf.data.Dataset.from_generator(pieces, output_signature=signature)


def correct(images, labels=LABELS):
    return np.argmax(logits_fn(tf.constant(images)), -1) == labels


@functools.cache
def naive(attack=ATTACK, seed=0):
    """Every restart on every example, all at once; bool [restarts, total]."""
    one_start = dataclasses.replace(attack, num_restarts=1)
    return np.stack(
        [
            correct(one_start(logits_fn, IMAGES, LABELS, seed=restart_seed(seed, i)))
            for i in range(attack.num_restarts)
        ]
    )


@pytest.mark.parametrize(
    ("sizes", "batch_size"),
    [
        ((), None),
        ((32, 32, 26), None),
        ((7, 40, 1, 42), None),
        ((7, 40, 1, 42), 90),
        ((32, 32, 26), 1),
        ((32, 32, 26), 17),
        ((), 200),
    ],
)
def test_it_equals_every_restart_on_every_example(sizes, batch_size):
    outcomes = naive(seed=3)
    record = evaluation.evaluate(
        JUDGES, batches(*sizes), ATTACK, seed=3, batch_size=batch_size
    )
    np.testing.assert_array_equal(record.survived, outcomes.all(0))
    assert record.survived.dtype == bool
    assert (record.correct, record.total) == (int(outcomes.all(0).sum()), COUNT)
    assert record.accuracy == pytest.approx(100 * outcomes.all(0).mean())
    # Not a test of nothing: some restart breaks what those before it did not.
    assert outcomes[0].sum() > outcomes.all(0).sum() > 0


def test_without_an_attack_it_counts_clean_images():
    record = evaluation.evaluate(logits_fn, batches(32, 58))
    np.testing.assert_array_equal(record.survived, correct(IMAGES))
    assert (record.attack, record.passes) == (None, 0)
    assert 60 < record.accuracy < 100


def test_the_record_says_what_was_run():
    record = evaluation.evaluate(logits_fn, batches(), ATTACK, seed=7)
    assert record.attack["type"] == "PGD"
    assert (record.attack["num_restarts"], record.seed) == (4, 7)
    assert record.seconds > 0
    low, high = record.interval
    assert low < record.accuracy < high


def test_another_evaluation_before_changes_no_bit_and_no_weight():
    network = small_paper.Network().build(10, 8, channels=1)
    before = [v.numpy() for v in network.variables]

    def answers(images):
        return network(images, training=False)

    attack = dataclasses.replace(ATTACK, num_restarts=2)
    first, _, again = (
        evaluation.evaluate(answers, batches(20, 10), a, seed=s)
        for a, s in ((attack, 0), (attacks.FGSM(20.0), 1), (attack, 0))
    )
    np.testing.assert_array_equal(first.survived, again.survived)
    assert first.passes == again.passes
    for value, variable in zip(before, network.variables, strict=True):
        np.testing.assert_array_equal(value, variable.numpy())


def test_two_replicas_count_what_one_does(two_replicas):
    one = evaluation.evaluate(JUDGES, batches(), ATTACK, seed=3)
    two = evaluation.evaluate(
        logits_fn, batches(), ATTACK, seed=3, batch_size=30, distribution=two_replicas
    )
    np.testing.assert_array_equal(one.survived, two.survived)


def count_traces(*sizes):
    calls = []

    def counted(images):
        calls.append(images.shape)
        return logits_fn(images)

    evaluation.evaluate(counted, batches(*sizes), ATTACK, batch_size=32)
    return len(calls)


def test_ragged_batches_and_restarts_do_not_compile_again_and_again():
    # 90 examples and 4 restarts in batches of 32, and the smaller buckets at the end.
    assert count_traces(*[5, 1] * 15) <= 4 * count_traces(32)


PAIR = (IMAGES, LABELS)


@dataclasses.dataclass(frozen=True)
class Unwritable:
    """An attack with a field that JSON does not have."""

    field: object = dataclasses.field(default_factory=object)

    def __call__(self, logits_fn, images, labels, *, seed):
        return images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": -1}, "batch_size must be a whole number.*batch_size=-1"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"seed": 1.5}, "seed must be a whole number. Received: seed=1.5"),
        ({"attack": "fgsm"}, r"attack must be .* attacks.FGSM\(8.0\)"),
        ({"attack": Unwritable()}, "record must hold the attack"),
        ({"attack": attacks.FGSM(tf.constant(8.0))}, "record must hold the attack"),
    ],
)
def test_what_no_record_could_hold_is_refused_before_the_network_is_asked(
    options, message
):
    def network(images):
        raise AssertionError("it was asked")

    with pytest.raises(ValueError, match=message) as caught:
        evaluation.evaluate(network, batches(), **{"attack": ATTACK, **options})
    assert "\n" not in str(caught.value)


def test_numpy_scalars_and_labels_in_a_column_make_the_same_record(tmp_path):
    ours = evaluation.evaluate(logits_fn, [PAIR], ATTACK, seed=3, batch_size=32)
    scalars = attacks.PGD(
        np.float32(40), np.float64(12), np.int64(2), num_restarts=np.int32(4)
    )
    theirs = evaluation.evaluate(
        logits_fn,
        [(IMAGES, LABELS[:, None].astype(np.uint8))],
        scalars,
        seed=np.int64(3),
        batch_size=np.int64(32),
    )
    np.testing.assert_array_equal(ours.survived, theirs.survived)
    theirs.save(tmp_path / "record.json")
    saved = json.loads((tmp_path / "record.json").read_text())
    assert (saved["attack"], saved["seed"]) == (ours.attack, 3)


def test_a_bad_image_in_a_later_batch_is_refused():
    images = IMAGES.copy()
    images[-1, 0, 0, 0] = 256.0
    with pytest.raises(ValueError, match="max=256"):
        evaluation.evaluate(logits_fn, batches(45, 45, images=images))


def test_a_dataset_without_batches_is_refused():
    with pytest.raises(ValueError, match=r"no example. Received: 0 images"):
        evaluation.evaluate(logits_fn, batches().take(0))


def test_an_image_without_finite_logits_is_not_counted():
    images, _ = next(iter(batches()))
    poison = tf.reduce_sum(images[-1])

    def sometimes(x):
        bad = tf.reduce_sum(x, axis=(1, 2, 3)) == poison
        return tf.where(bad[:, None], float("nan"), logits_fn(x))

    whole = [tuple(map(np.concatenate, zip(*batches(), strict=True)))]
    with pytest.raises(ValueError, match=r"must be finite.*Received: 1 of 26 images"):
        evaluation.evaluate(sometimes, whole, batch_size=64)
