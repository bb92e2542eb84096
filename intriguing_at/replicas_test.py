"""Mixture batch norm on two replicas, and in a run that is interrupted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common.attacks.attack import Problem
from common.engine import strategy, tensorflow_engine
from common.models import normalization, norms
from common.training import learner, metrics
from intriguing_at.algorithm import AdversarialTraining
from tests import small_paper
from tests.oracles import training

CLEAN, ADVERSARIAL = norms.MIXTURE


def bound_on(distribution, method):
    """Returns the learner of a method, and its update on digits of a seed."""
    recipe = dataclasses.replace(small_paper.MIXTURE, method=method)
    built = learner.build(recipe, distribution, "float32")
    batches = strategy.distribute_batches(
        distribution,
        lambda shard, replicas: recipe.dataset.train_batches(
            batch_size=16, seed=0, shard=shard, replicas=replicas
        ),
    )
    return (
        built,
        tensorflow_engine.compile_update(built.method, distribution, 0),
        next(batches),
    )


def test_local_statistics_of_each_branch_are_the_means_over_the_replicas(two_replicas):
    method = AdversarialTraining(training.Negative(), clean_share=0.5)
    built, update, batch = bound_on(two_replicas, method)
    shares = [part.numpy() for part in built.local(batch[0])]
    network = built.network

    def seen(images):  # by the first normaliser
        return network.convolutions[0](normalization.per_image(images))

    kinds = {
        ADVERSARIAL: [seen(255.0 - images) for images in shares],
        CLEAN: [seen(images[1::2]) for images in shares],
    }
    expected = {
        f"{name}_{branch}": 0.9 * start
        + 0.1 * np.mean([of(np.asarray(x), (0, 1, 2)) for x in own], 0)
        for branch, own in kinds.items()
        for name, of, start in (
            ("moving_mean", np.mean, 0),
            ("moving_variance", np.var, 1),
        )
    }
    update(batch, built.state, tf.constant(0, tf.int64))
    for variable in network.norms[0].non_trainable_variables:
        held = two_replicas.experimental_local_results(variable.value)
        np.testing.assert_array_equal(held[0], held[1], err_msg=variable.path)
        np.testing.assert_allclose(
            held[0], expected[variable.name], atol=1e-6, err_msg=variable.path
        )
    for variable in built.variables:
        held = two_replicas.experimental_local_results(variable.value)
        np.testing.assert_array_equal(held[0], held[1], err_msg=variable.path)


def test_both_replicas_start_an_update_at_the_images_or_neither(two_replicas):
    halves = tf.stack(tf.split(small_paper.FREE.dataset.train_slice(8)[0], 2))

    @tf.function
    def starts(seed):
        def is_clean():
            context = tf.distribute.get_replica_context()
            own = tf.gather(halves, context.replica_id_in_sync_group)
            start = small_paper.PGD.start(Problem(None, own, None, seed))
            return tf.reduce_all(start == own)

        return two_replicas.run(is_clean)

    seen = [
        tuple(map(bool, two_replicas.experimental_local_results(starts(seed))))
        for seed in map(tf.constant, range(20))
    ]
    assert set(seen) == {(True, True), (False, False)}


def test_a_mixture_that_is_interrupted_ends_with_the_same_bits(tmp_path, monkeypatch):
    """Stopped after update 7, amid the phase of consistent batch norm; saved at 5."""
    recipe = small_paper.RECIPES["pairing"]
    method = dataclasses.replace(recipe.method, consistent_from=6)
    recipe = dataclasses.replace(recipe, method=method, num_steps=9)
    one_device = strategy.make("one_device")
    whole, log = small_paper.trained(recipe, tmp_path / "whole", one_device)
    add = metrics.Meter.add

    def stop(meter, step, values):
        if step == 7:
            raise KeyboardInterrupt
        add(meter, step, values)

    with monkeypatch.context() as patch:
        patch.setattr(metrics.Meter, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            small_paper.trained(recipe, tmp_path / "stopped", one_device)
    at_5 = small_paper.saved(tmp_path / "stopped")
    found, found_log = small_paper.trained(recipe, tmp_path / "stopped", one_device)
    assert found.keys() == whole.keys()
    for name, array in whole.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        if "moving" in name:
            assert not np.array_equal(at_5[name], array), name
    np.testing.assert_array_equal(found_log, log)
