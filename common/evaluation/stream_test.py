"""Reading, filling up and refusing, below what evaluations test."""

import numpy as np
import pytest
import tensorflow as tf

from common.evaluation import stream

IMAGES = np.arange(7 * 4, dtype=np.float32).reshape(7, 2, 2, 1)
LABELS = np.arange(7, dtype=np.int32) % 3


def logits_fn(images):
    return tf.reshape(images, [-1, 4])[:, :3]


def examples(*logits_fns):
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)
    return stream.Examples(dataset, *logits_fns or (logits_fn,))


def test_examples_come_in_order_whatever_is_taken_at_a_time():
    found = examples()
    assert (len(found.first[1]), found.num_classes) == (3, 3)
    slots = found.take(2) + found.take(0) + found.take(4) + found.take(9)
    assert [slot.index for slot in slots] == list(range(7)) and found.count == 7
    np.testing.assert_array_equal([slot.image for slot in slots], IMAGES)
    assert [slot.label for slot in slots] == LABELS.tolist()
    assert found.take(1) == []


def test_networks_see_floats_from_the_first_image_on():
    seen = []

    def noted(images):
        seen.append(images.dtype)
        return logits_fn(images)

    dataset = tf.data.Dataset.from_tensors((IMAGES.astype(np.uint8), LABELS))
    stream.Examples(dataset, noted)
    assert set(seen) == {tf.float32}


def test_networks_of_different_classes_are_refused():
    with pytest.raises(ValueError, match=r"Received: num_classes=\[2, 3\]"):
        examples(logits_fn, lambda images: logits_fn(images)[:, :2])


def test_every_network_is_checked():
    with pytest.raises(ValueError, match="Take the softmax off"):
        examples(logits_fn, lambda images: tf.nn.softmax(logits_fn(images)))


@pytest.mark.parametrize(
    ("count", "size", "replicas", "bucket"),
    [
        (250, 250, 1, 250),
        (126, 250, 1, 250),
        (125, 250, 1, 125),
        (62, 250, 1, 62),
        (1, 250, 1, 31),
        (1, 250, 2, 62),
        (1, 4, 4, 4),
        (1, 1, 1, 1),
        (3, 6, 1, 3),
    ],
)
def test_a_batch_is_filled_to_the_smallest_bucket(count, size, replicas, bucket):
    pool = [stream.Slot(0, IMAGES[0], 0)] * count
    batch = stream.batch(pool, size, replicas)
    assert [len(part) for part in batch] == [bucket] * 5


def test_a_batch_is_filled_with_its_first_example():
    pool = [stream.Slot(i, IMAGES[i], int(LABELS[i]), restart=i) for i in range(3)]
    pool[2].round, pool[2].adv_image = 4, IMAGES[6]
    found = stream.batch(pool, 5)
    np.testing.assert_array_equal(found.images, IMAGES[[0, 1, 2, 0, 0]])
    np.testing.assert_array_equal(found.labels, LABELS[[0, 1, 2, 0, 0]])
    np.testing.assert_array_equal(found.restarts, [0, 1, 2, 0, 0])
    np.testing.assert_array_equal(found.rounds, [0, 0, 4, 0, 0])
    np.testing.assert_array_equal(found.adv_images, IMAGES[[0, 1, 6, 0, 0]])


@pytest.mark.parametrize(
    ("size", "replicas", "result"), [(10, 1, 10), (10, 4, 12), (12, 4, 12), (1, 2, 2)]
)
def test_sizes_are_rounded_up_to_what_divides(size, replicas, result):
    assert stream.divisible(size, replicas) == result
