"""One device that is several replicas in turn, against as many devices."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import engine, errors, manifest, models
from common.engine import in_turn as in_turn_of
from common.engine import tensorflow_engine
from tests import small_paper


@pytest.fixture
def in_turn():
    """Returns one device that is two replicas, one after the other."""
    yield tensorflow_engine.make("one_device", replicas_per_device=2)
    tensorflow_engine.make("one_device", replicas_per_device=1)


@pytest.mark.parametrize("method", ["free", "step_ll", "pairing", "ensemble"])
def test_a_device_is_two_replicas_in_turn(method, tmp_path, two_replicas, in_turn):
    recipe = dataclasses.replace(small_paper.RECIPES[method], num_steps=6)
    two, two_log = small_paper.trained(recipe, tmp_path / "two", two_replicas)
    one, one_log = small_paper.trained(recipe, tmp_path / "one", in_turn)
    states = [one.pop(name) for name in list(one) if name.startswith("state")]
    if states:
        np.testing.assert_array_equal(np.concatenate(states), two.pop("state 0"))
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(two_log, one_log, rtol=1e-5)


def test_two_devices_may_be_four_replicas_and_go_on_as_such(
    tmp_path, two_replicas, in_turn
):
    recipe = dataclasses.replace(small_paper.FREE, num_steps=6)
    tensorflow_engine.make("mirrored", replicas_per_device=2)
    try:
        whole, _ = small_paper.trained(recipe, tmp_path / "whole", two_replicas)
        short = dataclasses.replace(recipe, num_steps=4)
        small_paper.trained(short, tmp_path / "cut", two_replicas)
        manifest.lengthen(tmp_path / "cut", short, recipe, 4)
        with pytest.raises(errors.RunError, match="states of other replicas"):
            small_paper.trained(recipe, tmp_path / "cut", in_turn)
        cut, _ = small_paper.trained(recipe, tmp_path / "cut", two_replicas)
    finally:
        tensorflow_engine.make("mirrored", replicas_per_device=1)
    for name, array in whole.items():
        np.testing.assert_array_equal(cut[name], array, err_msg=name)


def test_replicas_in_turn_share_a_minibatch_equally(in_turn):
    with pytest.raises(ValueError, match=r"number of replicas.*batch_size=9, rep"):
        engine.check_divides(9, in_turn)


def test_synchronized_batch_norm_needs_all_replicas_at_once(tmp_path, in_turn):
    norm = models.norms.Batch(synchronized=True)
    recipe = dataclasses.replace(small_paper.FREE, network=small_paper.Network(norm))
    with pytest.raises(ValueError, match=r"leave out synchronized.*_per_device=2"):
        small_paper.trained(recipe, tmp_path, in_turn)


class Summing:
    """A method whose gradient is the sum of its images; it notes what it is given."""

    def __init__(self):
        self.network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        self.optimizer, self.theta, self.seen = self, [], []
        self.applied = None

    def apply(self, gradients, theta):
        (self.applied,) = gradients

    def train_step(self, batch, state, seed):
        self.seen.append(batch[0].op)
        self.optimizer.apply([tf.reduce_sum(batch[0])], self.theta)
        return {"loss": tf.reduce_sum(batch[1])}, state


def test_a_part_waits_for_the_gradients_of_the_one_before():
    """Or else the features of all parts would be in memory together."""
    method = Summing()

    @tf.function(autograph=False)
    def update(images, labels):
        values, _ = in_turn_of.train_step(method, (images, labels), ((), ()), 0)
        return values["loss"], method.applied

    images = tf.reshape(tf.range(4.0), (4, 1))
    assert [float(x) for x in update(images, tf.range(4.0) + 1)] == [10, 6]
    first, second = method.seen
    assert not first.control_inputs and second.control_inputs
