"""Momentum against updates computed by hand."""

import dataclasses

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


def test_keras_sgd_differs_after_the_drop_and_only_there():
    # Keras's velocity holds the old rate: v = -0.9 * 0.2 - 0.01 * 3 = -0.21.
    sgd = keras.optimizers.SGD(DROP.build(), momentum=0.9)
    theirs = weights(sgd)
    np.testing.assert_allclose(theirs, [[0.8, 1.1], [0.59, 1.19]], rtol=1e-6)
    ours = weights(optimizers.Momentum(0.9).build(DROP.build()))
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
    assert np.abs(ours[1] - theirs[1]).min() > 0.08


@pytest.mark.parametrize("nesterov", [False, True])
def test_at_a_constant_rate_it_is_keras_sgd(nesterov):
    ours = weights(optimizers.Momentum(0.9, nesterov=nesterov).build(0.1))
    theirs = weights(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=nesterov))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_nesterov_by_hand_over_a_drop_of_the_rate():
    # v = 2, -1;      w = 1 - 0.1 (g + 0.9 v)  = 1 - 0.38, 1 + 0.19
    # v = 4.8, -0.9;  w -= 0.01 (g + 0.9 v)    = 0.62 - 0.0732, 1.19 + 0.0081
    found = weights(optimizers.Momentum(0.9, nesterov=True).build(DROP.build()))
    np.testing.assert_allclose(found, [[0.62, 1.19], [0.5468, 1.1981]], rtol=1e-6)


def test_momentum_zero_is_plain_descent():
    found = weights(optimizers.Momentum(0.0).build(DROP.build()))
    np.testing.assert_allclose(found, [[0.8, 1.1], [0.77, 1.1]], rtol=1e-6)


def test_velocities_and_the_count_are_variables_of_the_optimizer():
    first, second = keras.Variable([1.0, 1.0]), keras.Variable(1.0)
    optimizer = optimizers.Momentum(0.9).build(0.1)
    optimizer.build([first, second])
    assert len(optimizer.variables) == 4  # iterations, rate, two velocities
    optimizer.apply([tf.constant([2.0, -1.0]), tf.constant(5.0)], [first, second])
    values = [np.asarray(v).tolist() for v in optimizer.variables]
    assert [2.0, -1.0] in values and 5.0 in values and 1 in values


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


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 9, float("nan")])
def test_a_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match=f"Received: momentum={momentum}"):
        optimizers.Momentum(momentum)


def test_it_is_a_frozen_value():
    assert optimizers.Momentum(0.9) == optimizers.Momentum()
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimizers.Momentum().momentum = 0.5
