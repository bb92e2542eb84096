"""Convolutions in the layout for which XLA's CPU compiler has fast code.

It brings convolutions into that layout itself, except in the body of a loop, and every
attack is one: gradients, whose kernels are turned around, are then many times slower.
So JAX hands them over in that layout on CPUs.
"""

from __future__ import annotations

from typing import Any

from jax import lax
from jax import numpy as jnp
from jax._src.lax import convolution  # JAX's own rule has no public name.
from jax.interpreters import mlir


def put_channels_last() -> None:
    """Makes JAX compile convolutions for CPUs as NHWC with kernels HWIO."""
    mlir.register_lowering(lax.conv_general_dilated_p, _lower, platform="cpu")


def _lower(context: Any, inputs: Any, kernel: Any, **settings: Any) -> Any:
    """Compiles a convolution of any layout; JAX's own way where it has its reasons."""
    given = settings.pop("dimension_numbers")
    rank = len(given.lhs_spec)
    images = (0, rank - 1, *range(1, rank - 1))  # batch, channels, space
    kernels = (rank - 1, rank - 2, *range(rank - 2))  # outputs, inputs, space
    wanted = lax.ConvDimensionNumbers(images, kernels, images)
    is_complex = jnp.issubdtype(context.avals_in[0].dtype, jnp.complexfloating)
    if given == wanted or is_complex or settings.get("out_sharding") is not None:
        return convolution._conv_general_dilated_lower(
            context,
            inputs,
            kernel,
            dimension_numbers=given,
            expand_complex_convolutions=True,
            **settings,
        )

    def channels_last(inputs: Any, kernel: Any) -> Any:
        outputs = lax.conv_general_dilated_p.bind(
            jnp.moveaxis(inputs, given.lhs_spec, wanted.lhs_spec),
            jnp.moveaxis(kernel, given.rhs_spec, wanted.rhs_spec),
            dimension_numbers=wanted,
            **settings,
        )
        return jnp.moveaxis(outputs, wanted.out_spec, given.out_spec)

    return mlir.lower_fun(channels_last, multiple_results=False)(
        context, inputs, kernel
    )
