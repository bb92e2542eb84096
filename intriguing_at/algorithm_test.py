"""The strategies against NumPy twins on a linear softmax model, and their edges."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common.models import norms
from common.training import subsets
from intriguing_at.algorithm import AdversarialTraining
from tests.oracles import adversarial as oracle
from tests.oracles import textbook, training

A = AdversarialTraining(oracle.PGD)
B = AdversarialTraining(oracle.PGD, clean_share=1.0)
ALP = AdversarialTraining(oracle.PGD, clean_share=1.0, pairing_weight=0.5)
CLEAN, ADVERSARIAL = norms.MIXTURE
STRATEGIES = (
    {},
    {"label_smoothing": 0.0},
    {"clean_share": 0.2},
    {"clean_share": 0.4, "clean_weight": 0.3},
    {"clean_share": 1.0},
    {"clean_share": 1.0, "pairing_weight": 0.5},
)
ALL = {"clean_share": 0.5, "clean_weight": 2.0, "pairing_weight": 0.7}


@pytest.mark.parametrize(
    ("changes", "norm"),
    [
        *((changes, "mixture") for changes in STRATEGIES),
        *((ALL, norm) for norm in oracle.BRANCHED),
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


@pytest.mark.parametrize(
    ("clean_share", "norm", "branch"),
    [
        *((share, "mixture", ADVERSARIAL) for share in (0.0, 0.2, 1.0)),
        *((0.2, norm, CLEAN) for norm in ("batch", "none", "group")),
    ],
)
def test_crafting_is_in_inference_mode_and_the_update_is_one_pass(
    clean_share, norm, branch
):
    method = AdversarialTraining(training.Negative(asks=True), clean_share)
    trained = oracle.bound(method, norm)
    images, labels = training.minibatch()
    training.step(trained, (images, labels))
    crafting, update = trained.network.calls
    assert crafting[1] == {"training": False, "branch": branch}
    kept = list(oracle.KEPT[clean_share])
    np.testing.assert_array_equal(
        update[0], np.concatenate([255.0 - images, images[kept]])
    )
    parts = ((branch, 10), (CLEAN, len(kept)))
    assert update[1] == {"training": True, "branch": parts if kept else branch}


@pytest.mark.parametrize("norm", ["batch", "mixture"])
def test_every_step_of_an_iterated_attack_goes_through_the_adversarial_branch(norm):
    trained = oracle.bound(B, norm)
    training.step(trained, training.minibatch())
    *crafting, _ = trained.network.calls
    assert len(crafting) == oracle.PGD.num_steps
    branch = trained.network.branches[-1]
    for _, mode in crafting:
        assert mode == {"training": False, "branch": branch}


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
        ({"clean_share": 1.0, "clean_weight": -1.0}, "clean_weight=-1.0"),
        ({"clean_share": 1.0, "pairing_weight": -0.5}, "pairing_weight=-0.5"),
        ({"consistent_from": -1}, "consistent_from=-1"),
        ({"pairing_weight": 0.5}, "pairing_weight=0.5"),
        ({"clean_weight": 0.3}, "clean_weight=0.3"),
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
        (0.2, 8, 2),
        (0.2, 32, 6),
        (0.8, 32, 26),
        (0.0, 7, 0),
    ],
)
def test_a_replica_keeps_the_nearest_whole_number_of_clean_images(share, images, kept):
    method = AdversarialTraining(oracle.PGD, share)
    method.check_share(images)
    trained = oracle.bound(method)
    training.step(trained, training.minibatch(count=images))
    assert len(trained.network.calls[-1][0]) == images + kept


@pytest.mark.parametrize(("share", "images"), [(0.2, 2), (0.01, 32)])
def test_a_share_of_which_nothing_is_left_is_refused(share, images):
    method = AdversarialTraining(oracle.PGD, share)
    message = rf"clean_share of {share} is no image.* Received: {images} images a"
    with pytest.raises(ValueError, match=message):
        method.check_share(images)


def test_the_loop_is_told_of_the_steps_of_the_attack():
    assert A.attack_passes == B.attack_passes == 4
    assert (A.update_passes, B.update_passes) == (1, 2)
    assert (A.num_replays, A.initial_state((10, *textbook.IMAGE))) == (1, ())
    assert dataclasses.replace(ALP, pairing_weight=0.0) == B
