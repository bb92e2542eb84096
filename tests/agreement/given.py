"""What both backends start from: weights and digits, from NumPy."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
from sklearn import datasets


def filled(network: keras.Model, seed: int = 0) -> keras.Model:
    """Returns the network with weights that follow from the seed alone."""
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        name = variable.path.rpartition("/")[2]
        values = rng.normal(size=variable.shape)
        if "variance" in name:
            values = 1.0 + 0.2 * np.tanh(values)
        elif "gamma" in name:  # below 1, or what sums up over many blocks explodes
            values = 0.5 + 0.1 * np.tanh(values)
        elif len(variable.shape) > 1:
            values *= np.sqrt(2.0 / np.prod(variable.shape[:-1]))
        else:
            values *= 0.1
        if "float" in variable.dtype and name != "parameter":
            variable.assign(values.astype(np.float32))
    return network


@functools.cache
def _digits() -> Any:
    return datasets.load_digits()


def minibatch(number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns images float32 [size, 8, 8, 1] in [0, 255], and labels int32 [size]."""
    digits, rows = _digits(), slice(number * size, (number + 1) * size)
    images = digits.images[rows, :, :, None] * (255.0 / 16.0)
    return images.astype(np.float32), digits.target[rows].astype(np.int32)


def photographs(size: int, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Returns random images float32 [size, side, side, 3], and labels below ten."""
    rng = np.random.default_rng(1)
    images = rng.uniform(0, 255, (size, side, side, 3)).astype(np.float32)
    return images, rng.integers(0, 10, size).astype(np.int32)
