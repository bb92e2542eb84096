"""Random perturbations of images [B, H, W, C] in [0, 255], within epsilon of them.

Each image's draw follows from the seed and its own pixels, so it is the same in every
batch, position and replica. The laws draw from streams of their own.
"""

from __future__ import annotations

import math
from typing import Any

from common import backend
from common.lazy import ops

# -1 is the stream of random targets, -4 that of PGD's coin, -6 that of Square.
_SIGN_STREAM, _NORMAL_STREAM, _STRIPE_STREAM = -2, -3, -5


def uniform_linf(images: Any, epsilon: Any, seed: Any) -> Any:
    """Returns float32 [B, H, W, C] uniform in [-epsilon, epsilon]."""
    keys = backend.example_keys(images)
    return epsilon * (2.0 * backend.uniform(images.shape, seed, keys=keys) - 1.0)


def random_sign(images: Any, epsilon: Any, seed: Any) -> Any:
    """Returns float32 [B, H, W, C]: epsilon times the signs of standard normals."""
    keys = backend.example_keys(images)
    seed = backend.fold(seed, _SIGN_STREAM)
    return epsilon * ops.sign(backend.normal(images.shape, seed, keys=keys))


def truncated_normal(images: Any, epsilon: Any, seed: Any) -> Any:
    """Returns float32 [B, H, W, C] in [-epsilon, epsilon].

    The law is the normal's of mean 0 and standard deviation epsilon / 2, given that it
    falls within epsilon: its quantile function at a uniform draw.
    """
    seed = backend.fold(seed, _NORMAL_STREAM)
    share = math.erf(math.sqrt(2.0))  # of a normal within two standard deviations
    normals = math.sqrt(2.0) * ops.erfinv(share * uniform_linf(images, 1.0, seed))
    return 0.5 * epsilon * normals


def stripes(images: Any, epsilon: Any, seed: Any) -> Any:
    """Returns float32 [B, H, W, C]: epsilon up or down, with one sign for each column.

    Each channel of a column has a sign of its own, and both signs are as likely.
    """
    keys = backend.example_keys(images)
    seed = backend.fold(seed, _STRIPE_STREAM)
    columns = (images.shape[0], 1, *images.shape[2:])
    signs = ops.where(backend.uniform(columns, seed, keys=keys) < 0.5, -1.0, 1.0)
    return epsilon * signs * ops.ones_like(images)
