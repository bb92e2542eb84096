"""Images and weights at which a network is compared with its twin."""

import numpy as np


def pixels(*shape):
    """Returns random images float32 of that shape, in [0, 255]."""
    return np.random.default_rng(1).uniform(0, 255, shape).astype("float32")


def randomised(network, high=1.5):
    """Returns the network, whose variables but for kernels have values of their own.

    They are between 0.5 and `high`, so that a place that is taken for another shows.
    """
    generator = np.random.default_rng(2)
    for variable in network.weights:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, high, variable.shape))
    return network
