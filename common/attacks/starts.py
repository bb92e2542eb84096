"""Where an attack starts: images [B, H, W, C] in [0, 255] -> a first perturbation."""

from __future__ import annotations

from typing import Any

from common import backend


def uniform_linf(images: Any, epsilon: Any, seed: Any) -> Any:
    """Returns float32 [B, H, W, C] uniform in [-epsilon, epsilon].

    Each image's draw follows from the seed and its own pixels, so it is the same in
    every batch, position and replica.
    """
    keys = backend.example_keys(images)
    return epsilon * (2.0 * backend.uniform(images.shape, seed, keys=keys) - 1.0)
