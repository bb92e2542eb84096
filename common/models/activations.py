"""Activations by name, as recipes spell them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from keras import ops

from common import recipe


def leaky_relu(inputs: Any) -> Any:
    """Leaky ReLU with the slope 0.1 that the wide residual network was given."""
    return ops.leaky_relu(inputs, negative_slope=0.1)


def relu_decay(inputs: Any, *, beta: float) -> Any:
    """ReLU that falls again: r / (1 + beta * r^2) with r = relu(x).

    It is largest, 1 / (2 * sqrt(beta)), at 1 / sqrt(beta).

    Source: Kurakin 2017, Appendix D.
    """
    rectified = ops.relu(inputs)
    return rectified / (1.0 + beta * ops.square(rectified))


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "elu": ops.elu,
    "leaky_relu": leaky_relu,
    "relu": ops.relu,
    "relu6": ops.relu6,
    "relu_decay_0.001": functools.partial(relu_decay, beta=0.001),
    "relu_decay_0.01": functools.partial(relu_decay, beta=0.01),
    "relu_decay_0.1": functools.partial(relu_decay, beta=0.1),
    "tanh": ops.tanh,
}


def get(name: str) -> Callable[[Any], Any]:
    """Returns the activation of a name.

    Raises:
      ValueError: unknown name; the message names the nearest.
    """
    return recipe.lookup(ACTIVATIONS, name, "activation")
