"""What every attack promises, each by its row."""

from __future__ import annotations

import dataclasses
import doctest
import functools
import itertools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import tree

from common import attacks, backend, recipe
from common.attacks import losses
from common.attacks.attack import Problem, is_fooled
from common.models import norms
from tests.oracles import textbook, training


@dataclasses.dataclass(frozen=True)
class Row:
    """An attack by its radius, what it costs, what it looks at, and how far it goes."""

    build: Callable[[Any], Any]
    forward: int = 1
    backward: int = 1
    labels: bool = False
    seed: bool = False
    least: float = 1.0  # pixels that some pixel of each image moves, of 8


def iterated(kind, source):
    return lambda epsilon: kind(epsilon, 2.0, 3, source=source)


ROWS = {
    "FGSM": Row(attacks.FGSM, labels=True),
    "FGSMPredicted": Row(attacks.FGSMPredicted),
    "FastEntropy": Row(attacks.FastEntropy),
    "FastGradL2": Row(attacks.FastGradL2, labels=True),
    "FastGradLinf": Row(attacks.FastGradLinf, labels=True),
    "StepLL": Row(attacks.StepLL),
    "StepRandom": Row(attacks.StepRandom, labels=True, seed=True),
    "IterBasic": Row(iterated(attacks.IterBasic, "true"), 3, 3, labels=True),
    "IterBasic predicted": Row(iterated(attacks.IterBasic, "predicted"), 4, 3),
    "IterLL": Row(iterated(attacks.IterLL, "least_likely"), 4, 3),
    "IterLL random": Row(
        iterated(attacks.IterLL, "random"), 3, 3, labels=True, seed=True
    ),
    "RStepLL": Row(attacks.RStepLL, 2, 1, seed=True),
    "RandomSign": Row(attacks.RandomSign, 0, 0, seed=True),
    "RandomTruncatedNormal": Row(attacks.RandomTruncatedNormal, 0, 0, seed=True),
    # A step is a pass with a gradient and one without; a target is one more, and so is
    # the question between two restarts.
    "FAB": Row(
        lambda e: attacks.FAB(e, 3, num_restarts=2), 15, 6, labels=True, least=0.0
    ),
    "Square": Row(
        lambda e: attacks.Square(e, num_queries=3), 4, 0, labels=True, seed=True
    ),
    "PGD": Row(lambda e: attacks.PGD(e, 2.0, 3), 3, 3, labels=True, seed=True),
    "PGD least likely": Row(
        lambda e: attacks.PGD(e, 2.0, 3, targeted="least_likely"), 4, 3, seed=True
    ),
    "PGD every iterate": Row(
        lambda e: attacks.PGD(e, 2.0, 3, every_iterate=True), *(3, 3), True, True
    ),
    "APGD": Row(lambda e: attacks.APGD(e, 3), 4, 3, labels=True, seed=True),
    "APGD samples": Row(
        lambda e: attacks.APGD(e, 3, samples=2), 7, 6, labels=True, seed=True
    ),
    "APGD targets": Row(
        lambda e: attacks.APGD(e, 3, loss="targeted_dlr", num_restarts=2),
        *(9, 6),
        labels=True,
        seed=True,
    ),
    "MultiTargeted": Row(
        lambda e: attacks.MultiTargeted(e, 3, 1), 4, 3, labels=True, seed=True
    ),
    "PGD restarts": Row(
        lambda e: attacks.PGD(e, 2.0, 3, targeted="random", num_restarts=2),
        *(7, 6),
        labels=True,
        seed=True,
    ),
}

every_row = pytest.mark.parametrize("name", ROWS)


@functools.cache
def compiled(name):
    """Returns the compiled attack: images, labels, epsilon, seed -> images."""
    network = textbook.TinyNetwork()

    def attacked(images, labels, epsilon, seed):
        return ROWS[name].build(epsilon)(network, images, labels, seed=seed)

    return backend.compiled(attacked)


def run(name, images, labels, *, epsilon=8.0, seed=3):
    """Runs the compiled attack, with one radius and one seed for each image."""
    count = len(images)
    epsilon = np.broadcast_to(np.float32(epsilon), count)
    seed = np.broadcast_to(np.int64(seed), count)
    return compiled(name)(*map(tf.constant, (images, labels, epsilon, seed))).numpy()


def predicted(images):
    """The labels with which every image is right."""
    return textbook.TinyNetwork().logits(images).argmax(-1).astype(np.int32)


def test_the_example_of_the_package_is_an_attack():
    (example,) = doctest.DocTestFinder().find(attacks, "attacks", attacks)[:1]
    found = doctest.DocTestRunner().run(example, clear_globs=False)
    assert (found.failed, found.attempted) == (0, 4)
    attack, network = example.globs["NoisyMargin"](8.0, 2.0, 3), textbook.TinyNetwork()
    images, _ = textbook.batch(32)
    labels = network.logits(images).argmax(-1)
    adv_images = attack(network, tf.constant(images), labels, seed=1)
    assert 7 < np.abs(adv_images - images).max() <= 8 + 1e-4
    before, after = (
        losses.margin(labels, network.logits(np.asarray(x)))
        for x in (images, adv_images)
    )
    assert np.less(before, after).all()


def test_every_exported_attack_has_a_row():
    built = {type(row.build(8.0)).__name__ for row in ROWS.values()}
    # What puts attacks together is tested by `worst_test` and `ensembles_test`.
    assert built == set(attacks.__all__) - {"Worst", "autoattack"}


@every_row
@settings(max_examples=8)
@given(
    radii=st.lists(st.floats(0, 64, width=32), min_size=6, max_size=6),
    batch=st.integers(0, 6),
    dark=st.integers(0, 255),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_images_stay_in_their_ball_and_in_range(name, radii, batch, dark, seed):
    images, labels = textbook.batch(seed=batch)
    images[images < dark] = 0.0
    images[images > 255 - dark / 2] = 255.0
    radii[batch % 6] = 0.0
    adv_images = run(name, images, labels, epsilon=radii, seed=seed)
    assert adv_images.dtype == np.float32 and adv_images.shape == images.shape
    reached = np.abs(adv_images - images).max(axis=(1, 2, 3))
    assert (reached <= np.float32(radii) + 1e-4).all()
    assert adv_images.min() >= 0 and adv_images.max() <= 255
    np.testing.assert_array_equal(adv_images[batch % 6], images[batch % 6])


@every_row
def test_a_large_radius_moves_every_image(name):
    images, _ = textbook.batch()
    moved = np.abs(run(name, images, predicted(images)) - images).max(axis=(1, 2, 3))
    assert (moved > ROWS[name].least).all()


@every_row
def test_the_order_and_the_split_of_a_batch_do_not_matter(name):
    images, labels = textbook.batch(8)
    radii = np.arange(1.0, 9.0, dtype=np.float32)
    whole = run(name, images, labels, epsilon=radii)
    order = np.random.default_rng(0).permutation(8)
    permuted = run(name, images[order], labels[order], epsilon=radii[order])
    np.testing.assert_allclose(permuted, whole[order], atol=1e-4)
    parts = [
        run(name, images[part], labels[part], epsilon=radii[part])
        for part in (slice(0, 3), slice(3, 8))
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)


@every_row
def test_the_seed_decides_where_there_is_chance_and_only_there(name):
    images, labels = textbook.batch(8)
    first, again, other = (run(name, images, labels, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (np.abs(first - other).max() > 1) == ROWS[name].seed
    mixed = run(name, images, labels, seed=[1, 2] * 4)
    np.testing.assert_allclose(mixed[::2], first[::2], atol=1e-4)
    np.testing.assert_allclose(mixed[1::2], other[1::2], atol=1e-4)


@every_row
def test_the_labels_decide_where_they_are_looked_at_and_only_there(name):
    images, labels = textbook.batch(8)
    moved = [run(name, images, y) for y in (labels, (labels + 1) % textbook.CLASSES)]
    assert (np.abs(moved[0] - moved[1]).max() > 0.1) == ROWS[name].labels


@every_row
def test_tensors_and_numbers_eager_and_compiled_are_the_same_attack(name):
    images, labels = textbook.batch()
    attack, network = ROWS[name].build(8.0), textbook.TinyNetwork()
    expected = run(name, images, labels)
    fields = {"epsilon": 8.0, "step_size": 2.0, "num_steps": 3}
    known = [f.name for f in dataclasses.fields(attack) if f.name in fields]
    scalars = dataclasses.replace(attack, **{k: tf.constant(fields[k]) for k in known})
    for same in (attack, scalars):
        adv_images = same(network, tf.constant(images), labels, seed=3)
        np.testing.assert_allclose(adv_images, expected, atol=1e-4)


@every_row
@pytest.mark.parametrize("compile_it", [False, True])
def test_no_pass_is_wasted(name, compile_it):
    images, labels = textbook.batch()
    network, counter = textbook.TinyNetwork(), textbook.PassCounter()
    row = ROWS[name]

    def attacked(images):
        return row.build(8.0)(lambda x: counter(network(x)), images, labels)

    attacked = backend.compiled(attacked) if compile_it else attacked
    attacked(tf.constant(images))
    assert (counter.forward, counter.backward) == (row.forward, row.backward)


@every_row
def test_the_passes_that_it_tells_are_those_that_it_takes(name):
    row, rounds = ROWS[name], ROWS[name].build(8.0).rounds
    steps = rounds.restarts * rounds.num_steps
    between = rounds.restarts - 1  # a call asks which images are fooled already
    asked = rounds.restarts * (rounds.asked + rounds.chosen) + between
    assert row.backward == steps * rounds.gradients
    assert row.forward == steps * (rounds.gradients + rounds.forwards) + asked


@every_row
def test_steps_one_at_a_time_are_the_whole_to_the_bit(name):
    images, labels = textbook.batch()
    attack, network = ROWS[name].build(8.0), textbook.TinyNetwork()
    if attack.rounds.restarts > 1:
        attack = dataclasses.replace(attack, num_restarts=1)
    problem = Problem(network, tf.constant(images), tf.constant(labels), 3)
    climbed, state = attack.ascended(problem), attack.start(problem)
    form = tree.map_structure(np.shape, attack.blank(images))
    for _ in range(attack.rounds.num_steps):
        assert tree.map_structure(np.shape, state) == form
        state = attack.proceed(problem, state, climbed, 1)
    expected = attack(network, tf.constant(images), labels, seed=3)
    np.testing.assert_array_equal(attack.judged(state), expected)


@every_row
def test_it_is_its_kind_with_its_numbers(name):
    attack, other = ROWS[name].build(8.0), ROWS[name].build(4.0)
    assert attack.kind == other.kind and hash(attack.kind) == hash(other.kind)
    if attack.per_image:  # see the test of a mixed batch of APGD
        return
    numbers = {key: np.asarray(value).item() for key, value in attack.numbers.items()}
    again = dataclasses.replace(attack.kind, **numbers)
    if attack.rounds.restarts > 1:
        again = dataclasses.replace(again, num_restarts=attack.rounds.restarts)
    assert again == attack and numbers["epsilon"] == 8.0


@every_row
def test_one_that_is_not_cut_is_its_own_beginning(name):
    attack = ROWS[name].build(8.0)
    assert attack.beginning is attack and attack.rounds.chunks == 1


@every_row
def test_batch_norm_and_weights_stay(name):
    images, labels = textbook.batch()
    model = training.Linear(norms.DEFAULT)
    model(images, training=True)
    before = [variable.numpy() for variable in model.variables]
    assert len(before) == 6
    attack = ROWS[name].build(8.0)
    attack(lambda x: model(x, training=False), tf.constant(images), labels)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


NO_GRADIENT = {
    "constant": lambda x: tf.zeros([len(x), textbook.CLASSES]),
    "integers": lambda x: textbook.TinyNetwork()(
        tf.cast(tf.cast(x, "uint8"), "float32")
    ),
    "rounded": lambda x: textbook.TinyNetwork()(tf.round(x)),
    "stopped": lambda x: tf.stop_gradient(textbook.TinyNetwork()(x)),
    "step": lambda x: textbook.TinyNetwork()(tf.sign(x - 128.0)),
    "through numpy": lambda x: tf.ensure_shape(
        tf.numpy_function(lambda z: z, [textbook.TinyNetwork()(x)], tf.float32),
        [None, textbook.CLASSES],
    ),
}


# They are refused in one place, `backend.value_and_gradients`, which all attacks call.
REFUSED = [
    *((name, "stopped") for name in ROWS),
    *itertools.product(
        ("FGSM", "FAB", "APGD targets", "PGD restarts"),
        (network for network in NO_GRADIENT if network != "stopped"),
    ),
]


@pytest.mark.parametrize(("name", "network"), REFUSED)
def test_without_a_gradient_it_is_refused(name, network):
    images, labels = textbook.batch()
    attack = ROWS[name].build(8.0)
    if not ROWS[name].backward:
        assert attack(NO_GRADIENT[network], images, labels).shape == images.shape
        return
    with pytest.raises(backend.GradientError, match="cast to integers") as error:
        attack(NO_GRADIENT[network], tf.constant(images), labels)
    assert "\n" not in str(error.value)


@every_row
def test_where_the_gradient_is_not_finite_pixels_stay(name):
    images, _ = textbook.batch()
    images[:, 0] = 0.0  # where the root has an infinite slope

    def network(x):
        return textbook.TinyNetwork()(x) + tf.reduce_sum(tf.sqrt(x[:, :1]), [1, 2, 3])[
            :, None
        ] * tf.constant([1.0, 0, 0, 0])

    attack = ROWS[name].build(8.0)
    adv_images = attack(network, tf.constant(images), predicted(images))
    assert np.isfinite(adv_images).all()
    moved = np.abs(adv_images - images)[:, 1:].max(axis=(1, 2, 3))
    assert (moved > ROWS[name].least).all()


@every_row
def test_an_outer_tape_gets_no_gradient_through_the_attack(name):
    images, labels = textbook.batch()
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        attack = ROWS[name].build(8.0)
        adv_images = attack(textbook.TinyNetwork(), images, labels)
    assert tape.gradient(adv_images, images) is None


@every_row
def test_it_is_a_value_that_a_record_can_hold(name):
    attack = ROWS[name].build(8.0)
    assert attack == ROWS[name].build(8.0) != ROWS[name].build(4.0)
    assert hash(attack) == hash(ROWS[name].build(8.0))
    record = json.loads(json.dumps(recipe.to_dict(attack)))
    assert record["type"] == type(attack).__name__ and record["epsilon"] == 8.0


@every_row
def test_other_units_are_refused(name):
    images, labels = textbook.batch()
    with pytest.raises(ValueError, match="pixels of 255"):
        ROWS[name].build(8 / 255)
    with pytest.raises(ValueError, match=r"\[0, 255\]"):
        ROWS[name].build(8.0)(textbook.TinyNetwork(), tf.constant(images - 128), labels)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_is_no_right_answer(broken):
    logits = np.array([[1.0, 3.0, 2.0], [broken, 3.0, 2.0], [3.0, 1.0, 2.0]])
    found = is_fooled(np.ones(3, np.int32), tf.constant(logits, tf.float32))
    np.testing.assert_array_equal(found, [False, True, True])


@pytest.mark.parametrize(
    "attack",
    [
        attacks.APGD(40.0, 10, loss="targeted_dlr", num_restarts=2),
        attacks.MultiTargeted(40.0, 10, num_restarts=2),
        attacks.FAB(40.0, 10, num_restarts=2),
    ],
)
def test_a_call_tries_the_next_class_where_the_first_resists(attack):
    """Towards class 1, the likeliest, images grow darker; only brighter ones lose."""
    images, labels = np.full((2, 4, 4, 3), 102.0, np.float32), np.zeros(2, np.int32)

    def network(images):
        mean = tf.reduce_mean(images, axis=(1, 2, 3)) / 255.0
        return tf.stack([0 * mean + 1, 0.5 - 1e-3 * mean, 4 * mean - 1.2], axis=-1)

    first = dataclasses.replace(attack, num_restarts=1)(network, images, labels)
    assert not is_fooled(labels, network(first)).numpy().any()
    assert is_fooled(labels, network(attack(network, images, labels))).numpy().all()
