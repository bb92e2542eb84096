"""Activations by name, as recipes spell them, and layers of them.

A number behind the last underscore is the activation's parameter: `elu_1.6`. Where the
parameter is learned, each layer has one of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from common import backend, lazy
from common.lazy import is_symbolic, keras, ops
from common.names import lookup

_layers = lazy.module("common.models.layers")

OWN, SMOOTH = "own", "smooth"  # derivatives of a backward pass
_SHARPNESS = 10.0  # alpha of the Softplus whose derivative takes the place of ReLU's


def leaky_relu(inputs: Any) -> Any:
    """Leaky ReLU with the slope 0.1 that the wide residual network was given."""
    function = ops.leaky_relu if is_symbolic(inputs) else backend.leaky_relu
    return function(inputs, 0.1)


def silu(inputs: Any) -> Any:
    """Returns x * sigmoid(x).

    Keras's own would keep each graph of TensorFlow that it is in for ever.
    """
    return (ops.silu if is_symbolic(inputs) else _silu)(inputs)


@backend.custom_gradient
def _silu(inputs: Any) -> Any:
    def gradient(upstream: Any) -> Any:
        share = ops.sigmoid(inputs)
        return upstream * (share * (1.0 + inputs * (1.0 - share)))

    return inputs * ops.sigmoid(inputs), gradient


def celu(inputs: Any, alpha: float = 1.0) -> Any:
    """Returns x where x > 0, else alpha * (exp(x / alpha) - 1), whose slope at 0 is 1.

    TensorFlow would have a slope of 2 there from Keras's own, a sum of two cases.
    """
    return alpha * ops.elu(inputs / alpha)


def relu_decay(inputs: Any, beta: float) -> Any:
    """ReLU that falls again: r / (1 + beta * r^2) with r = relu(x).

    It is largest, 1 / (2 * sqrt(beta)), at 1 / sqrt(beta).

    Source: Kurakin 2017, Appendix D.
    """
    rectified = ops.relu(inputs)
    return rectified / (1.0 + beta * ops.square(rectified))


def parametric_softplus(inputs: Any, alpha: Any = _SHARPNESS) -> Any:
    """Softplus that is ReLU in the limit: log(1 + exp(alpha * x)) / alpha.

    Source: Xie 2020 (smooth adversarial training).
    """
    return ops.softplus(alpha * inputs) / alpha


def smooth_relu(inputs: Any, beta: Any) -> Any:
    """Returns x - log(1 + alpha * x) / alpha where x > 0, else 0; alpha = beta^2.

    The logarithm is taken of |x|: that of a negative number would make the gradient NaN
    even where the other case is selected. It is computed in float32, because the two
    numbers that are subtracted are almost equal.

    Source: Xie 2020 (smooth adversarial training), and its code.
    """
    alpha = ops.square(ops.cast(beta, "float32"))
    exact = ops.cast(inputs, "float32")
    reduced = exact - ops.log1p(ops.abs(exact) * alpha) / alpha
    return ops.cast(ops.relu(reduced), inputs.dtype)


def learned_softplus(inputs: Any, alpha: Any) -> Any:
    """Parametric Softplus that is computed in float32, so that alpha is not rounded."""
    exact = parametric_softplus(ops.cast(inputs, "float32"), alpha)
    return ops.cast(exact, inputs.dtype)


@backend.custom_gradient
def relu_with_smooth_gradient(inputs: Any) -> Any:
    """ReLU whose derivative is that of Parametric Softplus."""

    def gradient(upstream: Any) -> Any:
        return upstream * ops.sigmoid(_SHARPNESS * inputs)

    return ops.relu(inputs), gradient


def _of_keras(name: str, **settings: Any) -> Callable[..., Any]:
    """Returns the operation of `keras.ops`, which is looked up when it is called."""
    return lambda *inputs: getattr(ops, name)(*inputs, **settings)


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "celu": celu,
    "elu": _of_keras("elu"),
    "gelu": _of_keras("gelu", approximate=True),
    "gelu_exact": _of_keras("gelu", approximate=False),
    "leaky_relu": leaky_relu,
    "mish": lambda inputs: inputs * ops.tanh(ops.softplus(inputs)),
    "parametric_softplus": parametric_softplus,
    "relu": _of_keras("relu"),
    "relu6": _of_keras("relu6"),
    "silu": silu,
    "softplus": _of_keras("softplus"),
    "tanh": _of_keras("tanh"),
}
NUMBERED: dict[str, Callable[..., Any]] = {
    "celu": ACTIVATIONS["celu"],
    "elu": ACTIVATIONS["elu"],
    "parametric_softplus": parametric_softplus,
    "relu_decay": relu_decay,
}
LEARNED: dict[str, tuple[Callable[..., Any], float]] = {  # and the parameter's start
    "learned_softplus": (learned_softplus, _SHARPNESS),
    "smooth_relu": (smooth_relu, 20.0),
}


def get(name: str) -> Callable[[Any], Any]:
    """Returns the activation of a name that has no weights.

    Raises:
      ValueError: unknown name, or a parameter that is not positive.
    """
    family, _, number = name.rpartition("_")
    if family in NUMBERED:
        try:
            parameter = float(number)
        except ValueError:
            parameter = 0.0
        if not 0 < parameter < math.inf:
            raise ValueError(
                f"{family} takes a positive number behind it. "
                f"Received: activation={name}"
            )
        return lambda inputs: NUMBERED[family](inputs, parameter)
    return lookup(ACTIVATIONS, name, "activation")


def check(name: str) -> None:
    """Refuses a name of which there is no layer, with a ValueError."""
    if name not in LEARNED:
        get(name)


def check_backward(backward: str) -> None:
    """Refuses a derivative other than `OWN` and `SMOOTH`, with a ValueError."""
    lookup(dict.fromkeys((OWN, SMOOTH)), backward, "derivative of activations")


def layer(activation: str, *, name: str) -> keras.layers.Layer:
    """Returns a new layer of an activation, with a parameter of its own if it learns.

    Args:
      activation: its name.
      name: of the layer, unique in its parent.
    """
    return _layers.Activation(activation, name=name)
