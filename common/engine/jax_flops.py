"""Floating-point operations of a function, counted in what JAX traces of it.

XLA counts them only for programs of some devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
from jax.extend import core


def count(fn: Callable[..., Any], *inputs: Any) -> float:
    """Returns the operations of all convolutions and matrix products.

    A multiplication and its addition are two. What goes through a loop counts once.

    Args:
      fn: of tensors.
      *inputs: tensors, or `jax.ShapeDtypeStruct`s.
    """
    return float(_of_program(jax.make_jaxpr(fn)(*inputs).jaxpr))


def _of_program(program: Any) -> int:
    return sum(_of_equation(equation) for equation in program.eqns)


def _of_equation(equation: Any) -> int:
    size = math.prod(equation.outvars[0].aval.shape) if equation.outvars else 0
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return 2 * size * math.prod(kernel) // outputs
    if equation.primitive.name == "dot_general":
        (summed, _), _ = equation.params["dimension_numbers"]
        left = equation.invars[0].aval.shape
        return 2 * size * math.prod(left[axis] for axis in summed)
    values = equation.params.values()
    closed = (value.jaxpr for value in values if isinstance(value, core.ClosedJaxpr))
    return sum(map(_of_program, closed))
