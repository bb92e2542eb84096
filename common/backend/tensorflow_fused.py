"""Normalisation and activation in TensorFlow's fused kernels.

One of these kernels passes over the features where several operations would each write
theirs to memory and read them again. Gradients are chosen for that as well: they need
the outputs of a layer rather than its inputs, so that TensorFlow computes a convolution
in inference together with the batch norm and the activation that follow it.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from common.backend import tensorflow_gradients


def moments(inputs: Any, axes: tuple[int, ...], *, synchronized: bool) -> Any:
    """Returns mean and variance.

    Args:
      inputs: float [...].
      axes: that are reduced.
      synchronized: of the inputs of all replicas together, or of this replica's.
    """
    return keras.ops.moments(inputs, axes=axes, synchronized=synchronized)


def batch_normalized(inputs: Any, affine: tuple[Any, Any], epsilon: float) -> Any:
    """Normalises by the statistics of the inputs, over all axes but the last.

    Args:
      inputs: float [..., C], of up to 32 bits.
      affine: float32 [C] each: the factor of what is normalised, or None for 1, and
        what is added to it.
      epsilon: added to the variance.

    Returns:
      The inputs' shape and type, and their mean and variance, float32 [C] without a
      gradient. The variance is the biased one, which normalises.
    """
    gamma, beta = _tensors(affine)
    outputs, mean, sample_variance, *_ = _fused(
        inputs, ([], []), (gamma, beta), epsilon, is_training=True
    )
    count = tf.cast(tf.size(inputs) // tf.size(beta), tf.float32)
    # The kernel returns n / (n - 1) times the variance, but for n = 1.
    return outputs, (mean, sample_variance * ((count - 1.0) / count))


def normalized(
    inputs: Any, statistics: tuple[Any, Any], affine: tuple[Any, Any], epsilon: float
) -> Any:
    """Normalises by statistics that are given, over all axes but the last.

    Args:
      inputs: float [..., C], of up to 32 bits.
      statistics: mean and variance, float32 [C] each.
      affine: float32 [C] each: the factor of what is normalised, or None for 1, and
        what is added to it.
      epsilon: added to the variance.

    Returns:
      The inputs' shape and type.
    """

    @tensorflow_gradients.custom_gradient
    def function(inputs: Any, *parameters: Any) -> Any:
        mean, variance, gamma, beta = parameters

        def gradient(upstream: Any) -> Any:
            # The kernel's own gradient sums up for gamma and beta in any case, which an
            # attack has no use for.
            zeros = tf.zeros_like(mean)
            scaled = _fused(upstream, (zeros, variance), (gamma, zeros), epsilon)[0]
            root = tf.math.rsqrt(variance + epsilon)
            axes = list(range(len(inputs.shape) - 1))
            g_outputs = tf.cast(upstream, tf.float32)
            centred = tf.cast(inputs, tf.float32) - mean
            g_beta = tf.reduce_sum(g_outputs, axes)
            g_gamma = tf.reduce_sum(g_outputs * centred, axes) * root
            g_mean = -gamma * root * g_beta
            g_variance = -0.5 * gamma * root**2 * g_gamma
            return scaled, g_mean, g_variance, g_gamma, g_beta

        return _fused(inputs, (mean, variance), (gamma, beta), epsilon)[0], gradient

    return function(inputs, *map(tf.convert_to_tensor, statistics), *_tensors(affine))


def leaky_relu(inputs: Any, slope: float) -> Any:
    """Returns the inputs where they are positive, else `slope` > 0 times them."""

    @tensorflow_gradients.custom_gradient
    def function(inputs: Any) -> Any:
        outputs = tf.nn.leaky_relu(inputs, slope)

        def gradient(upstream: Any) -> Any:
            return tf.raw_ops.LeakyReluGrad(
                gradients=upstream, features=outputs, alpha=slope
            )

        return outputs, gradient

    return function(inputs)


def _tensors(affine: tuple[Any, Any]) -> tuple[Any, Any]:
    gamma, beta = affine
    beta = tf.convert_to_tensor(beta)
    return tf.ones_like(beta) if gamma is None else tf.convert_to_tensor(gamma), beta


def _fused(
    inputs: Any,
    statistics: tuple[Any, Any],
    affine: tuple[Any, Any],
    epsilon: float,
    *,
    is_training: bool = False,
) -> Any:
    """Returns what the kernel does, with outputs of the inputs' shape."""
    shape = tf.shape(inputs)
    is_flat = len(inputs.shape) != 4  # which the kernel demands
    outputs, *rest = tf.raw_ops.FusedBatchNormV3(
        x=tf.reshape(inputs, [-1, 1, 1, shape[-1]]) if is_flat else inputs,
        scale=affine[0],
        offset=affine[1],
        mean=statistics[0],
        variance=statistics[1],
        epsilon=epsilon,
        is_training=is_training,
    )
    return tf.reshape(outputs, shape) if is_flat else outputs, *rest
