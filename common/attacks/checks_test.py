"""What attacks refuse."""

import json

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from common import attacks, backend, recipe
from common.attacks import answers, checks
from tests.oracles import textbook


@pytest.mark.parametrize("epsilon", [0.25, 1, 8.0, 127.5, 128])
def test_epsilon_in_pixels_passes(epsilon):
    checks.check_epsilon(epsilon)


@pytest.mark.parametrize(
    "epsilon",
    [32 / 255, 0, 0.2, -1, 128.5, 255, float("nan"), float("inf"), np.float32(0.03)],
)
def test_epsilon_in_another_unit_is_refused_with_its_value(epsilon):
    with pytest.raises(ValueError, match=r"^epsilon must be in \(0.2, 128\]") as error:
        checks.check_epsilon(epsilon)
    assert str(error.value).endswith(f"Received: epsilon={epsilon}")


@pytest.mark.parametrize("kind", [float, np.float32, np.float64, np.array, tf.constant])
@pytest.mark.parametrize("value", [0.0, -2.0, 2 / 255, float("nan"), float("inf")])
def test_steps_must_be_positive_by_their_value_and_not_their_type(kind, value):
    checks.check_steps(kind(0.5), 1)
    with pytest.raises(ValueError, match=r"step_size must .* Received: step_size="):
        checks.check_steps(kind(value), 1)


@pytest.mark.parametrize(
    "value", [0, -1, 5.7, 5.0, "10", None, np.float32(3), True, 2**31]
)
def test_steps_are_counted_in_whole_numbers(value):
    for count in (3, np.int64(3), np.uint8(3), tf.constant(3)):
        checks.check_steps(1.0, count)
        if not isinstance(count, tf.Tensor):
            checks.check_count("num_restarts", count)
    with pytest.raises(ValueError, match=r"^num_steps must"):
        checks.check_steps(1.0, value)
    with pytest.raises(ValueError, match=r"^num_restarts must"):
        checks.check_count("num_restarts", value)


@pytest.mark.parametrize("value", ["8", None, [8.0], True])
def test_what_is_no_number_is_no_radius_and_no_step(value):
    with pytest.raises(ValueError, match="epsilon must be a number or a tensor"):
        checks.check_epsilon(value)
    with pytest.raises(ValueError, match="step_size must be a number or a tensor"):
        checks.check_steps(value, 1)


def test_arrays_of_text_are_no_radii():
    with pytest.raises(ValueError, match="epsilon must have numbers"):
        checks.check_epsilon(np.array(["8", "8"]))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"random_start": "no"}, "random_start must be True or False"),
        ({"clean_start": "0.5"}, "clean_start is a probability"),
        ({"targeted": True}, "Unknown targeted. Received: True"),
        ({"targeted": "least"}, "Nearest: least_likely"),
        ({"targeted": "random", "every_iterate": True}, "not for a target"),
        ({"loss": None}, "Unknown attack loss"),
        ({"loss": "cross_entrop"}, "Nearest: cross_entropy"),
        ({"num_restarts": 2, "random_start": False}, "random_start=True"),
        ({"step_size": 0.007}, "step_size must be above 0.05"),
    ],
)
def test_fields_of_another_kind_are_refused_when_the_attack_is_built(fields, message):
    with pytest.raises(ValueError, match=message) as error:
        attacks.PGD(**{"epsilon": 8.0, "step_size": 2.0, "num_steps": 2, **fields})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"seed": 1.5}, "seed must be a whole number.*seed=1.5"),
        ({"images": np.zeros((0, 5, 5, 2)), "labels": []}, "needs an image"),
        ({"images": np.zeros((2, 5, 5, 2), bool)}, "Images must be numbers"),
    ],
)
def test_calls_with_something_else_are_refused(call, message):
    images, labels = textbook.batch(2)
    given = {"images": images, "labels": labels, "seed": 0, **call}
    with pytest.raises(ValueError, match=message) as error:
        attacks.FGSM(8.0)(textbook.TinyNetwork(), **given)
    assert "\n" not in str(error.value)


def test_radii_are_as_many_as_the_images_and_so_are_steps():
    images, labels = textbook.batch(3)
    for radii, length in ((np.full(2, 8.0), 2.0), (8.0, np.full(2, 2.0))):
        with pytest.raises(ValueError, match=r"Received: 2 values of .* for 3 images"):
            attacks.PGD(radii, length, 1)(textbook.TinyNetwork(), images, labels)
    lengths = np.array([1.0, 2.0, 4.0], np.float32)
    moved = attacks.PGD(8.0, lengths, 1, random_start=False)(
        textbook.TinyNetwork(), images, labels
    )
    reach = np.abs(moved - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(reach, lengths, atol=1e-4)


def test_a_margin_stands_still_only_where_it_has_succeeded():
    images, labels = textbook.batch(4)

    def dead(right):
        return lambda x: (
            textbook.TinyNetwork()(x) * 0.0
            - 1.0
            + tf.one_hot(
                labels if right else (labels + 1) % textbook.CLASSES, textbook.CLASSES
            )
        )

    attack = attacks.PGD(8.0, 2.0, 3, loss="margin", random_start=False)
    with pytest.raises(backend.GradientError, match="moved no image"):
        attack(dead(right=True), images, labels)
    np.testing.assert_array_equal(attack(dead(right=False), images, labels), images)


def test_an_answer_of_unknown_rank_or_other_rows_is_refused():
    images, labels = textbook.batch(4)

    @backend.compiled
    def unknown(x):
        answer = tf.py_function(textbook.TinyNetwork(), [x], tf.float32)
        answers.check_answer(answer)

    def doubled(x):
        return tf.concat([textbook.TinyNetwork()(x)] * 2, 0)

    with pytest.raises(ValueError, match="known while the attack is compiled"):
        unknown(tf.constant(images))
    with pytest.raises(ValueError, match=r"a row for each image.*\(8, 4\) for 4"):
        attacks.FGSM(8.0)(doubled, images, labels)


def test_numpy_scalars_among_fields_become_numbers():
    attack = attacks.PGD(np.float32(8), np.array(0.25), np.int64(3))
    assert attack == attacks.PGD(8.0, 0.25, 3)
    assert json.loads(json.dumps(recipe.to_dict(attack)))["epsilon"] == 8.0


@pytest.mark.parametrize(
    "values",
    [[0.0, 0.03], [0.03, 0.05], [8.0, 128.5], [-1.0, 8.0], [8.0, float("nan")]],
)
def test_radii_that_are_none_of_pixels_are_refused(values):
    for epsilon in (np.array(values), tf.reshape(values, (2, 1, 1, 1))):
        with pytest.raises(ValueError, match="pixels of 255"):
            checks.check_epsilon(epsilon)


def test_single_images_may_have_small_radii_and_traced_ones_any():
    checks.check_epsilon(tf.constant([0.0, 8.0]))
    checks.check_epsilon(tf.zeros((0,)))

    @tf.function
    def traced(epsilon):
        checks.check_epsilon(epsilon)
        return epsilon

    assert traced(tf.constant([300.0])) == 300.0


@pytest.mark.parametrize(
    ("low", "high", "received"),
    [
        (-0.5, 255, "min=-0.5, max=255"),
        (0, 256, "min=0, max=256"),
        (0, float("nan"), "min="),
        (0, 0.5, "look like .*min=0, max=0.5"),
    ],
)
def test_images_out_of_range_are_refused_with_theirs(low, high, received):
    with pytest.raises(ValueError, match=received):
        checks.checked_images(tf.constant([[[[low, high]]]], tf.float32))


@pytest.mark.parametrize("shape", [(), (4,), (4, 4, 3), (1, 4, 4, 3, 1)])
def test_images_come_in_batches(shape):
    with pytest.raises(ValueError, match=r"batch \[B, H, W, C\].*shape=\("):
        checks.checked_images(np.zeros(shape))


def test_images_in_range_pass_and_traced_ones_are_not_looked_at():
    checks.checked_images(tf.constant([[[[0.0, 255.0]]]]))

    @tf.function
    def traced(images):
        checks.checked_images(images)
        return images

    assert traced(tf.constant([[[[-1.0]]]])) == -1.0


@pytest.mark.parametrize(
    "epsilon", [np.array([1.0, 2.0]), tf.constant([1, 2]), np.ones((2, 1, 1, 1))]
)
def test_a_radius_per_image_broadcasts_over_its_pixels(epsilon):
    radii = checks.per_image(epsilon)
    assert radii.shape == (2, 1, 1, 1) and radii.dtype == tf.float32
    np.testing.assert_array_equal(np.ravel(radii), np.ravel(epsilon))


def test_one_radius_stays_a_number():
    assert checks.per_image(8) == 8


def test_images_of_bytes_become_float_pixels():
    images = np.array([[[[0], [255]]]], np.uint8)
    checked = checks.checked_images(images)
    assert checked.dtype == tf.float32 and float(ops.max(checked)) == 255.0


@pytest.mark.parametrize(
    "labels",
    [[2, 0], (2, 0), np.array([2, 0], np.uint8), [[2], [0]], tf.constant([[2], [0]])],
)
def test_labels_in_a_column_are_those_in_a_row(labels):
    found = checks.checked_labels(labels, np.zeros((2, 4, 4, 1)))
    assert found.dtype == tf.int32 and found.numpy().tolist() == [2, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(3, dtype=np.int32), r"np.argmax.*shape=\(3, 3\)"),
        ([1.0, 0.0], "must be integers"),
        (3, r"one number for each image.*shape=\(\)"),
        ([1], "Received: 2 images and 1 labels"),
        ([0, 2**32], "label=4294967296"),
    ],
)
def test_other_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        checks.checked_labels(labels, np.zeros((2, 4, 4, 1)))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda _: tf.zeros([2, 3]), "label=3, num_classes=3"),
        (lambda _: tf.zeros([2, 1]), "K >= 2"),
        (lambda _: tf.zeros([2]), r"shape=\(2,\)"),
        (lambda _: tf.zeros([2, 4, 4, 5]), r"shape=\(2, 4, 4, 5\)"),
        (lambda _: np.zeros([2, 5]), "not network.predict.*ndarray"),
        (lambda _: [tf.zeros([2, 5])] * 2, "of several outputs one.*list"),
        (lambda _: {"a": tf.zeros([2, 5])}, "of several outputs one.*dict"),
        (lambda _: None, "one tensor"),
    ],
)
def test_answers_that_are_no_logits_of_the_labels_are_refused(answer, message):
    asked = answers.answering(answer, tf.constant([0, 3]))
    with pytest.raises(ValueError, match=message) as error:
        asked(tf.zeros([2, 4, 4, 1]))
    assert "\n" not in str(error.value)


def test_images_that_all_stand_still_for_want_of_gradient_are_refused():
    start = tf.constant([[[[3.0]]], [[[7.0]]]])
    with pytest.raises(backend.GradientError, match="Received: 2 images"):
        checks.check_moved(lambda x: tf.reduce_sum(tf.sign(x)), start, start)
    # They may stand at a bound that their gradient points beyond, or be none.
    checks.check_moved(tf.reduce_sum, start, start)
    checks.check_moved(tf.reduce_sum, start[:0], start[:0])
    checks.check_moved(lambda x: tf.reduce_sum(tf.sign(x)), start, start + 1)


def test_a_gradient_that_is_not_finite_says_nothing():
    gradient = tf.constant([1.0, float("nan"), -float("inf"), float("inf")])
    np.testing.assert_array_equal(checks.finite(gradient), [1.0, 0.0, 0.0, 0.0])
