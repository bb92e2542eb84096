"""Reading, filling up and refusing, below what evaluations test."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, evaluation
from common.evaluation import attackable, stream
from tests.agreement import doubtful

IMAGES = np.arange(7 * 4, dtype=np.float32).reshape(7, 2, 2, 1)
LABELS = np.arange(7, dtype=np.int32) % 3
DIGITS, CLASSES = doubtful.IMAGES, doubtful.LABELS


def logits_fn(images):
    return tf.reshape(images, [-1, 4])[:, :3]


def examples(*logits_fns):
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)
    networks = map(attackable.Questions, logits_fns or (logits_fn,))
    return stream.Examples(dataset, *networks)


def test_examples_come_in_order_whatever_is_taken_at_a_time():
    found = examples()
    assert (found.first_size, found.num_classes) == (3, 3)
    slots = found.take(2) + found.take(0)
    assert found.count == 2
    slots += found.take(4) + found.take(9)
    assert [slot.index for slot in slots] == list(range(7)) and found.count == 7
    np.testing.assert_array_equal([slot.image for slot in slots], IMAGES)
    assert [slot.label for slot in slots] == LABELS.tolist()
    assert found.take(1) == []
    assert all(slot.image.base is None for slot in slots)  # no batch is kept


def test_networks_see_floats_from_the_first_image_on():
    seen = []

    def noted(images):
        seen.append(images.dtype)
        return logits_fn(images)

    dataset = tf.data.Dataset.from_tensors((IMAGES.astype(np.uint8), LABELS))
    stream.Examples(dataset, attackable.Questions(noted))
    assert set(seen) == {tf.float32}


def test_networks_of_different_classes_are_refused():
    with pytest.raises(ValueError, match=r"Received: num_classes=\[2, 3\]"):
        examples(logits_fn, lambda images: logits_fn(images)[:, :2])


def test_every_network_is_checked():
    with pytest.raises(ValueError, match="Take the softmax off"):
        examples(logits_fn, lambda images: tf.nn.softmax(logits_fn(images)))


@pytest.fixture
def compiled_for_each_size(monkeypatch):
    """Compiled functions are, as on JAX, for the size of one batch."""
    monkeypatch.setattr(stream.backend, "takes_any_size", lambda: False)


@pytest.mark.parametrize(
    ("count", "size", "replicas", "bucket"),
    [
        (250, 250, 1, 250),
        (126, 250, 1, 250),
        (125, 250, 1, 125),
        (1, 250, 1, 31),
        (1, 250, 2, 62),
        (1, 1, 1, 1),
    ],
)
def test_where_sizes_cost_a_batch_is_filled_to_the_smallest_bucket(
    count, size, replicas, bucket, compiled_for_each_size
):
    pool = [stream.Slot(0, IMAGES[0], 0)] * count
    batch = stream.batch((attacks.FGSM(8.0),), pool, size, replicas)
    assert [len(part) for part in batch[:5]] == [bucket] * 5


@pytest.mark.parametrize("replicas", [1, 2])
def test_where_sizes_cost_nothing_a_batch_is_as_small_as_replicas_allow(
    replicas, monkeypatch
):
    monkeypatch.setattr(stream.backend, "takes_any_size", lambda: True)
    found = [stream.filled(count, 250, replicas) for count in (1, 17, 126)]
    assert found == ([1, 17, 126] if replicas == 1 else [2, 18, 126])


def test_a_batch_is_filled_with_its_first_example(compiled_for_each_size):
    pool = [stream.Slot(i, IMAGES[i], int(LABELS[i]), restart=i) for i in range(3)]
    pool[2].chunk, pool[2].state = 4, IMAGES[6]
    found = stream.batch((attacks.FGSM(8.0),), pool, 5)
    np.testing.assert_array_equal(found.images, IMAGES[[0, 1, 2, 0, 0]])
    np.testing.assert_array_equal(found.labels, LABELS[[0, 1, 2, 0, 0]])
    np.testing.assert_array_equal(found.restarts, [0, 1, 2, 0, 0])
    np.testing.assert_array_equal(found.chunks, [0, 0, 4, 0, 0])
    np.testing.assert_array_equal(found.state, IMAGES[[0, 1, 6, 0, 0]])


@pytest.mark.parametrize(
    ("size", "replicas", "result"), [(10, 1, 10), (10, 4, 12), (12, 4, 12), (1, 2, 2)]
)
def test_sizes_are_rounded_up_to_what_divides(size, replicas, result):
    assert stream.divisible(size, replicas) == result


PAIR = (DIGITS, CLASSES)
DATA = tf.data.Dataset.from_tensor_slices(PAIR)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (PAIR, "must give batches .*an element that is ndarray"),
        (DATA, r"needs .batch\(250\).*shape=\(8, 8, 1\)"),
        (
            DATA.batch(9).map(lambda x, y: {"image": x, "label": y}),
            "must give batches .*an element that is dict of 2",
        ),
        (DATA.batch(9).map(lambda x, y: (x, y, 1.0)), "an element that is tuple of 3"),
        (DATA.batch(9).repeat(), "must end: take .repeat"),
        ([(DIGITS[..., 0], CLASSES)], "gray images have C = 1"),
        (itertools.repeat(PAIR), "must end"),
        ([PAIR, (DIGITS[:, :4], CLASSES)], r"one size.*\(8, 8, 1\) and \(4, 8, 1\)"),
        ([(DIGITS > 127, CLASSES)], "Images must be numbers.*bool"),
        (
            tf.data.Dataset.from_generator(
                lambda: iter([(DIGITS[0], 1), (DIGITS[0, :4], 2)]),
                output_signature=(
                    tf.TensorSpec([None, 8, 1]),
                    tf.TensorSpec([], tf.int32),
                ),
            ).batch(2),
            "must give batches.*InvalidArgumentError",
        ),
    ],
)
def test_a_dataset_of_another_form_is_refused(dataset, message):
    with pytest.raises(ValueError, match=message) as caught:
        evaluation.evaluate(doubtful.honest, dataset)
    assert "\n" not in str(caught.value)


class Sequence:
    """A dataset by its length and items."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if index >= 2:
            raise IndexError
        return DIGITS[30 * index :][:30], CLASSES[30 * index :][:30]


@pytest.mark.parametrize(
    "dataset",
    [
        Sequence(),
        [(DIGITS[:0], CLASSES[:0]), PAIR],
        iter([PAIR]),
        [PAIR, (DIGITS[:0], CLASSES[:0])],
    ],
)
def test_datasets_of_other_kinds_are_read(dataset):
    assert evaluation.evaluate(doubtful.honest, dataset).total == 60


def test_a_dark_photograph_may_come_first():
    images = np.concatenate([np.full((1, 8, 8, 1), 0.4, np.float32), DIGITS[:10]])
    batches = [(images[i : i + 1], CLASSES[i : i + 1]) for i in range(11)]
    assert evaluation.evaluate(doubtful.honest, batches).total == 11


def test_a_dark_photograph_that_ends_alone_is_counted():
    images = np.concatenate([DIGITS[:10], np.full((1, 8, 8, 1), 0.4, np.float32)])
    record = evaluation.evaluate(doubtful.honest, [(images[:10], CLASSES[:10])])
    whole = evaluation.evaluate(
        doubtful.honest, [(images[:10], CLASSES[:10]), (images[10:], CLASSES[10:11])]
    )
    assert (record.total, whole.total) == (10, 11)


def test_labels_of_every_batch_are_checked():
    labels = CLASSES.copy()
    labels[-1] = -1
    batches = [(DIGITS[:40], labels[:40]), (DIGITS[40:], labels[40:])]
    with pytest.raises(ValueError, match="label=-1"):
        evaluation.evaluate(doubtful.honest, batches)
