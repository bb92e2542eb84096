"""PGD against closed forms, properties and an independent NumPy twin."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, backend
from common.attacks import attack as contract
from common.attacks import losses
from common.attacks.attack import Problem, restart_seed
from tests.oracles import textbook

IMAGES, LABELS = textbook.batch(8)
NETWORK = textbook.TinyNetwork()
ATTACK = attacks.PGD(8.0, 2.0, 3)


def made(attack, seed=0, images=IMAGES):
    return attack(NETWORK, tf.constant(images), LABELS, seed=seed).numpy()


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
@pytest.mark.parametrize("targeted", ["no", "least_likely", "random"])
def test_twenty_steps_agree_with_numpy(loss, targeted):
    network = textbook.TinyNetwork()
    images, labels = textbook.batch()
    attack = attacks.PGD(8.0, 1.7, 20, random_start=False, loss=loss, targeted=targeted)
    problem = Problem(network, tf.constant(images), labels, 5)
    logits = tf.zeros([6, textbook.CLASSES])
    classes = np.asarray(attack.ascended(problem).choose(logits))
    known = {"no": labels, "least_likely": network.logits(images).argmin(-1)}
    np.testing.assert_array_equal(classes, known.get(targeted, classes))
    sign = 1.0 if targeted == "no" else -1.0
    expected = textbook.attacked(
        network, images, classes, attack=attack, loss=loss, sign=sign
    )
    adv_images = attack(network, tf.constant(images), labels, seed=5)
    assert np.abs(expected - images).max() > 7.9
    np.testing.assert_allclose(adv_images, expected, atol=1e-3)


def test_one_step_of_epsilon_from_the_image_is_fgsm_by_hand():
    size = (int(np.prod(textbook.IMAGE)), textbook.CLASSES)
    weights = np.random.default_rng(3).normal(size=size) / 1000

    def linear(images):
        return tf.reshape(images, [len(images), -1]) @ weights.astype(np.float32)

    images, labels = textbook.batch()
    images = 50 + images * 0.6  # no pixel within epsilon of the range
    logits = linear(images).numpy().astype(np.float64)
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    residual = exp / exp.sum(-1, keepdims=True) - np.eye(textbook.CLASSES)[labels]
    expected = images + 8 * np.sign((residual @ weights.T).reshape(images.shape))
    for attack in (
        attacks.FGSM(8.0),
        attacks.PGD(8.0, 8.0, 1, random_start=False),
        attacks.IterBasic(8.0, 8.0, 1),
    ):
        adv_images = attack(linear, tf.constant(images), labels)
        np.testing.assert_allclose(adv_images, expected, atol=1e-3)


def test_starts_fill_the_ball_uniformly():
    images = np.full((200, *textbook.IMAGE), 100.0, np.float32)
    images += np.arange(200, dtype=np.float32)[:, None, None, None] / 100
    problem = Problem(textbook.TinyNetwork(), tf.constant(images), np.zeros(200))
    start = attacks.PGD(8.0, 1.0, 1).start(problem)
    delta = start.numpy() - images
    quantiles = np.quantile(delta, [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(quantiles, [-7.2, -4, 0, 4, 7.2], atol=0.35)


def test_one_radius_per_image_is_that_radius_on_its_image():
    images, labels = textbook.batch(3)
    radii = np.array([1.0, 8.0, 30.0], np.float32)
    adv_images = attacks.PGD(tf.constant(radii), 2.0, 20)(
        textbook.TinyNetwork(), tf.constant(images), labels
    )
    reached = np.abs(adv_images.numpy() - images).max(axis=(1, 2, 3))
    np.testing.assert_allclose(reached, radii, atol=1e-3)


def test_restarts_from_one_start_need_another_target_each():
    fixed = {"random_start": False, "num_restarts": 2}
    with pytest.raises(ValueError, match="repeat each other"):
        attacks.PGD(6.0, 6.0, 1, **fixed)
    attack = attacks.PGD(6.0, 6.0, 1, targeted="random", **fixed)
    assert attack.rounds.restarts == 2


def test_restarts_unite_their_successes():
    network = textbook.TinyNetwork(seed=4)
    images, labels = textbook.batch(64)
    labels = network.logits(images).argmax(-1).astype(np.int32)
    attack = attacks.PGD(6.0, 6.0, 1)

    def fooled(adv_images):
        return network.logits(np.asarray(adv_images)).argmax(-1) != labels

    single = [
        fooled(
            attack(network, tf.constant(images), labels, seed=restart_seed(9, restart))
        )
        for restart in range(4)
    ]
    united = fooled(
        dataclasses.replace(attack, num_restarts=4)(
            network, tf.constant(images), labels, seed=9
        )
    )
    assert not all((s == united).all() for s in single)
    np.testing.assert_array_equal(united, np.any(single, axis=0))


def test_any_number_of_steps_is_one_trace():
    images, labels = textbook.batch()

    @tf.function
    def attacked(num_steps):
        return attacks.PGD(8.0, 2.0, num_steps)(textbook.TinyNetwork(), images, labels)

    for num_steps in (1, 5, 20):
        attacked(tf.constant(num_steps))
    assert attacked.experimental_get_tracing_count() == 1


def test_a_clean_start_is_the_run_without_random_start_and_the_others_are_not():
    coined, noisy, clean = (
        dataclasses.replace(ATTACK, **change)
        for change in ({"clean_start": 0.5}, {}, {"random_start": False})
    )
    tossed = []
    for seed in range(20):
        found = made(coined, seed)
        tossed.append(np.array_equal(found, made(clean, seed)))
        assert tossed[-1] or np.array_equal(found, made(noisy, seed))
        assert not np.array_equal(made(noisy, seed), made(clean, seed))
    assert 0 < sum(tossed) < 20


def clean_starts(attack, seeds):
    """Which seeds begin at the image; the images are any."""
    image = tf.constant(IMAGES[:1])

    @tf.function
    def is_clean(seed):
        start = attack.start(Problem(NETWORK, image, LABELS[:1], seed))
        return tf.reduce_all(start == image)

    return np.array([is_clean(backend.fold(seed)).numpy() for seed in seeds])


@pytest.mark.parametrize(("share", "count"), [(0.2, 4_000), (0.7, 1_000)])
def test_the_coin_falls_as_often_as_it_says(share, count):
    found = clean_starts(dataclasses.replace(ATTACK, clean_start=share), range(count))
    deviation = math.sqrt(share * (1 - share) / count)
    assert abs(found.mean() - share) < 4 * deviation  # beside it once in 16,000 trials


def test_without_asking_no_start_is_clean():
    assert ATTACK.clean_start == 0.0
    assert not clean_starts(ATTACK, range(500)).any()


def test_one_coin_is_for_all_images_and_all_batches():
    coined = dataclasses.replace(ATTACK, clean_start=0.5)
    for seed in range(12):
        others = textbook.batch(8, seed=seed)[0]
        moved = [
            coined.start(Problem(NETWORK, tf.constant(images), LABELS, seed)) != images
            for images in (IMAGES, others, others[:1])
        ]
        by_image = [np.asarray(part).any((1, 2, 3)) for part in moved]
        assert len(np.unique(np.concatenate(by_image))) == 1


def test_a_seed_for_each_image_has_no_coin():
    seeds = tf.range(8, dtype=tf.int64)
    ATTACK(NETWORK, tf.constant(IMAGES), LABELS, seed=seeds)
    coined = dataclasses.replace(ATTACK, clean_start=0.2)
    with pytest.raises(
        ValueError, match=r"clean_start=0\. .*clean_start=0\.2"
    ) as caught:
        coined(NETWORK, tf.constant(IMAGES), LABELS, seed=seeds)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"clean_start": 1.0}, "clean_start=1.0"),
        ({"clean_start": -0.1}, "clean_start=-0.1"),
        ({"clean_start": 0.2, "random_start": False}, "random_start=True"),
        ({"clean_start": 0.2, "num_restarts": 2}, "num_restarts=1"),
    ],
)
def test_a_coin_that_decides_nothing_is_refused(values, message):
    with pytest.raises(ValueError, match=message) as caught:
        dataclasses.replace(ATTACK, **values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("step_size", "num_steps", "length"),
    [(1.0, 10, 1.6), (1.0, 30, 1.0), (1.0, 16, 1.0), (1.0, 1, 16.0), (2.5, 4, 4.0)],
)
@pytest.mark.parametrize("as_tensors", [False, True])
def test_reaching_steps_get_to_the_boundary(step_size, num_steps, length, as_tensors):
    numbers = (16.0, step_size, num_steps)
    if as_tensors:
        numbers = tuple(map(tf.constant, numbers))
    asked = attacks.PGD(*numbers, random_start=False, reaching=True)
    assert float(tf.squeeze(asked.length)) == pytest.approx(length)
    images = np.clip(IMAGES, 30, 225)
    twin = attacks.PGD(16.0, length, num_steps, random_start=False)
    np.testing.assert_allclose(
        made(asked, images=images), made(twin, images=images), atol=1e-4
    )
    not_asked = dataclasses.replace(asked, reaching=False)
    assert float(tf.squeeze(not_asked.length)) == step_size
    one = dataclasses.replace(not_asked, num_steps=1)
    moved = np.abs(made(one, images=images) - images).max()
    assert moved == pytest.approx(step_size, abs=1e-4)


def test_each_image_reaches_its_own_radius():
    radii = np.array([1, 2, 4, 8, 16, 20, 30, 60], np.float32)
    images = np.full_like(IMAGES, 127) + np.round(IMAGES / 50)
    attack = attacks.PGD(
        tf.constant(radii), 1.0, tf.constant(4), random_start=False, reaching=True
    )
    problem = Problem(NETWORK, tf.constant(images), LABELS)
    one = attack.proceed(problem, problem.images, attack.ascended(problem), 1)
    found = np.abs(one - images).max((1, 2, 3))
    np.testing.assert_allclose(found, np.maximum(1.0, radii / 4), atol=1e-4)


@pytest.mark.parametrize("targeted", ["random", "least_likely"])
def test_the_target_is_that_of_the_steps(targeted):
    attack = attacks.PGD(40.0, 4.0, 40, targeted=targeted)
    images, labels = textbook.batch(64)
    problem = Problem(NETWORK, tf.constant(images), labels, 5)
    target = attack.ascended(problem).choose(tf.zeros([64, textbook.CLASSES])).numpy()
    adv_images = attack(NETWORK, tf.constant(images), labels, seed=5).numpy()
    before, after = (
        losses.cross_entropy(target, NETWORK.logits(x)).numpy()
        for x in (images, adv_images)
    )
    assert (after < before).all()
    assert attack.is_targeted and not ATTACK.is_targeted
    if targeted == "random":
        assert not (target == labels).any()
        other = attack.ascended(problem._replace(seed=6))
        assert (
            other.choose(tf.zeros([64, textbook.CLASSES])).numpy() != target
        ).mean() > 0.3


@pytest.mark.parametrize(
    ("num_steps", "num_restarts", "expected"),
    [
        (20, 1, (20, 1, 1)),
        (150, 1, (150, 1, 1)),
        (100, 1, (100, 1, 1)),
        (200, 1, (200, 2, 1)),
        (2000, 3, (2000, 20, 3)),
    ],
)
def test_steps_are_cut_at_every_hundred(num_steps, num_restarts, expected):
    rounds = attacks.PGD(8.0, 2.0, num_steps, num_restarts=num_restarts).rounds
    assert rounds == contract.Rounds(*expected)


SHORT = attacks.PGD(16.0, 1.0, 100, targeted="random")


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({"num_steps": 2000}, True),
        ({"num_steps": 300, "reaching": True}, True),
        ({"num_steps": 200, "step_size": 0.06, "reaching": True}, False),
        ({"num_steps": 150}, False),
        ({"num_steps": 200, "num_restarts": 2}, False),
        ({"num_steps": 200, "epsilon": 8.0}, False),
        ({"num_steps": 200, "step_size": 2.0}, False),
        ({"num_steps": 200, "targeted": "no"}, False),
        ({"num_steps": 200, "loss": "margin"}, False),
        ({"num_steps": 200, "random_start": False}, False),
    ],
)
def test_attacks_begin_alike_that_take_the_same_first_steps(change, alike):
    other = dataclasses.replace(SHORT, **change)
    assert (other.beginning == SHORT.beginning) == alike


@pytest.mark.parametrize("step_size", [0.1, 0.16])
def test_a_length_that_the_steps_decide_makes_another_beginning(step_size):
    short, long = (
        dataclasses.replace(SHORT, step_size=step_size, num_steps=n, reaching=True)
        for n in (100, 200)
    )
    assert (short.beginning == long.beginning) == (step_size == 0.16)
