"""The TensorFlow engine where the tests of the loop do not look."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import backend, engine, errors
from common.engine import strategy, tensorflow_engine
from common.training import learner
from tests import small_paper

SEED = 3  # another than the default, which no test would tell from none


@pytest.fixture
def opened(tiny_recipe):
    """Returns a function: fields of the tiny recipe -> its updates, and its learner."""

    def made(**fields):
        recipe = dataclasses.replace(tiny_recipe, seed=SEED, **fields)
        built = learner.build(recipe, strategy.make("one_device"), "float32")
        return engine.Updates(built, recipe, None, most=10), built

    return made


def test_an_update_a_call_moves_the_learner_on(opened):
    updates, built = opened()
    for step in (1, 2):
        (values,) = updates.advance(10)
        assert set(values) == {"loss", "accuracy"}
        assert (built.step, float(built.state)) == (step, step)


def test_the_first_batch_is_that_of_the_seed_and_shown_before_it_is_used(
    opened, tiny_recipe
):
    batches = tiny_recipe.dataset.train_batches(batch_size=32, seed=SEED)
    expected = next(batches.as_numpy_iterator())
    for found, wanted in zip(opened()[0].first_batch(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_what_an_update_draws_follows_from_the_seed_and_the_step(opened):
    updates, _ = opened(method=small_paper.Drawing())
    for step in range(3):
        (values,) = updates.advance(10)
        expected = backend.uniform((), backend.fold(SEED, step))
        assert float(values["draw"]) == float(expected)


def test_replicated_values_go_apart_and_together(two_replicas):
    leaves = [np.arange(6).reshape(2, 3), np.array([5, 7])]
    joined = engine.joined(two_replicas, leaves)
    for value, leaf in zip(joined, leaves, strict=True):
        np.testing.assert_array_equal(engine.parts(two_replicas, value), leaf)
    assert engine.parts(None, leaves) == (leaves,)


def test_what_does_not_come_up_is_the_failure_of_a_run(monkeypatch):
    def fail(name):
        raise tf.errors.UnknownError(None, None, "Could not start\nmore")

    monkeypatch.setattr(strategy, "make", fail)
    with pytest.raises(errors.RunError, match=r"y=tpu did not.*not start$"):
        engine.make("tpu")


@pytest.mark.parametrize("workers", [1, 2])
def test_alone_is_here_without_a_cluster(monkeypatch, two_replicas, workers):
    monkeypatch.setattr(tensorflow_engine, "worker", lambda _: (0, workers))
    alone = engine.alone(two_replicas)
    assert (alone is two_replicas) == (workers == 1)
    assert engine.num_devices(alone) == (2 if workers == 1 else 1)


def test_an_error_is_its_last_paragraph():
    error = tf.errors.UnavailableError(None, None, "graph\n\nthe worker left\nat x")
    assert engine.reason(error) == "the worker left"


def test_what_a_gpu_rounds_in_products_is_told(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert tensorflow_engine.products() == ""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU"])
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    assert tensorflow_engine.products() == "tf32"  # the default of TensorFlow
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert tensorflow_engine.products() == "float32"
