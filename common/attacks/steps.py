"""Steps of ascent: the gradient [B, H, W, C] of the loss -> a change of pixels."""

from __future__ import annotations

from typing import Any

from keras import ops


def sign(gradient: Any, step_size: Any) -> Any:
    """Returns the steepest step in L-infinity; pixels of zero gradient stay."""
    return step_size * ops.sign(gradient)
