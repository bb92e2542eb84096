"""How a network is asked for logits, and what is refused in its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def inference(network: keras.Model, branch: str = "") -> Callable[[Any], Any]:
    """Returns images -> logits of a network in inference mode.

    Args:
      network: pixels of 255 to logits. It may say the names of its branches of batch
        norm, in `network.branches`; otherwise it has `clean` alone.
      branch: through which; the network's first if empty.

    Raises:
      ValueError: a branch that the network does not have.
    """
    branches = getattr(network, "branches", ("clean",))
    if branch and branch not in branches:
        raise ValueError(
            f"branch must be one that the network has: {', '.join(branches)}. "
            f"Received: branch={branch}"
        )
    mode = {"branch": branch or branches[0]} if hasattr(network, "branches") else {}
    return lambda images: network(images, training=False, **mode)


def check_logits(logits: Any) -> None:
    """Refuses probabilities where logits are expected, and values that are not finite.

    The cross-entropy of a softmax of probabilities has almost no gradient, so attacks
    would look weak and the network strong.

    Args:
      logits: float [B, K], with values.

    Raises:
      ValueError: every row is non-negative and sums to 1, or a value is not finite.
    """
    values = np.asarray(logits, np.float64)
    if values.ndim != 2:
        raise ValueError(
            f"logits must have shape [B, K]. Received: shape={values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "logits must be finite; look at the weights and the input scale. "
            f"Received: {np.count_nonzero(~np.isfinite(values))} values that are not"
        )
    if (values >= 0).all() and np.allclose(values.sum(axis=-1), 1.0, atol=1e-2):
        raise ValueError(
            "Expected logits; every row is non-negative and sums to 1, as after a "
            "softmax. Take the softmax off the last layer. "
            f"Received: first row max={values[0].max():g}"
        )
