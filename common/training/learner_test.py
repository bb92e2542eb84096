"""What a learner starts from, and its way through a checkpoint."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import errors, models
from common.engine import strategy
from common.training import Method, learner, schedules


@dataclasses.dataclass(frozen=True)
class Stateful(Method):
    """Has states to keep: one of a replica's shape, and a number."""

    def initial_state(self, batch_shape):
        return {"delta": tf.zeros(batch_shape), "count": tf.zeros((), tf.int32)}


@pytest.fixture
def build(tiny_recipe):
    """Returns a function: fields of the recipe -> a learner."""

    def built(distribution=None, precision="float32", **fields):
        recipe = dataclasses.replace(tiny_recipe, **{"method": Stateful(), **fields})
        distribution = distribution or strategy.make("one_device")
        return learner.build(recipe, distribution, precision)

    return built


def kernels(built):
    return [v.numpy() for v in built.network.trainable_variables]


def test_the_seed_decides_the_initial_weights(build):
    first, same, other = (kernels(build(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], same[0])
    assert (first[0] != other[0]).all()


def test_weight_decay_and_rates_of_the_recipe_reach_the_update(build):
    built = build(l2=0.5, schedule=schedules.PiecewiseConstant((2,), (0.1, 0.01)))
    assert built.method.l2 == 0.5
    optimizer = built.method.optimizer
    for step, rate in ((0, 0.1), (1, 0.1), (2, 0.01)):
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(rate)


def test_replicas_start_as_one_device_does(build, two_replicas):
    one, two = build(), build(two_replicas)
    np.testing.assert_array_equal(kernels(one)[0], kernels(two)[0])
    assert two.method.num_replicas == 2


def test_each_replica_has_a_state_of_its_share_of_the_batch(build, two_replicas):
    built = build(two_replicas, batch_size=10)
    parts = built.local(built.state["delta"])
    assert [tuple(part.shape) for part in parts] == [(5, 8, 8, 1)] * 2


def test_variables_have_the_same_names_in_every_build(build):
    network = models.WideResNet(depth=8, width=1)
    first, again = ([v.path for v in build(network=network).variables] for _ in "12")
    assert first == again
    assert len(set(first)) == len(first)


def test_a_checkpoint_gives_back_weights_states_and_step(build, two_replicas, tmp_path):
    source = build(two_replicas)

    def own_number():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        delta = tf.fill([16, 8, 8, 1], tf.cast(replica + 1, tf.float32))
        return {"delta": delta, "count": 7 + replica}

    source.state, source.step = two_replicas.run(own_number), 5
    source.network.trainable_variables[0].assign(np.full((64, 10), 0.5))
    source.save(tmp_path)
    target = build(two_replicas, seed=9)
    target.restore(tmp_path)
    assert target.step == 5
    assert np.all(kernels(target)[0] == 0.5)
    deltas = target.local(target.state["delta"])
    assert [float(part[0, 0, 0, 0]) for part in deltas] == [1.0, 2.0]
    counts = target.local(target.state["count"])
    assert [int(part) for part in counts] == [7, 8]


def test_another_number_of_replicas_is_refused(build, two_replicas, tmp_path):
    source = build(two_replicas)
    source.step = 5
    source.save(tmp_path)
    with pytest.raises(errors.RunError, match=r"other replicas.*1 devices, 1 replicas"):
        build().restore(tmp_path)


def test_without_a_checkpoint_it_stays_at_the_start(build, tmp_path):
    built = build()
    before = kernels(built)
    built.restore(tmp_path)
    assert built.step == 0
    np.testing.assert_array_equal(before[0], kernels(built)[0])


def test_an_unknown_precision_names_the_nearest(build):
    with pytest.raises(ValueError, match=r"Received: mixed_float16\. Nearest: mixed_b"):
        build(precision="mixed_float16")
