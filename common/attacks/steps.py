"""Steps of ascent: the gradient [B, H, W, C] of the loss -> a change of pixels."""

from __future__ import annotations

from typing import Any

from common.lazy import ops


def sign(gradient: Any, step_size: Any) -> Any:
    """Returns the steepest step in L-infinity; pixels of zero gradient stay."""
    return step_size * ops.sign(gradient)


def along_linf(gradient: Any, step_size: Any) -> Any:
    """Returns each example's gradient at L-infinity norm `step_size`; zero stays."""
    norm = ops.max(ops.abs(gradient), axis=(1, 2, 3), keepdims=True)
    return step_size * ops.divide_no_nan(gradient, norm)


def along_l2(gradient: Any, step_size: Any) -> Any:
    """Returns each example's gradient at L2 norm `step_size`; zero stays."""
    largest_is_1 = along_linf(gradient, 1.0)  # the squares of small ones would vanish
    squares = ops.sum(ops.square(largest_is_1), axis=(1, 2, 3), keepdims=True)
    return step_size * ops.divide_no_nan(largest_is_1, ops.sqrt(squares))
