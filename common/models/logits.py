"""How a network is asked for logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.attacks import cost
from common.lazy import keras


def inference(network: keras.Model, branch: str = "") -> Callable[[Any], Any]:
    """Returns images -> logits of a network in inference mode.

    They are `Heads` for a network that has several, so that attacks can climb the cost
    at all of them.

    Args:
      network: pixels of 255 to logits. It may say the names of its branches of batch
        norm, in `network.branches`; otherwise it has `clean` alone. It may have a
        method `heads`, as Inception networks do.
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
    if hasattr(network, "heads"):
        return cost.Heads(lambda images: network.heads(images, training=False, **mode))
    return lambda images: network(images, training=False, **mode)
