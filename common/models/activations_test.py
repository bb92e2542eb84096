import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import activations

POINTS = np.array([-7.0, -2.0, -0.3, 0.4, 1.0, 5.0, 6.5, 40.0])


def decay(beta):
    """The values and derivatives of ReLU with decay, piece by piece."""

    def value(x):
        return x / (1 + beta * x**2)

    def slope(x):
        return (1 - beta * x**2) / (1 + beta * x**2) ** 2

    return lambda x: np.where(x > 0, value(x), 0), lambda x: np.where(
        x > 0, slope(x), 0
    )


CLOSED_FORMS = {
    "elu": (
        lambda x: np.where(x > 0, x, np.expm1(x)),
        lambda x: np.where(x > 0, 1, np.exp(x)),
    ),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.where(x > 0, 1, 0.1),
    ),
    "relu": (lambda x: np.where(x > 0, x, 0), lambda x: x > 0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
    "relu_decay_0.001": decay(0.001),
    "relu_decay_0.01": decay(0.01),
    "relu_decay_0.1": decay(0.1),
    "tanh": (np.tanh, lambda x: np.cosh(x) ** -2.0),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_values_and_derivatives(name):
    value, slope = CLOSED_FORMS[name]
    points = tf.constant(POINTS, "float32")
    with tf.GradientTape() as tape:
        tape.watch(points)
        outputs = activations.get(name)(points)
    np.testing.assert_allclose(outputs, value(POINTS), rtol=2e-6, atol=1e-6)
    gradients = tape.gradient(outputs, points)
    np.testing.assert_allclose(gradients, slope(POINTS), rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("beta", [0.1, 0.01, 0.001])
def test_relu_decay_is_largest_where_it_says(beta):
    points = np.linspace(0, 100, 100_001, dtype="float32")
    outputs = keras.ops.convert_to_numpy(activations.get(f"relu_decay_{beta}")(points))
    assert points[outputs.argmax()] == pytest.approx(beta**-0.5, abs=0.02)
    assert outputs.max() == pytest.approx(0.5 * beta**-0.5, rel=1e-5)


def test_every_activation_has_a_row_here():
    assert set(activations.ACTIVATIONS) == set(CLOSED_FORMS)


def test_unknown_name_is_told_the_nearest():
    with pytest.raises(ValueError, match=r"Received: leaky-relu. Nearest: leaky_relu"):
        activations.get("leaky-relu")
