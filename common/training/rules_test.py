"""Momentum and RMSProp against updates computed by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.training import optimizers, schedules

DROP = schedules.PiecewiseConstant((1,), (0.1, 0.01))  # after the first update
GRADIENTS = ([2.0, -1.0], [3.0, 0.0])


def weights(optimizer, steps=2):
    """Returns the weights after each update with the gradients above, from 1, 1."""
    variable = keras.Variable([1.0, 1.0])
    optimizer.build([variable])
    history = []
    for gradient in GRADIENTS[:steps]:
        optimizer.apply([tf.constant(gradient)], [variable])
        history.append(variable.numpy())
    return np.array(history)


def test_momentum_by_hand_over_a_drop_of_the_rate():
    # v = 2, -1;                     w = 1 - 0.1 v  = 0.8, 1.1
    # v = 1.8 + 3, -0.9 = 4.8, -0.9; w -= 0.01 v    = 0.752, 1.109
    found = weights(optimizers.Momentum(0.9).build(DROP.build()))
    np.testing.assert_allclose(found, [[0.8, 1.1], [0.752, 1.109]], rtol=1e-6)


def test_nesterov_by_hand_over_a_drop_of_the_rate():
    # v = 2, -1;      w = 1 - 0.1 (g + 0.9 v)  = 1 - 0.38, 1 + 0.19
    # v = 4.8, -0.9;  w -= 0.01 (g + 0.9 v)    = 0.62 - 0.0732, 1.19 + 0.0081
    found = weights(optimizers.Momentum(0.9, nesterov=True).build(DROP.build()))
    np.testing.assert_allclose(found, [[0.62, 1.19], [0.5468, 1.1981]], rtol=1e-6)


def test_restored_variables_go_on_as_if_uninterrupted():
    whole = weights(optimizers.Momentum(0.9).build(DROP.build()))
    variable = keras.Variable([1.0, 1.0])
    before, after = (optimizers.Momentum(0.9).build(DROP.build()) for _ in range(2))
    before.build([variable])
    before.apply([tf.constant(GRADIENTS[0])], [variable])
    after.build([variable])
    for source, target in zip(before.variables, after.variables, strict=True):
        target.assign(source)
    after.apply([tf.constant(GRADIENTS[1])], [variable])
    np.testing.assert_array_equal(variable.numpy(), whole[1])


def test_rmsprop_by_hand_over_a_drop_of_the_rate():
    # ms = 0.9 + 0.1 g^2 = 1;   mom = 0.1 / sqrt(2) = 0.0707107
    # ms = 0.9 + 0.1 g^2 = 1.3; mom = 0.9 * 0.0707107 + 0.01 * 2 / sqrt(2.3)
    variable = keras.Variable([1.0])
    optimizer = optimizers.RMSProp().build(DROP.build())
    optimizer.build([variable])
    for gradient, expected in ((1.0, 0.9292893), (2.0, 0.8524622)):
        optimizer.apply([tf.constant([gradient])], [variable])
        assert float(variable[0]) == pytest.approx(expected, abs=1e-6)


def test_the_epsilon_of_rmsprop_is_under_the_root():
    # g^2 = 1 keeps ms = 1 whatever the decay: the step is 0.1 / sqrt(1 + 3).
    variable = keras.Variable([0.0])
    optimizer = optimizers.RMSProp(decay=0.3, epsilon=3.0).build(0.1)
    optimizer.build([variable])
    optimizer.apply([tf.constant([-1.0])], [variable])
    assert float(variable[0]) == pytest.approx(0.05, abs=1e-7)


def rmsprop_twin(gradients, rates, *, decay, momentum, epsilon):
    """Returns the weights after each update, from 0, in float64."""
    square, move, weight, history = 1.0, 0.0, 0.0, []
    for gradient, rate in zip(np.float64(gradients), rates, strict=True):
        square = square + (1 - decay) * (gradient**2 - square)
        move = momentum * move + rate * gradient / np.sqrt(square + epsilon)
        weight = weight - move
        history.append(weight)
    return np.array(history)


def trajectory(optimizer, gradients, apply=None):
    """Returns the weights after each update, from 0."""
    variable = keras.Variable(np.zeros_like(gradients[0]))
    optimizer.build([variable])
    history = []
    for gradient in gradients:
        if apply:
            apply(optimizer, tf.constant(gradient), variable)
        else:
            optimizer.apply([tf.constant(gradient)], [variable])
        history.append(variable.numpy())
    return np.array(history)


def random_gradients(steps=12):
    return np.random.default_rng(0).normal(0, 3, (steps, 5)).astype("float32")


@pytest.mark.parametrize(
    "numbers",
    [
        {"decay": 0.9, "momentum": 0.9, "epsilon": 1.0},
        {"decay": 0.5, "momentum": 0.2, "epsilon": 1e-3},
        {"decay": 0.0, "momentum": 0.0, "epsilon": 0.1},
    ],
)
def test_rmsprop_is_its_float64_twin_over_drops_of_the_rate(numbers):
    gradients = random_gradients()
    schedule = schedules.ExponentialDecay(0.1, 0.5, every=5)
    found = trajectory(optimizers.RMSProp(**numbers).build(schedule.build()), gradients)
    rates = [0.1] * 5 + [0.05] * 5 + [0.025] * 2
    expected = rmsprop_twin(gradients, rates, **numbers)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_rmsprop_of_two_replicas_is_that_of_their_summed_gradients(two_replicas):
    def apply(optimizer, gradient, variable):
        def own_share():
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            share = tf.where(replica == 0, 0.75, 0.25)
            optimizer.apply([share * gradient], [variable])

        two_replicas.run(tf.function(own_share))

    gradients = random_gradients(4)
    one = trajectory(optimizers.RMSProp().build(0.1), gradients)
    with two_replicas.scope():
        two = trajectory(optimizers.RMSProp().build(0.1), gradients, apply)
    np.testing.assert_allclose(two, one, rtol=1e-6, atol=1e-7)


def bounded():
    """Returns weights whose columns have norms of at most 2, and start at 5 and 1."""
    variable = keras.Variable([[3.0, 1.0], [4.0, 0.0]])
    variable.constraint = keras.constraints.MaxNorm(2.0, axis=0)
    return variable


@pytest.mark.parametrize("kind", [optimizers.Momentum(0.5), optimizers.RMSProp()])
def test_weights_with_a_bound_are_brought_back_to_it_after_every_update(kind):
    # Without a gradient, columns 3, 4 and 1, 0 become 3 / 5 * 2, 4 / 5 * 2 and stay.
    variable, optimizer = bounded(), kind.build(0.1)
    optimizer.build([variable])
    optimizer.apply([tf.zeros([2, 2])], [variable])
    np.testing.assert_allclose(variable, [[1.2, 1.0], [1.6, 0.0]], rtol=1e-6)


def test_the_bound_is_that_of_the_updated_weights_also_on_two_replicas(two_replicas):
    # Down 1, 1: columns 2.9, 3.9 and 0.9, -0.1. Then down 1.5: the velocity is free.
    with two_replicas.scope():
        variable, optimizer = bounded(), optimizers.Momentum(0.5).build(0.1)
        optimizer.build([variable])
    halves = tf.function(lambda: optimizer.apply([tf.fill([2, 2], 0.5)], [variable]))
    expected = np.array([[3.0, 1.0], [4.0, 0.0]])
    for move in (0.1, 0.15):
        two_replicas.run(halves)
        expected = expected - move
        norms = np.linalg.norm(expected, axis=0)
        expected = expected * np.minimum(norms, 2.0) / norms
        for copy in two_replicas.experimental_local_results(variable.value):
            np.testing.assert_allclose(copy, expected, rtol=1e-6)


def test_mean_squares_start_at_one_and_are_variables_of_the_optimizer():
    variable = keras.Variable([0.0, 0.0])
    optimizer = optimizers.RMSProp().build(0.1)
    optimizer.build([variable])
    assert len(optimizer.variables) == 4  # iterations, rate, mean square, move
    slots = [v.numpy().tolist() for v in optimizer.variables[2:]]
    assert slots == [[1.0, 1.0], [0.0, 0.0]]
    optimizer.apply([tf.constant([2.0, 0.0])], [variable])
    square, move = (v.numpy() for v in optimizer.variables[2:])
    np.testing.assert_allclose(square, [1.3, 0.9], rtol=1e-6)
    np.testing.assert_allclose(move, [0.2 / np.sqrt(2.3), 0.0], rtol=1e-6)
