"""Gradients and compiled functions on JAX.

JAX differentiates and compiles pure functions, while Keras keeps weights in variables.
A `_Scope` makes the one of the other: inside it, variables have the values that a trace
was given, and what is assigned to them comes out of the trace as a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import keras

from common.backend import gradient_error, jax_convolution, jax_random

example_keys, fold, select = jax_random.example_keys, jax_random.fold, jax_random.select
uniform, normal = jax_random.uniform, jax_random.normal
custom_gradient = jax.custom_gradient

# Attacks are loops, and so are updates.
jax_convolution.put_channels_last()


def value_and_gradients(fn: Callable[..., Any], *wrt: Any) -> tuple[Any, Any]:
    """Evaluates `fn` and differentiates it in one forward and one backward pass.

    The variables that `fn` assigns, such as moving statistics, have their new values
    afterwards: in the `keras.StatelessScope` that surrounds the call, if there is one.

    Args:
      fn: called with the tensors among `wrt`, in order; returns the scalar loss, or a
        tuple that begins with it and goes on with auxiliary outputs.
      *wrt: tensors, or lists of Keras variables, which `fn` uses by itself.

    Returns:
      What `fn` returned, and the gradients: a tuple with one entry for each `wrt` (a
      list for a list of variables), or that entry alone if there is just one. A
      variable that `fn` does not use has gradient zero.

    Raises:
      GradientError: no gradient leads from the loss to a tensor among `wrt`.
    """
    seen: dict[int, Any] = {}
    reached: set[int] = set()  # positions of the tensors that a gradient came to

    def pure(sources: list[Any]) -> Any:
        given = [
            pair
            for variables, values in zip(wrt, sources, strict=True)
            if isinstance(values, list)
            for pair in zip(variables, values, strict=True)
        ]
        with _Scope(given, seen) as scope:
            tensors = enumerate(x for x in sources if not isinstance(x, list))
            result = fn(*(_watched(x, index, reached) for index, x in tensors))
        loss = result[0] if isinstance(result, tuple) else result
        return loss, (result, scope.assigned)

    sources = [
        [variable.value for variable in x]
        if isinstance(x, (list, tuple))
        else jnp.asarray(x)
        for x in wrt
    ]
    (_, (result, assigned)), gradients = jax.value_and_grad(pure, has_aux=True)(sources)
    if len(reached) < sum(not isinstance(x, list) for x in sources):
        raise gradient_error.GradientError(gradient_error.CUT)
    _assign(assigned, seen)
    return result, gradients[0] if len(gradients) == 1 else tuple(gradients)


def moments(inputs: Any, axes: tuple[int, ...], *, synchronized: bool) -> Any:
    """Returns mean and variance, which are of the whole batch in any case.

    Args:
      inputs: float [...].
      axes: that are reduced.
      synchronized: makes no difference: the devices that share a batch are one program,
        which sees all of it.
    """
    del synchronized
    return keras.ops.moments(inputs, axes=axes)


def batch_normalized(inputs: Any, affine: tuple[Any, Any], epsilon: float) -> Any:
    """Normalises by the statistics of the inputs, over all axes but the last.

    Args:
      inputs: float [..., C].
      affine: float32 [C] each: the factor of what is normalised, or None for 1, and
        what is added to it.
      epsilon: added to the variance.

    Returns:
      The inputs' shape and type, and their mean and variance, float32 [C] each. The
      variance is the biased one, which normalises.
    """
    axes = tuple(range(len(inputs.shape) - 1))
    statistics = keras.ops.moments(keras.ops.cast(inputs, "float32"), axes=axes)
    return normalized(inputs, statistics, affine, epsilon), statistics


def normalized(
    inputs: Any, statistics: tuple[Any, Any], affine: tuple[Any, Any], epsilon: float
) -> Any:
    """Normalises by statistics that are given, over all axes but the last.

    XLA puts the operations together, so that they pass over the inputs once.

    Args:
      inputs: float [..., C].
      statistics: mean and variance, float32 [C] each.
      affine: float32 [C] each: the factor of what is normalised, or None for 1, and
        what is added to it.
      epsilon: added to the variance.

    Returns:
      The inputs' shape and type.
    """
    gamma, beta = affine
    outputs = keras.ops.batch_normalization(
        keras.ops.cast(inputs, "float32"),
        *map(keras.ops.convert_to_tensor, statistics),
        axis=-1,
        offset=beta,
        scale=gamma,
        epsilon=epsilon,
    )
    return keras.ops.cast(outputs, inputs.dtype)


def where(condition: Any, values: Any, others: Any) -> Any:
    """Returns the values where the condition holds, and the others elsewhere.

    Args:
      condition: bool of the values' shape, or [B]: then it is of whole rows.
      values: of any shape [B, ...].
      others: of the same shape and type.
    """
    rows = condition.shape + (1,) * (values.ndim - condition.ndim)
    return jnp.where(jnp.reshape(condition, rows), values, others)


def leaky_relu(inputs: Any, slope: float) -> Any:
    """Returns the inputs where they are positive, else `slope` > 0 times them."""
    # At 0 its derivative is the slope, as TensorFlow's.
    return keras.ops.where(inputs > 0, inputs, slope * inputs)


def compiled(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles a function of tensors, which may read and assign Keras variables.

    Every call reads them as they are then. `assigns` of what is returned says whether
    the last call has assigned any.
    """
    return _Compiled(fn)


def takes_any_size() -> bool:
    """Whether a compiled function takes batches of all sizes without compiling again.

    JAX compiles for each size.
    """
    return False


def briefly(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that is called a few times: here, compiled.

    Operation by operation, each would be compiled alone, which takes longer.
    """
    return compiled(fn)


def is_concrete(tensor: Any) -> bool:
    """Whether the tensor has a value that can be looked at now."""
    # While a function is traced, operations on what has a value give what has none.
    tracing = isinstance(jnp.zeros(()), jax.core.Tracer)
    return not tracing and not isinstance(tensor, jax.core.Tracer)


def _watched(tensor: Any, index: int, reached: set[int]) -> Any:
    """Returns the tensor; `reached` has the index once a gradient comes to it.

    JAX gives zeros where no gradient arrives. It tells the two apart while it traces:
    the rule of a function is asked only for a gradient that there is.
    """

    @jax.custom_vjp
    def same(tensor: Any) -> Any:
        return tensor

    def backward(_: None, gradient: Any) -> tuple[Any]:
        reached.add(index)
        return (gradient,)

    same.defvjp(lambda tensor: (tensor, None), backward)
    return same(tensor)


class _Compiled:
    """A function, compiled with the variables that it reads as arguments."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.assigns = False
        self._fn = fn
        self._seen: dict[int, Any] = {}
        self._jitted = jax.jit(self._pure)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self._seen:  # A trace without values finds the variables.
            self._jitted.eval_shape([], args, kwargs)
        values = [variable.value for variable in self._seen.values()]
        result, assigned = self._jitted(values, args, kwargs)
        _assign(assigned, self._seen)
        self.assigns = bool(assigned)
        return result

    def _pure(self, values: list[Any], args: Any, kwargs: Any) -> Any:
        given = list(zip(self._seen.values(), values, strict=True))
        with _Scope(given, self._seen) as scope:
            result = self._fn(*args, **kwargs)
        if len(self._seen) > len(given) > 0:
            raise RuntimeError(
                "A compiled function must read the same variables in every call. "
                f"Received: {len(self._seen) - len(given)} more than in the first"
            )
        return result, scope.assigned


class _Scope(keras.StatelessScope):
    """Variables as a trace sees them, in whatever scope surrounds it.

    Attributes:
      assigned: values by the `id` of their variable, of those that were assigned.
    """

    def __init__(self, given: Iterable[tuple[Any, Any]], seen: dict[int, Any]) -> None:
        """Gives variables their values, and adds to `seen` what is read or assigned."""
        super().__init__(given)
        self.assigned: dict[int, Any] = {}
        self._seen = seen

    def get_current_value(self, variable: Any) -> Any:
        self._seen[id(variable)] = variable
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            return self.original_scope.get_current_value(variable)
        return value

    def add_update(self, update: tuple[Any, Any]) -> None:
        variable, value = update
        self._seen[id(variable)] = variable
        self.assigned[id(variable)] = value
        super().add_update(update)


def _assign(assigned: dict[int, Any], seen: dict[int, Any]) -> None:
    for key, value in assigned.items():
        seen[key].assign(value)
