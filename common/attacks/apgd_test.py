"""Auto-PGD step by step against NumPy, and what its images do not share."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
from keras import tree

from common import attacks, backend, evaluation
from common.attacks import apgd, attack, halving
from tests.oracles import autopgd, textbook

NETWORK = textbook.TinyNetwork()
EPSILON = 6.0
every_loss = pytest.mark.parametrize("loss", apgd.LOSSES)


@functools.cache
def batch(count=6):
    """Images, of which the network has all but one right, and a start for each."""
    images, _ = textbook.batch(count)
    images[:, 0] = [[0.0], [255.0]] * 2 + [[128.0]]
    labels = NETWORK.logits(images).argmax(-1).astype(np.int32)
    labels[0] = (labels[0] + 1) % textbook.CLASSES
    return images, labels


def problem(images, labels, *, seed=5, restart=0, network=NETWORK):
    return attack.Problem(network, tf.constant(images), labels, seed, restart)


def walk(found, images, labels, num_steps, **kwargs):
    """Yields the state at the start and after every step."""
    asked = problem(images, labels, **kwargs)
    step = backend.compiled(lambda state: found.proceed(asked, state, None, 1))
    state = found.start(asked)
    yield state
    for _ in range(num_steps):
        state = step(state)
        yield state


def run(found, images, labels, num_steps, **kwargs):
    """Returns the state after some steps."""
    asked = problem(images, labels, **kwargs)
    return found.proceed(asked, found.start(asked), None, num_steps)


@every_loss
@pytest.mark.parametrize(("num_steps", "compared"), [(20, 20), (100, 57)])
def test_iterates_and_step_sizes_equal_those_of_a_twin(loss, num_steps, compared):
    images, labels = batch()
    found = attacks.APGD(EPSILON, num_steps, loss)
    states = walk(found, images, labels, compared)
    start = next(states)
    targets = NETWORK.logits(images)
    targets[np.arange(6), labels] = -np.inf
    np.testing.assert_array_equal(start.target, targets.argmax(-1))
    twins = [
        autopgd.attack(
            NETWORK,
            *(np.float64(images[row]), labels[row], start.images[row].numpy()),
            epsilon=EPSILON,
            num_steps=num_steps,
            loss=loss,
            target=int(start.target[row]),
        )
        for row in range(6)
    ]
    for number, state in enumerate(states):  # later, losses differ by rounding alone
        for row, (points, sizes) in enumerate(twins):
            assert float(state.progress.size[row]) == sizes[number]
            reached = state.images[row].numpy()
            assert np.abs(reached - points[number + 1]).max() < 1e-3


@every_loss
def test_the_best_loss_never_falls_and_is_that_of_the_best_point(loss):
    images, labels = batch()
    states = list(walk(attacks.APGD(EPSILON, 20, loss), images, labels, 20))
    best = np.array([state.progress.best for state in states])
    assert (np.diff(best, axis=0) >= 0).all() and (best[-1] > best[0]).any()
    logits = NETWORK.logits(states[-1].best.numpy())
    for row, target in enumerate(states[-1].target.numpy()):
        value, _ = autopgd.loss_and_slope(loss, logits[row], labels[row], target)
        np.testing.assert_allclose(best[-1][row], value, rtol=1e-3, atol=1e-4)


def test_a_start_has_an_entry_at_the_bound_of_its_ball():
    images = np.full((4, *textbook.IMAGE), 128.0, np.float32)
    _, labels = textbook.batch(4)
    start = attacks.APGD(EPSILON).start(problem(images, labels)).images
    largest = np.abs(start - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(largest, EPSILON, rtol=1e-6)
    assert 0.4 < np.abs(start - images).mean() / EPSILON < 0.6


def test_restarts_go_through_the_wrong_classes_the_likeliest_first():
    images, labels = batch()
    logits = NETWORK.logits(images)
    logits[np.arange(6), labels] = -np.inf
    order = np.argsort(-logits, axis=-1)[:, : textbook.CLASSES - 1]
    for restart in range(5):
        target = attack.wrong_class(problem(images, labels, restart=restart))
        np.testing.assert_array_equal(target, order[:, restart % 3])
    each = np.array([2, 0, 1, 2, 1, 0])
    target = attack.wrong_class(problem(images, labels, restart=tf.constant(each)))
    np.testing.assert_array_equal(target, order[np.arange(6), each])


def test_of_equal_logits_the_lower_class_is_the_first_target():
    images, _ = textbook.batch(2)
    equal = lambda x: tf.zeros([2, 5]) + 0.0 * tf.reduce_sum(x)  # noqa: E731
    asked = problem(images, np.array([1, 0], np.int32), network=equal)
    found = [attack.wrong_class(asked._replace(restart=n)).numpy() for n in range(4)]
    np.testing.assert_array_equal(np.transpose(found), [[0, 2, 3, 4], [1, 2, 3, 4]])


def test_images_of_other_losses_radii_steps_and_targets_share_a_batch():
    images, labels = batch()
    names = list(apgd.LOSSES)
    chosen = [names[row % len(names)] for row in range(6)]
    radii = [2.0, 4.0, 8.0, 2.0, 4.0, 8.0]
    numbers, restarts = [10, 20, 100, 10, 20, 100], [0, 1, 2, 0, 1, 2]
    mixed = attacks.APGD(
        np.float32(radii),
        np.int32(numbers),
        np.int32([names.index(name) for name in chosen]),
    )
    state = run(mixed, images, labels, 10, restart=np.array(restarts))
    for row in range(6):
        alone = attacks.APGD(radii[row], numbers[row], chosen[row])
        only = slice(row, row + 1)
        other = run(alone, images[only], labels[only], 10, restart=restarts[row])
        for a, b in zip(tree.flatten(state), tree.flatten(other), strict=True):
            np.testing.assert_allclose(np.asarray(a)[only], b, rtol=1e-4, atol=1e-4)


def test_an_iterate_that_fools_the_network_is_the_result():
    """The network is wrong in a band of brightness, where some images start."""

    def network(images):
        brightness = tf.reduce_mean(images, axis=(1, 2, 3))
        is_wrong = tf.cast(tf.abs(brightness - 129.0) < 0.5, tf.float32)
        return tf.stack([-brightness, brightness - 280.0 + 99.0 * is_wrong], axis=1)

    images = np.full((8, *textbook.IMAGE), 128.0, np.float32)
    images += np.linspace(0.0, 2.0, 8, dtype=np.float32)[:, None, None, None]
    labels = np.zeros(8, np.int32)
    found = attacks.APGD(EPSILON, 20)
    states = list(walk(found, images, labels, 20, network=network))
    points = [state.images.numpy() for state in states]
    wrong = np.array([network(x).numpy().argmax(-1) != labels for x in points[:-1]])
    assert 0 < wrong.any(0).sum() < 8 and (wrong.any(0) & ~wrong[-1]).any()
    result = found.judged(states[-1]).numpy()
    for row, seen in enumerate(wrong.T):
        last = np.flatnonzero(seen)[-1] if seen.any() else -1
        np.testing.assert_array_equal(result[row], points[last][row])


@pytest.mark.parametrize(
    ("loss", "classes"),
    [("dlr", 2), ("dlr", 3), ("targeted_dlr", 2), ("targeted_dlr", 3)],
)
def test_few_classes_are_enough_for_it(loss, classes):
    weights = np.random.default_rng(classes).normal(size=(50, classes))

    def network(images):
        return tf.reshape(images - 127.0, [-1, 50]) @ tf.constant(weights, tf.float32)

    images = 60.0 + 0.5 * textbook.batch(12)[0]  # so that no pixel is cut
    logits = network(images).numpy()
    labels = logits.argmax(-1).astype(np.int32)
    # The logit of another class rises by epsilon times the L1 norm of the difference.
    ahead = np.abs(weights[:, labels].T[:, :, None] - weights).sum(1)
    is_other = np.arange(classes) != labels[:, None]
    behind = logits.max(-1, keepdims=True) - logits
    needed = np.where(is_other, behind / np.where(is_other, ahead, 1), np.inf).min(-1)
    for share, breaks in ((1.1, True), (0.9, False)):
        radius = np.float32(np.maximum(share * needed, 0.06))
        found = attacks.APGD(radius, 20, loss, num_restarts=classes - 1)
        adv_images = found(network, images, labels)
        fooled = network(adv_images).numpy().argmax(-1) != labels
        assert (fooled == breaks)[needed > 0.06].all()


@every_loss
def test_equal_logits_give_finite_losses_and_gradients(loss):
    def asked(logits):
        values = apgd.LOSSES[loss](np.zeros(1, np.int32), np.ones(1, np.int32), logits)
        return tf.reduce_sum(values)

    for classes in (2, 3, 4, 10):
        value, gradient = backend.value_and_gradients(asked, tf.zeros([1, classes]))
        assert np.isfinite(value) and np.isfinite(gradient).all()


def test_logits_that_are_no_numbers_are_shown_to_the_judge():
    images, labels = batch()

    def network(images):
        mean = tf.reduce_mean(images, axis=(1, 2, 3))
        return NETWORK(images) + tf.where(mean > 0, np.nan, 0.0)[:, None]

    found = attacks.APGD(EPSILON, 5)
    start, *_, state = walk(found, images, labels, 5, network=network)
    assert state.memory.fooled.numpy().all()
    np.testing.assert_array_equal(state.images, start.images)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "cross entropy"}, "attack loss"),
        ({"num_steps": 0}, "num_steps"),
        ({"num_steps": 0.5}, "num_steps"),
        ({"num_steps": "100"}, "num_steps"),
        ({"loss": None}, "attack loss"),
        ({"num_restarts": 0}, "num_restarts"),
        ({"epsilon": 0.03}, "epsilon"),
    ],
)
def test_values_out_of_range_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(attacks.APGD(8.0), **changes)


def test_a_call_has_one_number_of_steps():
    images, labels = batch()
    several = attacks.APGD(8.0, np.int32([10, 20, 10, 20, 10, 20]))
    with pytest.raises(ValueError, match="one number of steps for all images"):
        several(NETWORK, images, labels)


def test_a_subclass_is_evaluated_as_itself():
    class Still(attacks.APGD):
        def proceed(self, problem, state, climbed, num_steps):
            return state._replace(images=problem.images)

    images, labels = batch()
    found = evaluation.evaluate(NETWORK, [(images, labels)], Still(128.0, 2))
    clean = evaluation.evaluate(NETWORK, [(images, labels)])
    np.testing.assert_array_equal(found.survived, clean.survived)


def test_a_restart_is_unfinished_if_its_loss_still_rose_by_a_twentieth():
    found = attacks.APGD(EPSILON)
    told = halving.blank(2)._replace(
        best=np.float32([-1, -1]), gained=np.float32([0.06, 0.04])
    )
    blank = found.blank(np.zeros((2, 1, 1, 1), np.float32))
    assert found.is_unfinished(blank._replace(progress=told)).tolist() == [True, False]
