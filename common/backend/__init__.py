"""Gradients and seeded random tensors: what `keras.ops` does not offer.

Attacks, models, losses and the papers' algorithms are written in `keras.ops` and call
this package for the rest. It takes the functions of the backend that Keras runs on, and
another engine is one more module like these:

  value_and_gradients: a function's value, and its gradients in one backward pass.
  moments: mean and variance, of a replica's batch or of all replicas' together.
  batch_normalized, normalized: by statistics of the batch itself, or by given ones.
  leaky_relu: the activation.
  fold, select: seeds made of seeds and numbers, and one of two seeds.
  uniform, normal: seeded random tensors; a row for each seed and key.
  example_keys: the keys of images, by which each draws for itself.
  compiled: a compiled function that reads variables when it is called.
  briefly: a function for a few calls, compiled only where that is quicker.
  is_concrete: whether a tensor has a value now.

A seed is opaque: what `fold` returned, or an int. The same seed gives the same numbers
on every backend (normal ones to rounding), so that they are compared draw by draw.
"""

from __future__ import annotations

import keras

from common.backend.gradient_error import CAUSES, GradientError

if keras.backend.backend() == "tensorflow":
    from common.backend.tensorflow_backend import (
        briefly,
        compiled,
        example_keys,
        fold,
        is_concrete,
        normal,
        select,
        uniform,
        value_and_gradients,
    )
    from common.backend.tensorflow_fused import (
        batch_normalized,
        leaky_relu,
        moments,
        normalized,
    )
elif keras.backend.backend() == "jax":
    from common.backend.jax_backend import (
        batch_normalized,
        briefly,
        compiled,
        is_concrete,
        leaky_relu,
        moments,
        normalized,
        value_and_gradients,
    )
    from common.backend.jax_random import example_keys, fold, normal, select, uniform
else:
    raise ImportError(
        "The suite runs on TensorFlow and on JAX: set KERAS_BACKEND to one of them. "
        f"Received: KERAS_BACKEND={keras.backend.backend()}"
    )

__all__ = [
    "CAUSES",
    "GradientError",
    "batch_normalized",
    "briefly",
    "compiled",
    "example_keys",
    "fold",
    "is_concrete",
    "leaky_relu",
    "moments",
    "normal",
    "normalized",
    "select",
    "uniform",
    "value_and_gradients",
]
