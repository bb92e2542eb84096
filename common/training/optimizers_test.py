"""What the values of optimizers refuse; `rules_test` has the updates."""

import pytest

from common.training import optimizers


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 9, float("nan")])
def test_a_momentum_out_of_range_is_refused(momentum):
    with pytest.raises(ValueError, match=f"Received: momentum={momentum}"):
        optimizers.Momentum(momentum)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("decay", "momentum") for value in (-0.1, 1.0)),
        *(("epsilon", value) for value in (0.0, -1.0, float("inf"))),
        *((name, float("nan")) for name in ("decay", "momentum", "epsilon")),
    ],
)
def test_numbers_of_rmsprop_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {name}={value}"):
        optimizers.RMSProp(**{name: value})
