"""FAB against closed forms, properties and a NumPy twin that sorts its breakpoints."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from keras import tree

from common import attacks, backend, evaluation
from common.attacks.attack import Problem
from tests.agreement import doubtful
from tests.oracles import textbook

IMAGES, _ = textbook.batch(12)
# No image goes as far as this radius, so what is judged is the closest as it is.
ATTACK = attacks.FAB(128.0, num_steps=20, num_restarts=1)


class Linear:
    """Logits that are linear in the image, as `textbook.TinyNetwork` has its own."""

    def __init__(self, classes=textbook.CLASSES):
        rng = np.random.default_rng(2)
        self.weights = rng.normal(size=(textbook.PIXELS, classes)) / 100

    def logits(self, images):
        return (images.reshape(len(images), -1) - 127.0) @ self.weights

    def gradient(self, images, logit_gradient):
        return (logit_gradient @ self.weights.T).reshape(images.shape)

    def __call__(self, images):
        flat = tf.reshape(images, [-1, textbook.PIXELS]) - 127.0
        return flat @ self.weights.astype(np.float32)


class Bent(textbook.TinyNetwork):
    """A network of which no unit is saturated."""

    def __init__(self):
        super().__init__()
        self.w1 /= 10


NETWORKS = {"linear": Linear(), "bent": Bent()}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def labels_of(network, images=IMAGES):
    return network.logits(images).argmax(-1).astype(np.int32)


def problem(network, images=IMAGES, *, restart=0):
    labels = labels_of(network, images)
    return Problem(network, tf.constant(images), labels, restart=restart)


@functools.cache
def compiled(attack, network):
    def proceed(images, labels, state, count):
        given = Problem(network, images, labels)
        return attack.proceed(given, state, attack.ascended(given), count)

    return backend.compiled(proceed)


def taken(given, count, state=None, attack=ATTACK):
    """The state after some steps more, or after the first ones."""
    state = attack.start(given) if state is None else state
    proceed = compiled(attack, given.logits_fn)
    return proceed(given.images, tf.constant(given.labels), state, tf.constant(count))


def margins(network, images, labels):
    logits = network.logits(np.asarray(images, np.float64))
    at_label = np.take_along_axis(logits, labels[:, None], 1)[:, 0]
    np.put_along_axis(logits, labels[:, None], -np.inf, 1)
    return logits.max(1) - at_label


def distances(images, clean=IMAGES):
    return np.abs(images - clean).max((1, 2, 3))


def projected(image, normal, rise):
    """The change by which normal rises as asked, from the sorted breakpoints."""
    direction = np.sign(normal) * np.sign(rise)
    room = np.where(direction > 0, 255 - image, image)
    slope, low, gained = np.abs(normal), 0.0, 0.0
    for high in np.sort(room[slope > 0]):
        rate = slope[room > low].sum()
        if gained + rate * (high - low) >= abs(rise):
            low += (abs(rise) - gained) / rate
            break
        gained, low = gained + rate * (high - low), high
    return direction * np.minimum(room, low)


def twin(network, clean, label, rank, *, steps):
    """Where each step ends, and the closest misclassified image so far, in float64."""
    others = [k for k in network.logits(clean[None])[0].argsort()[::-1] if k != label]
    towards = np.zeros((1, textbook.CLASSES))
    towards[0, others[rank]], towards[0, label] = 1.0, -1.0
    image, closest, found = clean, None, []

    def is_wrong(image):
        return network.logits(image[None])[0].argmax() != label

    def closer(image):
        if not is_wrong(image):
            return closest
        is_first = closest is None
        if is_first or np.abs(image - clean).max() < np.abs(closest - clean).max():
            return image
        return closest

    for _ in range(steps):
        closest = closer(image)
        (gap,) = (network.logits(image[None]) * towards).sum(-1)
        (normal,) = network.gradient(image[None], towards)
        change = projected(image, normal, -gap)
        from_clean = projected(clean, normal, (normal * (image - clean)).sum() - gap)
        lengths = np.abs(change).max(), np.abs(from_clean).max()
        alpha = min(lengths[0] / sum(lengths), 0.1)
        image = (1 - alpha) * (image + 1.05 * change)
        image = np.clip(image + alpha * (clean + 1.05 * from_clean), 0, 255)
        closest = closer(image)
        if is_wrong(image):
            image = clean + 0.9 * (image - clean)
        found.append((image, closest))
    return found


@every_network
@pytest.mark.parametrize("rank", range(textbook.CLASSES - 1))
def test_every_step_agrees_with_numpy(network, rank):
    labels = labels_of(network)
    expected = [
        twin(network, image, label, rank, steps=15)
        for image, label in zip(IMAGES.astype(np.float64), labels, strict=True)
    ]
    given, state = problem(network, restart=rank), None
    for step in range(15):
        state = taken(given, 1, state)
        images, closest = zip(*(found[step] for found in expected), strict=True)
        np.testing.assert_allclose(state.images, np.stack(images), atol=1e-3)
        met = np.array([image is not None for image in closest])
        np.testing.assert_array_equal(np.isfinite(state.distance), met)
        closest = np.stack([x for x in closest if x is not None])
        np.testing.assert_allclose(state.adv_images[met], closest, atol=1e-3)
        reached = distances(closest, IMAGES[met])
        np.testing.assert_allclose(state.distance[met], reached, atol=1e-3)
    assert met.sum() > 3


def test_the_closest_image_of_a_linear_network_is_the_closest_there_is():
    """Two classes: the distance is |gap| over the sum of |weights|, without bounds."""
    network = Linear(classes=2)
    images = 110 + IMAGES / 10
    labels = labels_of(network, images)
    slope = np.abs(network.weights[:, 1] - network.weights[:, 0]).sum()
    exact = -margins(network, images, labels) / slope
    state = taken(problem(network, images), 20)
    assert exact.max() > 4 and (state.distance >= exact - 1e-4).numpy().all()
    np.testing.assert_allclose(state.distance, exact, rtol=0.02)
    attack = dataclasses.replace(ATTACK, epsilon=2.0)
    adv_images = attack(network, tf.constant(images), labels)
    fooled = margins(network, adv_images, labels) > 0
    np.testing.assert_array_equal(fooled, exact < 2)


@every_network
def test_no_step_knows_epsilon_and_what_is_judged_is_cut_to_it(network):
    wide, narrow = (
        taken(problem(network), 20, attack=dataclasses.replace(ATTACK, epsilon=epsilon))
        for epsilon in (128.0, 1.0)
    )
    np.testing.assert_array_equal(wide.images, narrow.images)
    np.testing.assert_array_equal(wide.distance, narrow.distance)
    cut = IMAGES + np.clip(wide.adv_images - IMAGES, -1, 1)
    np.testing.assert_allclose(narrow.adv_images, cut, atol=1e-4)


@every_network
def test_the_closest_image_is_wrong_and_comes_closer(network):
    given, labels, state = problem(network), labels_of(network), None
    before = np.full(12, np.inf)
    for _ in range(10):
        state = taken(given, 2, state)
        distance, adv_images = state.distance.numpy(), state.adv_images.numpy()
        assert (distance <= before).all()
        met = np.isfinite(distance)
        assert (margins(network, adv_images, labels)[met] > -1e-5).all()
        np.testing.assert_allclose(distances(adv_images)[met], distance[met], atol=1e-4)
        assert adv_images.min() >= 0 and adv_images.max() <= 255
        before = distance
    assert met.sum() > 6


def test_images_at_different_steps_and_targets_share_a_batch():
    counts, ranks = [0, 3, 19, 20, 11, 1], [0, 1, 2, 0, 1, 2]
    network, attack = NETWORKS["bent"], dataclasses.replace(ATTACK, num_steps=25)
    alone = [
        problem(network, IMAGES[i : i + 1], restart=rank)
        for i, rank in enumerate(ranks)
    ]
    states = [taken(p, n, attack=attack) for p, n in zip(alone, counts, strict=True)]
    together = tree.map_structure(lambda *rows: tf.concat(rows, 0), *states)
    together = taken(problem(network, IMAGES[:6]), 5, together, attack)
    for i, (p, state) in enumerate(zip(alone, states, strict=True)):
        expected = taken(p, 5, state, attack)
        for ours, theirs in zip(together, expected, strict=True):
            np.testing.assert_allclose(ours[i], theirs[0], atol=1e-4)


def test_an_image_that_is_wrong_before_is_its_own_closest():
    network = NETWORKS["bent"]
    right = labels_of(network)
    labels = (right + (np.arange(12) < 6)) % textbook.CLASSES
    given = problem(network)._replace(labels=labels)
    adv_images = ATTACK(network, given.images, labels).numpy()
    np.testing.assert_array_equal(adv_images[:6], IMAGES[:6])
    assert (np.abs(adv_images - IMAGES)[6:].max((1, 2, 3)) > 0.01).all()


def test_what_is_not_finite_is_no_direction_and_is_not_hidden():
    """Of one image no answer is a number; of another, none once it has moved."""
    bent, clean = NETWORKS["bent"], tf.constant(IMAGES)

    def network(images):
        moved = tf.reduce_any(images != clean, axis=[1, 2, 3])
        rows = tf.range(12)
        broken = (rows == 0) | ((rows == 1) & moved)
        return bent(images) * tf.where(broken, float("nan"), 1.0)[:, None]

    given = problem(bent)._replace(logits_fn=network)
    state = ATTACK.proceed(given, ATTACK.start(given), ATTACK.ascended(given), 20)
    assert all(np.isfinite(x).all() for x in (state.images, state.adv_images))
    np.testing.assert_array_equal(state.images[0], IMAGES[0])
    unknown = np.isnan(network(state.adv_images)).all(-1)
    np.testing.assert_array_equal(unknown, np.arange(12) < 2)
    expected = taken(problem(bent), 20)
    np.testing.assert_allclose(state.images[2:], expected.images[2:], atol=1e-3)


def test_a_tie_is_lost_where_the_judge_loses_it():
    """Of equal logits the lower class counts as the larger one."""
    given = Problem(
        lambda x: 1.0 + 0.0 * Linear()(x), tf.constant(IMAGES), np.int32([1, 0])
    )
    given = given._replace(images=given.images[:2])
    state = taken(given, 1)
    np.testing.assert_array_equal(state.distance, [0, np.inf])
    np.testing.assert_array_equal(state.images, IMAGES[:2])


def test_a_call_takes_no_target_twice():
    counter = textbook.PassCounter()

    def passes(attack):
        counter.backward = 0
        attack(lambda x: counter(NETWORKS["bent"](x)[:, :2]), IMAGES[:2], [0, 1])
        return counter.backward

    assert passes(attacks.FAB(8.0, 3)) == passes(attacks.FAB(8.0, 3, num_restarts=1))


@pytest.mark.parametrize(
    ("values", "message"),
    [({"num_steps": 0}, "num_steps=0"), ({"num_restarts": 0}, "num_restarts=0")],
)
def test_numbers_out_of_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        attacks.FAB(8.0, **values)


FAR = attacks.FAB(45.0, num_steps=8, num_restarts=3)
DATASET = [(doubtful.IMAGES, doubtful.LABELS)]
JUDGES = evaluation.Judges(doubtful.honest)


@functools.cache
def survivors():
    """Which images are right after each target, each attacked to its end."""
    right = []
    for restart in range(3):
        given = Problem(doubtful.honest, tf.constant(doubtful.IMAGES), doubtful.LABELS)
        given = given._replace(restart=restart)
        state = taken(given, 8, attack=FAR)
        classes = doubtful.honest(FAR.judged(state)).numpy().argmax(-1)
        right.append(classes == doubtful.LABELS)
    return np.logical_and.accumulate(right)


@pytest.mark.parametrize("batch_size", [7, 60])
def test_outcomes_do_not_depend_on_the_batch(batch_size):
    record = evaluation.evaluate(JUDGES, DATASET, FAR, batch_size=batch_size)
    right = survivors()
    np.testing.assert_array_equal(record.survived, right[-1])
    # Not a test of nothing: images leave after each target, and some are left.
    assert 0 < right[2].sum() < right[1].sum() < right[0].sum() < len(right[0])


def test_two_replicas_find_the_same(two_replicas):
    record = evaluation.evaluate(
        *(doubtful.honest, DATASET, FAR), batch_size=30, distribution=two_replicas
    )
    np.testing.assert_array_equal(record.survived, survivors()[-1])
