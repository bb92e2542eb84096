"""TensorFlow and JAX from equal weights: attacks, networks, updates of the methods."""

from __future__ import annotations

import numpy as np
import pytest

from tests import agreement


def all_cases(group):
    """Returns the parameters of a test of all cases of a group."""
    return [
        pytest.param(name, slow, marks=[pytest.mark.slow] * slow)
        for slow in (False, True)
        for name in agreement.cases(group, slow=slow)
    ]


def on_both(group, name, slow):
    """Returns the arrays of a case on TensorFlow and on JAX, in pairs."""
    ours = agreement.computed(group, name, slow=slow)
    theirs = agreement.on_jax(group, name, slow=slow)
    assert ours.keys() == theirs.keys()
    assert all(np.isfinite(array).all() for array in ours.values())
    return {key: (ours[key], theirs[key]) for key in ours}


def share_within(bound, ours, theirs):
    return np.mean(np.abs(ours - theirs) <= bound)


@pytest.mark.parametrize(("name", "slow"), all_cases("attacks"))
def test_attacks_agree(name, slow):
    pairs = on_both("attacks", name, slow)
    if name == "losses":
        for key, (ours, theirs) in pairs.items():
            np.testing.assert_allclose(theirs, ours, rtol=1e-6, atol=1e-6, err_msg=key)
        return
    # A sign at the level of rounding may turn, and with it a pixel.
    assert share_within(1e-2, *pairs["adv_images"]) >= 0.999
    images, _ = pairs["images"]
    assert np.abs(pairs["adv_images"][1] - images).max() > 1.0


@pytest.mark.parametrize(("name", "slow"), all_cases("networks"))
def test_networks_agree(name, slow):
    pairs = on_both("networks", name, slow)
    if name == "bfloat16":
        check_reduced(pairs)
        return
    for key, (ours, theirs) in pairs.items():
        # The gradient of a sum of many terms rounds at their size, not at its own; that
        # of a beta behind which another batch norm stands is zero but for rounding.
        bound = 1e-4 * np.abs(ours).max(initial=0.1)
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=bound, err_msg=key)


def check_reduced(pairs):
    """Checks what is kept in float32, and attack signs against float32."""
    for key, (ours, theirs) in pairs.items():
        assert ours.dtype == theirs.dtype, key
        if key.startswith("mixed_bfloat16 ") and ours.ndim:
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=0.05, err_msg=key)
    assert min(pairs["share"]) > 0.98


@pytest.mark.parametrize(("name", "slow"), all_cases("methods"))
def test_five_updates_agree(name, slow):
    for key, (ours, theirs) in on_both("methods", name, slow).items():
        if key == "state":
            assert share_within(1e-2, ours, theirs) >= 0.999
        else:
            np.testing.assert_allclose(theirs, ours, rtol=0, atol=1e-4, err_msg=key)
