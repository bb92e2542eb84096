"""Fused operations against TensorFlow's differentiation of their formulas."""

import numpy as np
import pytest
import tensorflow as tf

from common.backend import tensorflow_fused

EPSILON = 0.01
RNG = np.random.default_rng(0)
PARAMETERS = [tf.constant(RNG.uniform(0.5, 2.0, 3), tf.float32) for _ in range(4)]


def differentiated(function, *arguments):
    """Returns the outputs, and a gradient for each argument."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs = function(*arguments)
        weights = np.random.default_rng(1).normal(size=outputs.shape)
        loss = tf.reduce_sum(outputs * tf.cast(weights, outputs.dtype))
    return outputs, *tape.gradient(loss, arguments)


def formula(inputs, mean, variance, gamma, beta):
    return (inputs - mean) / tf.sqrt(variance + EPSILON) * gamma + beta


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (2, 3, 4, 3), (2, 2, 3, 2, 3)])
def test_given_statistics_are_differentiated_too(shape):
    inputs = tf.constant(RNG.normal(1.0, 2.0, shape), tf.float32)

    def fused(inputs, mean, variance, *affine):
        return tensorflow_fused.normalized(inputs, (mean, variance), affine, EPSILON)

    found = differentiated(tf.function(fused), inputs, *PARAMETERS)
    expected = differentiated(formula, inputs, *PARAMETERS)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 3), (2, 3, 4, 3)])
def test_a_batch_is_normalised_by_its_own_mean_and_biased_variance(shape):
    inputs = RNG.normal(1.0, 2.0, shape).astype("float32")
    axes, beta = tuple(range(len(shape) - 1)), PARAMETERS[3]
    outputs, (mean, variance) = tensorflow_fused.batch_normalized(
        inputs, (None, beta), EPSILON
    )
    np.testing.assert_allclose(mean, inputs.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(variance, inputs.var(axes), rtol=1e-5)
    expected = formula(inputs, mean, variance, 1.0, beta)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_leaky_relu_and_its_gradient_are_those_of_tensorflow(dtype):
    inputs = tf.constant([-3.0, -1e-30, -0.0, 0.0, 1e-30, 2.0], dtype)
    found = differentiated(lambda x: tensorflow_fused.leaky_relu(x, 0.1), inputs)
    expected = differentiated(lambda x: tf.nn.leaky_relu(x, 0.1), inputs)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
