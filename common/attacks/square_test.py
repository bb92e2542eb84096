"""Square against a NumPy twin with the same numbers, its schedule, and properties."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from keras import tree

from common import attacks, backend, evaluation
from common.attacks import starts
from common.attacks.attack import Problem, Rounds
from tests.agreement import doubtful
from tests.oracles import textbook

NETWORK = textbook.TinyNetwork()
IMAGES, _ = textbook.batch(12)
LABELS = NETWORK.logits(IMAGES).argmax(-1).astype(np.int32)
ATTACK = attacks.Square(20.0, num_queries=240)


def problem(network=NETWORK, *, rows=slice(None)):
    return Problem(network, tf.constant(IMAGES[rows]), LABELS[rows], 3)


@functools.cache
def compiled(attack, network):
    def proceed(images, labels, state, count):
        given = Problem(network, images, labels, 3)
        return attack.proceed(given, state, None, count)

    return backend.compiled(proceed)


def asked(given, count, state=None, attack=ATTACK):
    """The state after some queries more, or after the first ones."""
    state = attack.start(given) if state is None else state
    proceed = compiled(attack, given.logits_fn)
    return proceed(given.images, tf.constant(given.labels), state, tf.constant(count))


def margin(image, label):
    (logits,) = NETWORK.logits(image[None])
    return np.delete(logits, label).max() - logits[label]


def twin(image, label, stripes, draws):
    """The best image and its margin after each query; draws are [queries, 4]."""
    height, width, channels = image.shape
    best = np.clip(image + stripes, 0, 255)
    found = [(best, margin(best, label))]
    for query, (down, right, *signs) in enumerate(draws):
        halvings = sum(
            query > after * len(draws) / 5000
            for after in (10, 50, 200, 500, 1000, 2000, 4000)
        )
        side = max(round((0.8 / 2**halvings * height * width) ** 0.5), 1)
        side = min(side, height, width)
        top, left = int(down * (height - side + 1)), int(right * (width - side + 1))
        tried = best.copy()
        for channel in range(channels):
            change = -20.0 if signs[channel] < 0.5 else 20.0
            for row in range(top, top + side):
                for column in range(left, left + side):
                    place = row, column, channel
                    tried[place] = np.clip(image[place] + change, 0, 255)
        if margin(tried, label) > found[-1][1]:
            best = tried
        found.append((best, margin(best, label)))
    return found


def drawn(images, count, seed=3):
    """The numbers of the queries, in blocks of a hundred."""
    keys = backend.example_keys(tf.constant(images))
    shape = (len(images), 100, 2 + images.shape[-1])
    blocks = [
        backend.uniform(shape, backend.fold(seed, -6, block), keys=keys)
        for block in range(-(-count // 100))
    ]
    return np.concatenate(blocks, axis=1)[:, :count]


def test_every_query_agrees_with_numpy():
    images = IMAGES.astype(np.float64)
    stripes = starts.stripes(tf.constant(IMAGES), 20.0, 3).numpy()
    expected = [
        twin(*row)
        for row in zip(images, LABELS, stripes, drawn(IMAGES, 240), strict=True)
    ]
    given, state = problem(), None
    for count, more in ((0, 0), (1, 1), (2, 1), (60, 58), (150, 90), (240, 90)):
        state = asked(given, more, state)
        best, margins = zip(*(found[count] for found in expected), strict=True)
        np.testing.assert_allclose(state.images, np.stack(best), atol=1e-3)
        np.testing.assert_allclose(state.margin, margins, atol=1e-4)
        np.testing.assert_array_equal(state.asked, np.full(12, count))
    kept = [len({m for _, m in found}) for found in expected]
    assert min(kept) > 5  # not a test of nothing: images took some squares


@pytest.mark.parametrize(
    ("num_queries", "before", "side"),
    [
        *((5000, 0, 29), (5000, 10, 29), (5000, 11, 20), (5000, 50, 20)),
        *((5000, 51, 14), (5000, 201, 10), (5000, 501, 7), (5000, 1001, 5)),
        *((5000, 2001, 4), (5000, 4000, 4), (5000, 4001, 3), (5000, 4999, 3)),
        *((500, 1, 29), (500, 2, 20), (500, 401, 3), (50_000, 100, 29)),
        *((50_000, 101, 20), (50_000, 40_001, 3)),
    ],
)
def test_squares_shrink_by_the_schedule(num_queries, before, side):
    # Sides of the area 0.8 / 2^n of 32 x 32 = 1,024 pixels, rounded.
    attack = attacks.Square(8.0, num_queries)
    lines = attack._lines((32, 32), tf.constant([before]), tf.zeros([1, 2]))
    expected = np.arange(32) < side
    np.testing.assert_array_equal(lines[0], np.tile(expected, 2))


def test_squares_of_long_images_fit_and_get_everywhere():
    attack, size = attacks.Square(8.0, 5000), (4, 32)
    corners = tf.constant([[0.0, 0.0], [0.9999, 0.9999]])
    # 0.8 of 128 pixels is a square of 10: cut to 4.
    lines = attack._lines(size, tf.constant([0, 0]), corners).numpy()
    assert lines[:, :4].all()
    columns = [np.flatnonzero(row).tolist() for row in lines[:, 4:]]
    assert columns == [[0, 1, 2, 3], [28, 29, 30, 31]]
    single = attack._lines(size, tf.constant([4001, 4001]), corners).numpy()
    assert [np.flatnonzero(row).tolist() for row in single] == [[0, 4], [3, 35]]


def test_places_and_signs_are_uniform_and_each_image_has_its_own():
    images = np.random.default_rng(0).uniform(0, 255, (50, 4, 4, 3)).astype(np.float32)
    draws = drawn(images, 200)
    deciles = np.quantile(draws, np.linspace(0.1, 0.9, 9), axis=(0, 1))
    expected = np.linspace(0.1, 0.9, 9)[:, None]
    np.testing.assert_allclose(deciles, np.tile(expected, 5), atol=0.02)
    flat = draws.reshape(50, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(50)).max() < 0.2
    assert np.abs(np.corrcoef(draws.reshape(-1, 5).T) - np.eye(5)).max() < 0.05


def test_the_margin_never_falls_and_is_that_of_the_images():
    given, state = problem(), None
    before = np.full(12, -np.inf)
    for _ in range(8):
        state = asked(given, 30, state)
        assert (state.margin.numpy() >= before).all()
        before = state.margin.numpy()
        expected = [*map(margin, state.images.numpy().astype(float), LABELS)]
        np.testing.assert_allclose(before, expected, atol=1e-4)
        change = np.abs(state.images - IMAGES)
        np.testing.assert_array_less(change, 20 + 1e-4)
    assert (before > np.array([*map(margin, IMAGES.astype(float), LABELS)])).all()


def test_images_at_different_queries_share_a_batch():
    counts = [0, 7, 99, 100, 101, 230]
    alone = [problem(rows=slice(i, i + 1)) for i in range(6)]
    states = [asked(p, n) for p, n in zip(alone, counts, strict=True)]
    together = tree.map_structure(lambda *rows: tf.concat(rows, 0), *states)
    together = asked(problem(rows=slice(6)), 105, together)
    np.testing.assert_array_equal(together.asked, np.array(counts) + 105)
    for i, (p, state) in enumerate(zip(alone, states, strict=True)):
        (expected,) = asked(p, 105, state).images
        np.testing.assert_allclose(together.images[i], expected, atol=1e-4)


def test_what_is_not_finite_is_kept_for_an_evaluation_to_see():
    def broken(images):
        is_bright = images[:, 0, 0, 0] > 130.0
        return NETWORK(images) * tf.where(is_bright, float("nan"), 1.0)[:, None]

    state = asked(problem(broken), 100)
    known = np.isfinite(broken(state.images)).all(-1)
    np.testing.assert_array_equal(np.isfinite(state.margin), known)
    corner = IMAGES[:, 0, 0, 0]  # whose pixel moves by 20
    assert known[corner <= 110.0].all() and not known[corner > 150.0].any()
    assert 0 < known.sum() < 12


def test_an_infinite_logit_at_the_label_is_kept_as_well():
    def sure(images):
        is_bright = images[:, :1, 0, 0] > 130.0
        at_label = tf.one_hot(LABELS, textbook.CLASSES) > 0
        return tf.where(is_bright & at_label, float("inf"), NETWORK(images))

    state = asked(problem(sure), 100)
    assert np.isnan(state.margin).any()
    known = np.isfinite(sure(state.images)).all(-1)
    np.testing.assert_array_equal(np.isfinite(state.margin), known)


def test_a_network_without_gradient_is_attacked():
    """White-box attacks are refused by it."""

    def rounded(images):
        return NETWORK(tf.round(images / 8) * 8)

    images = tf.constant(IMAGES)
    adv_images = attacks.Square(60.0, 200)(rounded, images, LABELS)
    fooled = rounded(adv_images).numpy().argmax(-1) != LABELS
    assert fooled.mean() > 0.5 and (rounded(images).numpy().argmax(-1) == LABELS).all()


@pytest.mark.parametrize(
    ("num_queries", "chunks"), [(5000, 50), (200, 2), (100, 1), (150, 1), (7, 1)]
)
def test_queries_are_cut_at_every_hundred(num_queries, chunks):
    expected = Rounds(num_queries, chunks, gradients=0, forwards=1, asked=1)
    assert attacks.Square(8.0, num_queries).rounds == expected


def test_a_number_of_queries_out_of_range_is_refused():
    with pytest.raises(ValueError, match="num_queries=0"):
        attacks.Square(8.0, num_queries=0)


RADIUS = dataclasses.replace(ATTACK, epsilon=45.0, num_queries=300)
DATASET = [(doubtful.IMAGES, doubtful.LABELS)]
JUDGES = evaluation.Judges(doubtful.honest)


@functools.cache
def survivors():
    """Which images are right at the end of each chunk, all attacked to the end."""
    given = Problem(doubtful.honest, tf.constant(doubtful.IMAGES), doubtful.LABELS, 2)
    run = backend.compiled(lambda state: RADIUS.proceed(given, state, None, 100))
    state, right = RADIUS.start(given), []
    for _ in range(3):
        state = run(state)
        classes = doubtful.honest(state.images).numpy().argmax(-1)
        right.append(classes == doubtful.LABELS)
    return np.array(right)


@pytest.mark.parametrize("batch_size", [7, 60])
def test_outcomes_do_not_depend_on_the_batch(batch_size):
    record = evaluation.evaluate(JUDGES, DATASET, RADIUS, seed=2, batch_size=batch_size)
    right = survivors()
    np.testing.assert_array_equal(record.survived, right.all(0))
    # Not a test of nothing: images leave in each chunk, and some are left.
    assert 0 < right[2].sum() < right[1].sum() < right[0].sum() < len(right[0])


def test_two_replicas_find_the_same(two_replicas):
    record = evaluation.evaluate(
        *(doubtful.honest, DATASET, RADIUS),
        seed=2,
        batch_size=30,
        distribution=two_replicas,
    )
    np.testing.assert_array_equal(record.survived, survivors().all(0))
