"""Gradients and seeded random tensors: what `keras.ops` does not offer.

Attacks, models, losses and the papers' algorithms are written in `keras.ops` and call
this package for the rest. It takes the functions of the backend that Keras runs on, and
another engine is one more module like these:

  value_and_gradients: a function's value, and its gradients in one backward pass.
  moments: mean and variance, of a replica's batch or of all replicas' together.
  batch_normalized, normalized: by statistics of the batch itself, or by given ones.
  leaky_relu: the activation.
  custom_gradient: a function whose gradient is given.
  fold, select: seeds made of seeds and numbers, and one of two seeds.
  where: one of two tensors of the same shape, for each entry or each row.
  uniform, normal: seeded random tensors; a row for each seed and key.
  example_keys: the keys of images, by which each draws for itself.
  compiled: a compiled function that reads variables when it is called.
  takes_any_size: whether a compiled function does, without being compiled again.
  briefly: a function for a few calls, compiled only where that is quicker.
  is_concrete: whether a tensor has a value now.

A seed is opaque: what `fold` returned, or an int. The same seed gives the same numbers
on every backend (normal ones to rounding), so that they are compared draw by draw.

`engine_name` says which backend it is.
"""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable
from typing import Any

from common.backend.gradient_error import CAUSES, GradientError
from common.lazy import is_symbolic, keras

__all__ = ["CAUSES", "GradientError", "custom_gradient", "engine_name"]
_BACKENDS = ("tensorflow", "jax")
# Of a number that is folded into a seed: Knuth's, of the generator MMIX.
MULTIPLIER, INCREMENT = 6364136223846793005, 1442695040888963407


def __getattr__(name: str) -> Any:
    """Returns what the module of Keras's backend has under that name."""
    return getattr(_backend(), name)


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a function of tensors that says what its gradient is.

    Args:
      function: of tensors alone, without variables. It returns a tensor, and a function
        of that tensor's gradient that returns one for each argument: a tensor, or a
        tuple of them.

    Returns:
      The function that returns the tensor, and has this gradient.
    """
    made = functools.cache(lambda: _backend().custom_gradient(function))

    @functools.wraps(function)
    def called(*args: Any) -> Any:
        if any(map(is_symbolic, args)):  # which needs no gradient
            return function(*args)[0]
        return made()(*args)

    return called


def engine_name() -> str:
    """Returns the backend that Keras runs on: tensorflow or jax.

    Raises:
      ValueError: it is another one, or not installed.
    """
    try:
        name = keras.backend.backend()
    except (ImportError, ValueError) as error:  # when Keras is imported
        said = " ".join(str(error).split())[:300]
        reason = f"which could not be loaded ({said})"
    else:
        if name in _BACKENDS:
            return name
        reason = f"which is {name}"
    wanted = os.environ.get("KERAS_BACKEND", "")
    raise ValueError(
        "The suite runs on TensorFlow and on JAX: set KERAS_BACKEND to one of them "
        f"that is installed. Received: KERAS_BACKEND={wanted}, {reason}"
    )


@functools.cache
def _backend() -> Any:
    return importlib.import_module(f"{__name__}.{engine_name()}_backend")
