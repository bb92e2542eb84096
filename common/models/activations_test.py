"""Activations against closed forms in float64: values and derivatives."""

import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import activations

POINTS = np.array(
    [
        *(-1e4, -40.0, -7.0, -2.0, -0.3, -1e-3, -1e-6),
        *(1e-6, 1e-4, 1e-3, 0.4, 1.0, 5.0, 6.5, 40.0, 1e4),
    ]
)
SIGMOID_RANGE = 700.0  # beyond it exp overflows in float64


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -SIGMOID_RANGE, SIGMOID_RANGE)))


def softplus(x):
    return np.logaddexp(0, x)


def decay(beta):
    """ReLU with decay, piece by piece."""

    def slope(x):
        return (1 - beta * x**2) / (1 + beta * x**2) ** 2

    return (
        lambda x: np.where(x > 0, x / (1 + beta * x**2), 0),
        lambda x: np.where(x > 0, slope(x), 0),
    )


def elu(alpha):
    return (
        lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, alpha * np.exp(np.minimum(x, 0))),
    )


def celu(alpha):
    return (
        lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha)),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0) / alpha)),
    )


def parametric(alpha):
    return lambda x: softplus(alpha * x) / alpha, lambda x: sigmoid(alpha * x)


def smooth_relu(beta):
    alpha = beta**2
    return (
        lambda x: np.where(x > 0, x - np.log1p(alpha * np.abs(x)) / alpha, 0),
        lambda x: np.where(x > 0, alpha * x / (alpha * np.abs(x) + 1), 0),
    )


@np.vectorize
def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def normal_density(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(x):
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    steepness = np.cosh(np.clip(inner, -300, 300)) ** -2.0
    derivative = 0.5 * (1 + np.tanh(inner)) + 0.5 * x * steepness * slope
    return 0.5 * x * (1 + np.tanh(inner)), derivative


def mish_slope(x):
    gate = np.tanh(softplus(x))
    return gate + x * (1 - gate**2) * sigmoid(x)


CLOSED_FORMS = {
    "celu": celu(1.0),
    "celu_1.6": celu(1.6),
    "elu": elu(1.0),
    "elu_1.6": elu(1.6),
    "gelu": (lambda x: gelu_tanh(x)[0], lambda x: gelu_tanh(x)[1]),
    "gelu_exact": (
        lambda x: x * normal_cdf(x),
        lambda x: normal_cdf(x) + x * normal_density(x),
    ),
    "leaky_relu": (
        lambda x: np.where(x > 0, x, 0.1 * x),
        lambda x: np.where(x > 0, 1, 0.1),
    ),
    "learned_softplus": parametric(10.0),
    "mish": (lambda x: x * np.tanh(softplus(x)), mish_slope),
    "parametric_softplus": parametric(10.0),
    "parametric_softplus_2": parametric(2.0),
    "relu": (lambda x: np.where(x > 0, x, 0), lambda x: x > 0),
    "relu6": (lambda x: np.clip(x, 0, 6), lambda x: (x > 0) & (x < 6)),
    "relu_decay_0.001": decay(0.001),
    "relu_decay_0.01": decay(0.01),
    "relu_decay_0.1": decay(0.1),
    "silu": (
        lambda x: x * sigmoid(x),
        lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    ),
    "smooth_relu": smooth_relu(20.0),
    "softplus": parametric(1.0),
    "tanh": (np.tanh, lambda x: np.cosh(np.clip(x, -300, 300)) ** -2.0),
}


def outputs_and_gradients(layer, points, dtype="float32", **mode):
    inputs = tf.convert_to_tensor(points, dtype)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, **mode)
    return outputs, tape.gradient(outputs, inputs)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_values_and_derivatives_in_either_precision(name):
    value, slope = CLOSED_FORMS[name]
    layer = activations.layer(name, name="activation")
    points = np.float64(np.float32(POINTS))
    outputs, gradients = outputs_and_gradients(layer, points)
    np.testing.assert_allclose(outputs, value(points), rtol=5e-6, atol=1e-6)
    np.testing.assert_allclose(gradients, slope(points), rtol=5e-5, atol=2e-6)
    outputs, gradients = outputs_and_gradients(layer, [0.0, -0.0])  # a kink for some
    np.testing.assert_allclose(outputs, value(np.zeros(2)), atol=1e-6)
    assert np.isfinite(gradients).all()
    layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    points = np.float64(tf.cast(tf.cast(POINTS, "bfloat16"), "float64"))
    outputs, gradients = outputs_and_gradients(layer, points, "bfloat16")
    assert outputs.dtype == gradients.dtype == "bfloat16"
    outputs, gradients = (tf.cast(x, "float64") for x in (outputs, gradients))
    np.testing.assert_allclose(outputs, value(points), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(gradients, slope(points), rtol=0.03, atol=0.03)


@pytest.mark.parametrize(
    ("name", "start", "derivative"),
    [
        # d/da log(1 + exp(a x)) / a, and the derivative by beta of SmoothReLU.
        (
            "learned_softplus",
            10.0,
            lambda x, a: x * sigmoid(a * x) / a - softplus(a * x) / a**2,
        ),
        (
            "smooth_relu",
            20.0,
            lambda x, b: np.where(
                x > 0,
                2 * np.log1p(b**2 * np.abs(x)) / b**3
                - 2 * x / (b * (b**2 * np.abs(x) + 1)),
                0,
            ),
        ),
    ],
)
def test_a_learned_parameter_is_one_scalar_that_gets_its_gradient(
    name, start, derivative
):
    layer = activations.layer(name, name="activation")
    points = tf.constant(np.linspace(-2, 2, 9), "float32")
    layer(points)
    (parameter,) = layer.trainable_variables
    assert parameter.shape == () and float(parameter) == start
    assert not parameter.path.endswith("kernel")  # which alone is decayed
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(points) * tf.range(9.0))
    expected = (derivative(np.float64(points), start) * np.arange(9)).sum()
    gradient = tape.gradient(total, parameter.value)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-6)


def test_a_smooth_backward_pass_leaves_the_forward_pass_to_relu():
    layer = activations.layer("relu", name="activation")
    own = outputs_and_gradients(layer, POINTS)
    smooth = outputs_and_gradients(layer, POINTS, backward="smooth")
    np.testing.assert_array_equal(own[0], smooth[0])
    np.testing.assert_allclose(smooth[1], sigmoid(10 * POINTS), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(own[1], POINTS > 0)


def test_each_pass_of_a_compiled_step_has_the_derivative_it_asks_for():
    layer = activations.layer("relu", name="activation")

    @tf.function
    def step(points):
        return [
            outputs_and_gradients(layer, points, backward=backward)[1]
            for backward in ("smooth", "own", "smooth")
        ]

    first, own, second = step(tf.constant(POINTS, "float32"))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(own, POINTS > 0)
    assert not np.allclose(first, own)


def test_every_activation_has_a_row_here():
    named = {*activations.ACTIVATIONS, *activations.LEARNED}
    assert named <= set(CLOSED_FORMS)
    for family in activations.NUMBERED:
        assert any(name.startswith(f"{family}_") for name in CLOSED_FORMS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            functools.partial(activations.get, "leaky-relu"),
            r"Received: leaky-relu. Nearest: leaky_relu",
        ),
        (
            functools.partial(activations.get, "elu_nan"),
            r"elu takes a positive number behind it. Received: activation=elu_nan",
        ),
        (
            functools.partial(activations.get, "elu_0"),
            r"elu takes a positive number behind it. Received: activation=elu_0",
        ),
        (
            lambda: activations.layer("silu", name="a")(np.ones(1), backward="smooth"),
            r"Only activation=relu .* Received: activation=silu",
        ),
    ],
)
def test_what_does_not_exist_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", ["celu", "celu_2", "elu"])
def test_the_slope_at_zero_is_one(name):
    zero = tf.zeros(1)
    with tf.GradientTape() as tape:
        tape.watch(zero)
        value = activations.get(name)(zero)
    assert float(tape.gradient(value, zero)[0]) == 1.0


@pytest.mark.parametrize("name", activations.LEARNED)
def test_a_learned_parameter_is_not_rounded_in_low_precision(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = activations.layer(name, name="activation")
    values = tf.cast(tf.linspace(-0.3, 0.3, 101), "bfloat16")
    sums = []
    for parameter in (10.0, 10.02):  # which bfloat16 has as one
        layer(values)
        layer.parameter.assign(parameter)
        outputs = layer(values)
        assert outputs.dtype == "bfloat16"
        sums.append(outputs.numpy().astype("float32"))
    assert not np.array_equal(*sums)
