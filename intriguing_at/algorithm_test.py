"""The strategies against NumPy twins on a linear softmax model, and their edges."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import backend
from common.attacks import losses
from common.models import norms
from common.training import subsets
from intriguing_at.algorithm import AdversarialTraining
from tests.oracles import adversarial as oracle
from tests.oracles import textbook, training

A = AdversarialTraining(oracle.PGD)
B = AdversarialTraining(oracle.PGD, clean_share=1.0)
ALP = AdversarialTraining(oracle.PGD, clean_share=1.0, pairing_weight=0.5)
CLEAN, ADVERSARIAL = norms.MIXTURE


@pytest.mark.parametrize("norm", oracle.BRANCHED)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"label_smoothing": 0.0},
        {"clean_share": 0.2},
        {"clean_share": 0.4, "clean_weight": 0.3},
        {"clean_share": 0.5, "clean_weight": 2.0, "pairing_weight": 0.7},
        {"clean_share": 1.0},
        {"clean_share": 1.0, "pairing_weight": 0.5},
    ],
    ids=str,
)
def test_three_updates_agree_with_numpy(changes, norm):
    trained = oracle.bound(dataclasses.replace(A, **changes), norm)
    twin = oracle.Twin(trained)
    for seed in range(3):
        batch = training.minibatch(seed)
        metrics = training.step(trained, batch)
        twin.check(metrics, twin.update(*batch))


def check_same(trained, other, **tolerance):
    expected = training.values(other)
    for name, value in training.values(trained).items():
        np.testing.assert_allclose(value, expected[name], err_msg=name, **tolerance)


def by_hand(trained, *parts):
    """Descends the mean loss of images that go through a branch each."""

    def loss():
        example_losses = [
            losses.smoothed_cross_entropy(
                labels, trained.network(images, training=True, branch=branch), 0.1
            )
            for branch, images, labels in parts
        ]
        return tf.reduce_mean(tf.concat(example_losses, 0)) + trained.l2_penalty()

    _, gradients = backend.value_and_gradients(loss, trained.theta)
    trained.optimizer.apply(gradients, trained.theta)


@pytest.mark.parametrize("clean_share", [0.0, 0.4, 1.0])
def test_mixture_is_descent_on_each_kind_through_its_branch(clean_share):
    method = AdversarialTraining(oracle.PGD, clean_share)
    trained, plain = oracle.bound(method), oracle.bound(method)
    kept = list(oracle.KEPT[clean_share])
    for seed in range(2):
        images, labels = training.minibatch(seed)
        training.step(trained, (images, labels))
        adv_images = trained.network.calls[-1][0][: oracle.BATCH]
        clean = [(CLEAN, images[kept], labels[kept])] if kept else []
        by_hand(plain, (ADVERSARIAL, adv_images, labels), *clean)
        check_same(trained, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("clean_share", [0.0, 1.0])
def test_one_branch_is_plain_descent_on_the_mixture(clean_share):
    method = AdversarialTraining(oracle.PGD, clean_share)
    trained, plain = oracle.bound(method, "batch"), oracle.bound(method, "batch")
    images, labels = training.minibatch()
    metrics = training.step(trained, (images, labels))
    mixed = trained.network.calls[-1][0]
    mixed_labels = np.resize(labels, len(mixed))
    expected = plain.descend(mixed, mixed_labels, 0, label_smoothing=0.1)
    assert float(metrics["loss"]) == float(expected["loss"])
    check_same(trained, plain, rtol=0)


def test_clean_images_without_weight_still_move_their_statistics():
    trained = oracle.bound(dataclasses.replace(B, clean_weight=0.0))
    other = oracle.bound(A)
    before = training.values(trained)
    training.step(trained, training.minibatch())
    training.step(other, training.minibatch())
    for name, value in training.values(other).items():
        if not (CLEAN in name and "moving" in name):
            np.testing.assert_allclose(training.values(trained)[name], value, atol=1e-6)
    assert training.changed(trained, before) > {f"norm/moving_mean_{CLEAN}"}


@pytest.mark.parametrize("clean_share", [0.2, 0.4, 0.5, 1.0])
def test_pairs_are_an_image_and_its_own_adversarial_one(clean_share):
    """Where the attack changes nothing the logits of a pair are the same."""
    method = AdversarialTraining(
        training.Negative(away=False), clean_share, pairing_weight=3.0
    )
    found = {}
    for weight in (0.0, 3.0):
        changed = dataclasses.replace(method, pairing_weight=weight)
        trained = oracle.bound(changed, "none", l2=0.0)
        found[weight] = float(training.step(trained, training.minibatch())["loss"])
    assert found[3.0] == pytest.approx(found[0.0], abs=1e-6)
    moved = dataclasses.replace(method, attack=training.Negative())
    trained = oracle.bound(moved, "none", l2=0.0)
    assert float(training.step(trained, training.minibatch())["loss"]) > found[0.0] + 1


@pytest.mark.parametrize(
    ("count", "share", "kept"),
    [(32, 0.25, range(3, 32, 4)), (8, 0.75, (1, 2, 3, 5, 6, 7)), (6, 0.5, (1, 3, 5))],
)
def test_the_clean_images_are_spread_evenly(count, share, kept):
    trained = oracle.bound(AdversarialTraining(training.Negative(), share))
    images, labels = training.minibatch(count=count)
    training.step(trained, (images, labels))
    seen = np.asarray(trained.network.calls[-1][0])[count:]
    np.testing.assert_array_equal(seen, images[list(kept)])
    chosen = subsets.evenly(count, len(kept), count)
    np.testing.assert_array_equal(np.flatnonzero(chosen), kept)


def test_a_replica_gives_its_share():
    found = []
    for num_replicas in (1, 5):
        trained = oracle.bound(ALP, momentum=0.0, num_replicas=num_replicas)
        before = training.values(trained)
        metrics = training.step(trained, training.minibatch())
        after = training.values(trained)
        moved = [before[n] - after[n] for n in before if "moving" not in n]
        found.append([metrics["loss"], metrics["accuracy"], *moved])
    for whole, share in zip(*found, strict=True):
        np.testing.assert_allclose(share, np.asarray(whole) / 5, atol=1e-6)


@pytest.mark.parametrize("norm", ["batch", "mixture", "shared_affine"])
def test_batch_norm_trains_as_it_tests_from_an_update_on(norm):
    method = dataclasses.replace(ALP, consistent_from=2)
    trained = oracle.bound(method, norm)
    twin = oracle.Twin(trained)
    update = tf.function(trained.train_step)
    for seed in range(4):
        images, labels = training.minibatch(seed)
        before = training.values(trained, "moving")
        metrics, _ = update((tf.constant(images), tf.constant(labels)), (), 0)
        twin.check(metrics, twin.update(images, labels, by_batch=seed < 2))
        moved = training.changed(trained, before)
        assert moved == (set(before) if seed < 2 else set())
    assert update.experimental_get_tracing_count() == 1


def test_consistency_counts_the_updates_that_the_optimizer_has_made():
    trained = oracle.bound(dataclasses.replace(B, consistent_from=5))
    for iterations, normed in ((4, True), (5, False), (6, False)):
        trained.optimizer.iterations.assign(iterations)
        before = training.values(trained, "moving")
        training.step(trained, training.minibatch())
        assert bool(training.changed(trained, before)) == normed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clean_share": 1.1}, "clean_share=1.1"),
        ({"clean_share": -0.2}, "clean_share=-0.2"),
        ({"clean_share": 1.0, "clean_weight": -1.0}, "clean_weight=-1.0"),
        ({"clean_share": 1.0, "pairing_weight": -0.5}, "pairing_weight=-0.5"),
        ({"consistent_from": -1}, "consistent_from=-1"),
        ({"pairing_weight": 0.5}, "pairing_weight=0.5"),
        ({"label_smoothing": 1.0}, "label_smoothing=1.0"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(changes, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        AdversarialTraining(oracle.PGD, **changes)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("share", "images", "kept"),
    [
        (0.2, 5, 1),
        (0.2, 8, 2),
        (0.2, 32, 6),
        (0.8, 32, 26),
        (0.2, 128, 26),
        (0.0, 7, 0),
    ],
)
def test_a_replica_keeps_the_nearest_whole_number_of_clean_images(share, images, kept):
    method = AdversarialTraining(oracle.PGD, share)
    assert method.initial_state((images, *textbook.IMAGE)) == ()
    trained = oracle.bound(method)
    training.step(trained, training.minibatch(count=images))
    assert len(trained.network.calls[-1][0]) == images + kept


@pytest.mark.parametrize(("share", "images"), [(0.2, 2), (0.01, 32)])
def test_a_share_of_which_nothing_is_left_is_refused(share, images):
    method = AdversarialTraining(oracle.PGD, share)
    message = rf"clean_share of {share} is no image.* Received: {images} images a"
    with pytest.raises(ValueError, match=message):
        method.initial_state((images, *textbook.IMAGE))


def test_the_loop_is_told_of_the_steps_of_the_attack():
    assert A.attack_passes == B.attack_passes == 4
    assert (A.update_passes, B.update_passes) == (1, 2)
    assert (A.num_replays, A.initial_state((10, *textbook.IMAGE))) == (1, ())
    assert dataclasses.replace(ALP, pairing_weight=0.0) == B
