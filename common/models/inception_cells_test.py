"""The cells against NumPy, and dropout against what it promises."""

import keras
import numpy as np
import pytest
from keras import ops

from common.models import InceptionV3, inception, inception_cells, layers

MODE = layers.Mode(training=True, branch="adversarial")


def numbers(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_filters_are_scaled_but_never_fewer_than_16():
    made = {
        (filters, width): inception.conv(InceptionV3(width=width))(
            "conv", filters
        ).conv.filters
        for filters in (48, 192)
        for width in (0.25, 0.7, 2.0)
    }
    assert made == {
        (48, 0.25): 16,
        (48, 0.7): 33,
        (48, 2.0): 96,
        (192, 0.25): 48,
        (192, 0.7): 134,
        (192, 2.0): 384,
    }


def test_a_convolution_is_normalised_without_factor_then_activated():
    layer = inception.conv(InceptionV3(activation="tanh"))("layer", 16)
    inputs = numbers(2, 3, 3, 4)
    layer(inputs)
    kernel, beta, mean, variance = layer.weights
    assert [v.name for v in (beta, mean, variance)] == [
        "beta",
        "moving_mean",
        "moving_variance",
    ]
    for index, variable in enumerate((beta, mean, variance)):
        variable.assign(np.abs(numbers(16, seed=index)) + 0.5)
    linear = inputs @ kernel.numpy()[0, 0]
    normal = (linear - mean.numpy()) / np.sqrt(variance.numpy() + 1e-3) + beta.numpy()
    np.testing.assert_allclose(layer(inputs), np.tanh(normal), atol=1e-5)


def test_settings_reach_batch_norm():
    config = InceptionV3(momentum=0.9, synchronized=True)
    norm = inception.conv(config)("layer", 16).norm
    assert (norm.momentum, norm.synchronized, norm.scale) == (0.9, True, False)


def test_the_average_at_an_edge_leaves_padding_out():
    inputs = np.arange(9, dtype="float32").reshape(1, 3, 3, 1)
    outputs = inception_cells.AveragePool()(inputs)[0, :, :, 0]
    np.testing.assert_allclose(outputs, [[2, 2.5, 3], [3.5, 4, 4.5], [5, 5.5, 6]])


@pytest.mark.parametrize(("padding", "expected"), [("valid", [[12]]), ("same", None)])
def test_the_maximum_of_every_second_neighbourhood(padding, expected):
    inputs = np.arange(25, dtype="float32").reshape(1, 5, 5, 1)[:, :4, :4]
    outputs = inception_cells.MaxPool(padding, name="pool")(inputs)[0, :, :, 0]
    np.testing.assert_array_equal(outputs, expected or [[12, 13], [17, 18]])


class Times(keras.layers.Layer):
    """Multiplies by a factor; refuses to be called in another mode."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, inputs, mode):
        assert mode is MODE
        return inputs * self.factor


def test_branches_run_side_by_side_and_steps_one_after_another():
    cell = inception_cells.Mixed(
        "cell", [Times(2.0)], [Times(3.0), [Times(5.0), Times(7.0)]]
    )
    inputs = numbers(2, 4, 4, 3)
    outputs = cell(inputs, mode=MODE)
    expected = np.concatenate([inputs * factor for factor in (2, 15, 21)], axis=-1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)


def test_a_residual_cell_adds_a_share_of_its_projection():
    cell = inception_cells.Residual(
        "cell", [Times(2.0)], [Times(3.0)], scale=0.17, activation=ops.tanh
    )
    inputs = numbers(2, 4, 4, 3)
    cell(inputs, mode=MODE)
    kernel, bias = cell.weights
    assert kernel.path == "cell/Conv2d_1x1/conv/kernel"
    bias.assign(numbers(3, seed=2))
    mixed = np.concatenate([2 * inputs, 3 * inputs], axis=-1)
    projected = mixed @ kernel.numpy()[0, 0] + bias.numpy()
    expected = np.tanh(inputs + 0.17 * projected)
    np.testing.assert_allclose(cell(inputs, mode=MODE), expected, atol=1e-5)


@pytest.mark.parametrize("dense", [True, False])
def test_logits_are_float32_whatever_the_policy(dense):
    keras.config.set_dtype_policy("mixed_bfloat16")
    initializer = keras.initializers.HeNormal()
    layer = inception_cells.Classifier(
        "logits", 5, dense=dense, initializer=initializer
    )
    inputs = numbers(2, 1, 1, 64)
    outputs = layer(inputs)
    kernel, bias = layer.weights
    assert not np.any(bias)
    assert outputs.dtype == "float32"
    expected = inputs[:, 0, 0] @ kernel.numpy().reshape(64, 5)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("grid", "whole"), [(17, 5), (16, 4), (8, 2), (7, 1), (5, 1), (4, 1)]
)
def test_the_auxiliary_head_is_cut_to_its_grid(grid, whole):
    conv = inception.conv(InceptionV3(width=0.25))
    classifier = inception_cells.Classifier(
        "last", 10, dense=False, initializer=keras.initializers.HeNormal()
    )
    head = inception_cells.AuxiliaryLogits(conv, classifier, whole="whole_{}")
    assert head(numbers(2, grid, grid, 8)).shape == (2, 10)
    kernels = {v.path: tuple(v.shape) for v in head.weights if v.name == "kernel"}
    assert kernels == {
        "AuxLogits/Conv2d_1b_1x1/conv/kernel": (1, 1, 8, 32),
        f"AuxLogits/whole_{whole}x{whole}/conv/kernel": (whole, whole, 32, 192),
        "AuxLogits/last/conv/kernel": (1, 1, 192, 10),
    }
