"""A chain of gradients that is cut is an error."""

import numpy as np
import pytest
import tensorflow as tf

from common import backend
from tests import agreement


def test_what_cuts_a_chain_is_refused_and_what_bends_it_is_not():
    """On JAX it is the same, see `jax_backend_test`."""
    found = agreement.computed("backends", "cut")
    refused = {name: refused.tolist() for name, refused in found.items()}
    always, never = [True, True], [False, False]
    assert refused == {
        "integers": always,
        "rounded": always,
        "stopped": always,
        "argmax": always,
        "constant": always,
        "one of two": always,
        "squared": never,
        "clipped": never,
        "zero times": never,
    }


def test_it_says_what_may_have_cut_it_in_one_line():
    with pytest.raises(ValueError, match="rounding, argmax, stop_gradient") as error:
        backend.value_and_gradients(lambda x: tf.reduce_sum(tf.round(x)), np.ones(2))
    assert isinstance(error.value, backend.GradientError)
    assert "\n" not in str(error.value) and "Received: " in str(error.value)
