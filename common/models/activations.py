"""Activations by name, as recipes spell them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from common import recipe


def leaky_relu(inputs: Any) -> Any:
    """Leaky ReLU with the slope 0.1 that the wide residual network was given."""
    return keras.ops.leaky_relu(inputs, negative_slope=0.1)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "leaky_relu": leaky_relu,
    "relu": keras.ops.relu,
}


def get(name: str) -> Callable[[Any], Any]:
    """Returns the activation of a name.

    Raises:
      ValueError: unknown name; the message names the nearest.
    """
    return recipe.lookup(ACTIVATIONS, name, "activation")
