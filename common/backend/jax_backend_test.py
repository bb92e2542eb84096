"""JAX's backend against TensorFlow's, whose own tests have the closed forms."""

import numpy as np
import pytest

from tests import agreement


@pytest.mark.parametrize("name", agreement.cases("backends"))
def test_both_backends_do_the_same(name):
    ours = agreement.computed("backends", name)
    theirs = agreement.on_jax("backends", name)
    assert ours.keys() == theirs.keys()
    for key, array in ours.items():
        # Draws are the same bits; normals and sums round.
        exact = name == "draws" and key != "normal"
        bound = {"rtol": 0, "atol": 0} if exact else {"rtol": 1e-5, "atol": 5e-6}
        np.testing.assert_allclose(theirs[key], array, **bound, err_msg=key)
