import numpy as np
import pytest

from common.models import activations


@pytest.mark.parametrize(
    ("name", "expected"), [("relu", [0.0, 0.0, 3.0]), ("leaky_relu", [-0.2, 0.0, 3.0])]
)
def test_values(name, expected):
    outputs = activations.get(name)(np.array([-2.0, 0.0, 3.0], "float32"))
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_every_activation_has_a_row_here():
    assert set(activations.ACTIVATIONS) == {"relu", "leaky_relu"}


def test_unknown_name_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"Received: leaky-relu. Nearest: leaky_relu"):
        activations.get("leaky-relu")
