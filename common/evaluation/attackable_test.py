"""No network looks robust by accident: what is found out, on both engines."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend, evaluation, files
from common.evaluation import attackable, stream
from tests import agreement
from tests.agreement import doubtful

ENGINES = {"tensorflow": agreement.computed, "jax": agreement.on_jax}
on_both_engines = pytest.mark.parametrize(
    "engine", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)]
)


@functools.cache
def seen(engine, name):
    """What evaluations of a network find: counts, or why it is refused."""
    found = ENGINES[engine]("doubtful", name)
    return {key: array.item() for key, array in found.items()}


@on_both_engines
@pytest.mark.parametrize("name", ["sure", "very sure", "float16", "log-probabilities"])
def test_the_same_classes_are_as_robust_whatever_the_numbers(engine, name):
    honest, found = seen(engine, "honest"), seen(engine, name)
    assert honest["clean"] > 45 and honest["PGD"] < 8
    for key in ("clean", "noise"):
        assert found[key] == pytest.approx(honest[key], abs=1)
    for key in ("FGSM", "PGD", "margin"):  # up the gradient of another function
        assert found[key] <= honest[key] + 1
    assert not any(found[f"{key}, no gradient"] for key in ("FGSM", "PGD", "margin"))


@on_both_engines
def test_the_logarithm_of_an_ensemble_s_probabilities_is_accepted(engine):
    found = seen(engine, "ensemble")
    assert found["PGD"] < 8 and found["PGD, no gradient"] == 0


@on_both_engines
@pytest.mark.parametrize("name", ["integers", "rounded", "steps", "stopped", "signs"])
def test_a_network_without_a_gradient_is_refused_but_under_noise(engine, name):
    found = seen(engine, name)
    assert isinstance(found["clean"], int)
    assert found["noise, no gradient"] == 0
    for attack in ("FGSM", "PGD", "margin"):
        assert "cast to integers, rounding" in found[attack]
        assert "\n" not in found[attack]


@on_both_engines
def test_images_without_a_gradient_are_counted(engine):
    found = seen(engine, "in part")
    logits = doubtful.honest(doubtful.IMAGES).numpy()
    right = logits.argmax(-1) == doubtful.LABELS
    dark = doubtful.IMAGES.mean(axis=(1, 2, 3)) < doubtful.DARK
    expected = (right & dark).sum()
    assert 5 < expected < right.sum()
    assert found["FGSM, no gradient"] == expected
    for attack in ("PGD", "margin"):  # a random start makes some of them brighter
        assert 0 < found[f"{attack}, no gradient"] < expected
    assert found["FGSM"] >= expected  # they are right, and show nothing
    assert found["noise, no gradient"] == 0


@on_both_engines
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("probabilities", "sums to 1, as after a softmax. Take the softmax off"),
        ("percent", "sums to 100, as a multiple of probabilities"),
        ("sigmoids", "all values are in [0, 1], as after sigmoids"),
        ("ends", "most values are near -7 or 7"),
        ("not a number", "logits must be finite"),
    ],
)
def test_answers_that_are_no_logits_are_refused(engine, name, words):
    for message in seen(engine, name).values():
        assert words in message and "\n" not in message


@pytest.mark.parametrize("name", ["FGSM", "PGD"])
def test_images_are_asked_wherever_they_stand_in_the_dataset(name, tmp_path):
    order = np.argsort(doubtful.IMAGES.mean(axis=(1, 2, 3)) < doubtful.DARK)
    images, labels = doubtful.IMAGES[order], doubtful.LABELS[order]  # dark ones last
    batches = [(images[i : i + 15], labels[i : i + 15]) for i in range(0, 60, 15)]
    expected = seen("tensorflow", "in part")[f"{name}, no gradient"]
    attack = doubtful.ATTACKS[name]
    record = evaluation.evaluate(doubtful.in_part, batches, attack, seed=3)
    with pytest.warns(UserWarning, match="Doubtful accuracy: .* have no gradient"):
        evaluation.transfer(doubtful.in_part, doubtful.honest, batches, attack, seed=3)
    assert np.flatnonzero(record.no_gradient).min() >= 40
    assert record.no_gradient.sum() == expected
    assert record.survived[record.no_gradient].all()
    (warning,) = record.warnings
    assert warning.startswith(f"{expected} of 60 images are right and have no gradient")
    networks = doubtful.in_part, doubtful.honest
    shown = evaluation.transfer(*networks, batches, attack, seed=3)
    assert (shown.no_gradient, shown.warnings) == (expected, [warning])
    shown.save(tmp_path / "transfer.json")
    assert files.read_json(tmp_path / "transfer.json")["warnings"] == [warning]


def test_an_attack_that_cannot_cross_its_ball_is_told_of_both_kinds_of_record():
    batches = [(doubtful.IMAGES, doubtful.LABELS)]
    short = attacks.PGD(8.0, 0.5, 10)
    record = evaluation.evaluate(doubtful.honest, batches, short)
    shown = evaluation.transfer(doubtful.honest, doubtful.honest, batches, short)
    for found in (record, shown):
        assert any("do not cross a ball" in warning for warning in found.warnings)


def test_a_transfer_from_a_network_without_a_gradient_is_refused():
    cut = doubtful.NETWORKS["signs"]
    batches = [(doubtful.IMAGES, doubtful.LABELS)]
    with pytest.raises(backend.GradientError, match="No image that the network has"):
        evaluation.transfer(cut, doubtful.honest, batches, attacks.FGSM(40.0))


@pytest.mark.parametrize("pixel", [0.0, 255.0])
def test_an_image_at_its_bounds_with_a_gradient_beyond_them_is_no_fault(pixel):
    side = -1.0 if pixel else 1.0

    def network(images):  # surer of class 1 the farther the pixel is from its bound
        distance = side * (images[:, 0, 0, 0] - pixel)
        return tf.stack([-distance, 3.0 + distance], 1)

    images = np.full((4, 1, 1, 1), pixel, np.float32)
    batches = [(images, np.ones(4, np.int32))]
    record = evaluation.evaluate(network, batches, attacks.FGSM(8.0))
    assert record.correct == 4 and not record.no_gradient.any()


class Moody(keras.Model):
    """A linear network with what should be left out of an evaluation."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.dense = layer, keras.layers.Dense(10)

    def call(self, images, training=False):
        flat = tf.reshape(images, [-1, 64]) / 255.0
        return self.dense(self.layer(flat, training=training))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Dropout(0.1),
        keras.layers.BatchNormalization(),
    ],
)
def test_answers_that_change_from_call_to_call_are_refused(layer):
    network = Moody(layer)
    batches = [(doubtful.IMAGES, doubtful.LABELS)]
    evaluation.evaluate(lambda x: network(x, training=False), batches)
    with pytest.raises(ValueError, match=r"asked again.*training=False") as error:
        evaluation.evaluate(lambda x: network(x, training=True), batches)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.parametrize(
    ("network", "words"),
    [
        (lambda x: tf.sigmoid(20 * doubtful.honest(x) + 150.0), "as after sigmoids"),
        (lambda x: 100 * tf.nn.softmax(doubtful.honest(x)), "sums to 100"),
        (
            lambda x: doubtful.honest(x - tf.reduce_mean(x, 0, keepdims=True)),
            "in a batch with other images",
        ),
    ],
)
def test_small_batches_hide_nothing(network, words, count):
    starts = range(0, 60, count)
    batches = [
        (doubtful.IMAGES[i : i + count], doubtful.LABELS[i : i + count]) for i in starts
    ]
    with pytest.raises(ValueError, match=words):
        evaluation.evaluate(network, batches)


def test_one_image_alone_is_asked_in_a_batch_of_two():
    def together(x):
        return doubtful.honest(x) + tf.reduce_mean(x) / 10 * tf.range(10.0)

    batches = [(doubtful.IMAGES[:1], doubtful.LABELS[:1])]
    with pytest.raises(ValueError, match="in a batch with other images"):
        evaluation.evaluate(together, batches)
    assert evaluation.evaluate(doubtful.honest, batches).total == 1


def test_a_network_in_which_chance_picks_a_branch_is_found_out():
    picks = iter([True, True, False] * 9)

    def network(x):
        return doubtful.honest(x if next(picks) else x[:, :, ::-1])

    with pytest.raises(ValueError, match="asked again"):
        evaluation.evaluate(network, [(doubtful.IMAGES, doubtful.LABELS)])


def test_masked_classes_do_not_hide_dropout():
    mask = tf.constant([0.0] * 9 + [-1e9])
    network = Moody(keras.layers.Dropout(0.1))
    batches = [(doubtful.IMAGES, doubtful.LABELS % 9)]
    evaluation.evaluate(lambda x: network(x) + mask, batches)
    with pytest.raises(ValueError, match="asked again"):
        evaluation.evaluate(lambda x: network(x, training=True) + mask, batches)


def test_what_was_found_is_used_again_while_the_network_answers_as_it_did():
    asked, factor = [], tf.Variable(1.0)

    def network(x):
        asked.append(x.shape[0])
        return factor * doubtful.honest(x)

    judges = evaluation.Judges(network)
    batches = [(doubtful.IMAGES, doubtful.LABELS)]
    counts = []
    for value in (1.0, 1.0, 2.0, 1.0):
        factor.assign(value)
        asked.clear()
        evaluation.evaluate(judges, batches, attacks.FGSM(8.0))
        counts.append(asked.count(attackable.ASKED))
    slices = 2  # of 60 images, of whose gradients is asked
    every = attackable.TIMES + slices
    assert counts == [every, 1, every, every]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3)]),
            "float32",
        ),
        (lambda x: x["image"], "tensor operations"),
        (lambda x: tf.reshape(doubtful.honest(x), [-1, 7]), "tensor operations"),
        (lambda x: [][3], "IndexError"),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(network, message):
    with pytest.raises(ValueError, match=message) as error:
        evaluation.evaluate(network, [(doubtful.IMAGES, doubtful.LABELS)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("right", "total", "num_classes", "warned"),
    [
        (1, 9, 7, True),
        (9, 60, 10, True),
        (5, 200, 1000, True),  # neighbours of ImageNet are alike: off by one
        (155, 200, 1000, False),
        (2, 2, 2, False),  # too few to tell, and all of them right
        (150, 200, 2, False),
    ],
)
def test_clean_accuracy_near_chance_is_a_warning(right, total, num_classes, warned):
    labels = np.arange(total) % num_classes
    order = np.random.default_rng(0).permutation(total)
    warnings = attackable.near_chance(order < right, labels, num_classes)
    assert bool(warnings) == warned
    for cause in ("order of the classes", "background=", "pixels=", "output="):
        assert all(cause in warning for warning in warnings)


def test_the_commonest_label_alone_is_chance():
    """A network that always says 0 is right on nine of ten, and nothing fools it."""
    labels = np.repeat([0, 1], [180, 20])
    (told,) = attackable.near_chance(labels == 0, labels, 2)
    assert "mean over the labels, is near chance: 50.00 of 50 % on 200 images" in told
    some = np.arange(200) % 10 < 8  # of each label four in five
    assert not attackable.near_chance(some, labels, 2)
    assert not attackable.near_chance(labels == 0, np.zeros(200, int), 2)  # one label


def test_a_record_of_clean_images_warns_of_chance_and_one_of_an_attack_does_not():
    batches = [(doubtful.IMAGES, (doubtful.LABELS + 1) % 10)]
    record = evaluation.evaluate(doubtful.honest, batches)
    assert "of 10 % on" in record.warnings[0]
    assert not evaluation.evaluate(
        doubtful.honest, batches, doubtful.ATTACKS["noise"]
    ).warnings


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_record_says_in_what_a_model_computes(policy):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Rescaling(1 / 255, dtype="float32"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, dtype=policy),
        ]
    )
    batches = [(doubtful.IMAGES, doubtful.LABELS)]
    found = evaluation.evaluate(model, batches).notes
    assert found == {"precision": policy.removeprefix("mixed_")}
    assert evaluation.evaluate(lambda x: model(x), batches).notes == {}


@on_both_engines
def test_calls_with_other_labels_or_images_are_refused_on_both_engines(engine):
    found = ENGINES[engine]("doubtful", "calls")
    messages = {name: array.item() for name, array in found.items()}
    assert messages.pop("column") == messages.pop("row") == ""
    for name, words in {
        "one-hot": "np.argmax(labels, -1)",
        "floats": "Labels must be integers",
        "text": "Labels must be integers",
        "outside": "label=10, num_classes=10",
        "negative": "label=-1",
        "wrapped": f"label={2**32}",
        "too few": "60 images and 59 labels",
        "units": "Multiply them by 255",
        "one class": "K >= 2",
        "seed": "seed must be a whole number",
    }.items():
        assert words in messages[name] and "\n" not in messages[name]


def test_each_image_of_a_batch_is_asked_with_its_own_loss():
    """Of logits (f, 0, 0) the DLR loss at f is -1 everywhere, and cross-entropy not."""

    def logits_fn(images):
        first = tf.reduce_mean(images, axis=(1, 2, 3))[:, None] + 1.0
        return tf.concat([first, tf.zeros_like(first), tf.zeros_like(first)], axis=-1)

    parts = tuple(attacks.APGD(8.0, 4, loss=loss) for loss in ("cross_entropy", "dlr"))
    images = np.full((2, 4, 4, 1), 100, np.float32)
    for first in (0, 1):
        slots = [
            stream.Slot(place, images[place], 0, part=part)
            for place, part in enumerate((first, 1 - first))
        ]
        batch = stream.batch(parts, slots, 2)
        judges = evaluation.Judges(logits_fn)
        verdict = judges(parts[first], batch, 0)
        watch = attackable.Watch(judges, attacks.Worst(parts))
        assert watch.stuck(parts[first], batch, verdict, 2) == [1 - first]


def test_a_targeted_image_is_asked_with_the_target_of_its_restart():
    """The last of three classes has no gradient; it is the target of one restart."""

    def logits_fn(images):
        mean = tf.reduce_mean(images, axis=(1, 2, 3))[:, None]
        flat = tf.zeros_like(mean)
        return tf.concat([flat + 300.0, mean + 150.0, flat + 200.0], axis=-1)

    part = attacks.MultiTargeted(8.0, 4, num_restarts=2)
    image = np.full((4, 4, 1), 100, np.float32)
    slots = [stream.Slot(place, image, 0, restart=place) for place in range(2)]
    batch = stream.batch((part,), slots, 2)
    judges = evaluation.Judges(logits_fn)
    verdict = judges(part, batch, 0)
    watch = attackable.Watch(judges, part)
    assert watch.stuck(part, batch, verdict, 2) == [1]


def test_gradients_are_asked_of_no_more_images_than_are_attacked_together():
    """So that a smaller batch is of use where memory runs out."""
    asked = []

    def network(x):
        asked.append(x.shape[0])
        return doubtful.honest(x)

    batches = [(doubtful.IMAGES, doubtful.LABELS)]
    evaluation.evaluate(network, batches, attacks.FGSM(8.0), batch_size=4)
    assert asked.count(attackable.ASKED) == attackable.TIMES  # forward passes alone
    assert asked.count(4) >= len(doubtful.IMAGES) // 4
