"""ReLUs in networks from elsewhere: which there are, and others in their place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from common.names import lookup

_FUNCTIONS = ("leaky_relu", "relu", "relu6")  # whose slope jumps at 0
_CLASSES = ("LeakyReLU", "LeakyRelu", "ReLU", "Relu", "Relu6")  # layers and operations
_RELU_CLASSES = ("ReLU", "Relu")
_SMOOTH = ("celu", "elu", "gelu", "mish", "selu", "silu", "softplus", "swish", "tanh")


def is_relu(part: Any) -> bool:
    """Whether a layer, an operation or a function is ReLU itself, without a number."""
    if part in (keras.activations.relu, keras.ops.relu):
        return True
    kind = type(part)
    if not kind.__module__.startswith("keras."):
        return False
    if isinstance(part, keras.layers.Activation):
        return is_relu(part.activation)
    numbers = ("max_value", "negative_slope", "threshold")
    return kind.__name__ in _RELU_CLASSES and not any(
        getattr(part, name, None) for name in numbers
    )


def without_relu(activation: str) -> Callable[[Any], Any]:
    """Returns the function of what Keras serialized that replaces every ReLU.

    ReLU6 and leaky ReLU are replaced, too. Smooth activations stay.

    Args:
      activation: a smooth one, by its name in `keras.activations`.

    Raises:
      ValueError: another name.
    """
    lookup(dict.fromkeys(_SMOOTH), activation, "smooth activation of Keras")
    return functools.partial(_rewritten, activation=activation)


def _rewritten(config: Any, activation: str) -> Any:
    if isinstance(config, list | tuple):
        return type(config)(_rewritten(part, activation) for part in config)
    if not isinstance(config, dict):
        return config
    found = {key: _rewritten(part, activation) for key, part in config.items()}
    function = found.get("activation")
    if isinstance(function, dict):
        function = function.get("config")
    if isinstance(function, str) and function in _FUNCTIONS:
        found["activation"] = activation
    is_of_keras = str(found.get("module")).startswith("keras")
    if is_of_keras and found.get("class_name") in _CLASSES:
        inner = found.get("config") or {}
        kept = {key: inner[key] for key in ("dtype", "trainable") if key in inner}
        name = found.get("name") or inner["name"]
        found |= {
            "module": "keras.layers",
            "class_name": "Activation",
            "registered_name": None,
            "config": {"name": name, "activation": activation, **kept},
        }
    return found
