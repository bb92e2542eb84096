"""Gradients, compiled functions and seeded random tensors on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from common.backend import (
    INCREMENT,
    MULTIPLIER,
    gradient_error,
    tensorflow_fused,
    tensorflow_gradients,
)

moments, normalized = tensorflow_fused.moments, tensorflow_fused.normalized
batch_normalized = tensorflow_fused.batch_normalized
leaky_relu = tensorflow_fused.leaky_relu
custom_gradient = tensorflow_gradients.custom_gradient


def value_and_gradients(fn: Callable[..., Any], *wrt: Any) -> tuple[Any, Any]:
    """Evaluates `fn` and differentiates it in one forward and one backward pass.

    Args:
      fn: called with the tensors among `wrt`, in order; returns the scalar loss, or a
        tuple that begins with it and goes on with auxiliary outputs.
      *wrt: tensors, or lists of Keras variables, which `fn` uses by itself.

    Returns:
      What `fn` returned, and the gradients: a tuple with one entry for each `wrt` (a
      list for a list of variables), or that entry alone if there is just one. Only
      what is asked for is differentiated: an attack pays nothing for the weights. A
      variable that `fn` does not use has gradient zero.

    Raises:
      GradientError: no gradient leads from the loss to a tensor among `wrt`.
    """
    sources = [
        [variable.value for variable in x]
        if isinstance(x, (list, tuple))
        else tf.convert_to_tensor(x)
        for x in wrt
    ]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(sources)
        result = fn(*(x for x in sources if not isinstance(x, list)))
        loss = result[0] if isinstance(result, tuple) else result
    gradients = tuple(map(_connected, sources, tape.gradient(loss, sources)))
    return result, gradients[0] if len(gradients) == 1 else gradients


def fold(seed: Any, *data: Any) -> Any:
    """Returns the int64 seed that follows from a seed and further numbers.

    Args:
      seed: int, or int64 tensor of any shape.
      *data: ints or integer tensors, such as step, replica or restart; broadcast.
    """
    seed = _int64(seed)
    for number in data:
        # A product before and after: seed 0, step 1 must not be seed 1, step 0.
        seed = (seed * MULTIPLIER + _int64(number) + INCREMENT) * MULTIPLIER
        seed = seed ^ tf.bitwise.right_shift(seed, _int64(29))
    return seed


def select(condition: Any, seeds: Any, others: Any) -> Any:
    """Returns the seeds where the condition holds, and the others elsewhere.

    Args:
      condition: bool, broadcast with the seeds.
      seeds: of `fold`.
      others: of `fold`.
    """
    return tf.where(condition, seeds, others)


def where(condition: Any, values: Any, others: Any) -> Any:
    """Returns the values where the condition holds, and the others elsewhere.

    `tf.where` does the same, in a kernel that is several times slower on CPUs.

    Args:
      condition: bool of the values' shape, or [B]: then it is of whole rows.
      values: of any shape [B, ...].
      others: of the same shape and type.
    """
    return tf.raw_ops.Select(condition=condition, x=values, y=others)


def uniform(shape: Sequence[int], seed: Any, *, keys: Any = None) -> Any:
    """Returns float32 numbers uniform in [0, 1).

    Args:
      shape: of the result; with keys its first entry is B.
      seed: int, or what `fold` returned; with keys also an int64 [B] tensor.
      keys: None, or int64 [B]: then row b depends on its own seed and key alone,
        whatever the rest of the batch.
    """
    return _draw(tf.random.stateless_uniform, shape, seed, keys)


def normal(shape: Sequence[int], seed: Any, *, keys: Any = None) -> Any:
    """Returns float32 standard normal numbers; arguments as for `uniform`."""
    return _draw(tf.random.stateless_normal, shape, seed, keys)


def example_keys(images: Any) -> Any:
    """Returns int64 [B]: a hash of each image [B, ...] of pixels in [0, 255].

    Random starts are drawn with these keys, so that an image gets the same start in
    whatever batch, position or replica it comes.
    """
    flat = tf.reshape(images, [tf.shape(images)[0], -1])
    size = int(np.prod(images.shape[1:]))
    weights = np.random.default_rng(0).integers(1, 2**62, size, dtype=np.int64)
    levels = tf.cast(tf.round(tf.cast(flat, tf.float32) * 256.0), tf.int64)
    return tf.reduce_sum(levels * tf.constant(weights), axis=1)


def is_concrete(tensor: Any) -> bool:
    """Whether the tensor has a value that can be looked at now."""
    return tf.executing_eagerly() and not tf.is_symbolic_tensor(tensor)


def compiled(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function of tensors; XLA on accelerators only.

    On the CPU, XLA made convolutions several times slower.
    """
    return tf.function(
        fn,
        jit_compile=bool(tf.config.list_logical_devices("GPU")),
        reduce_retracing=True,
        autograph=False,  # it would wrap our errors in many lines
    )


def takes_any_size() -> bool:
    """Whether a compiled function takes batches of all sizes without compiling again.

    The second size is compiled for all others. XLA compiles each, on GPUs and TPUs.
    """
    return not any(tf.config.list_logical_devices(kind) for kind in ("GPU", "TPU"))


def briefly(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that is called a few times: here, without compiling it."""
    return fn


def _connected(source: Any, gradient: Any) -> Any:
    """Returns the gradient; zeros for variables of no use, an error for a tensor."""
    if isinstance(source, list):
        pairs = zip(source, gradient, strict=True)
        return [tf.zeros_like(v) if g is None else g for v, g in pairs]
    if gradient is None:
        raise gradient_error.GradientError(gradient_error.CUT)
    return gradient


def _int64(number: Any) -> Any:
    if isinstance(number, int):
        number = (number + 2**63) % 2**64 - 2**63
    return tf.cast(number, tf.int64)


def _draw(draw: Callable[..., Any], shape: Any, seed: Any, keys: Any) -> Any:
    if keys is None:
        return draw(shape, seed=tf.stack([_int64(seed), _int64(0)]))
    seeds = tf.stack([tf.broadcast_to(_int64(seed), tf.shape(keys)), keys], axis=1)
    example = tuple(shape[1:])
    return tf.map_fn(
        lambda pair: draw(example, seed=pair), seeds, fn_output_signature=tf.float32
    )
