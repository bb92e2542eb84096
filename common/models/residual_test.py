"""The blocks by themselves; whole networks are compared in resnet_test.py."""

import numpy as np
import pytest

from common.models import norms, residual


def features(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def block(convolutions, **fields):
    return residual.Block(convolutions, norms.DEFAULT, "relu", **fields, name="block")


@pytest.mark.parametrize(("kernel_size", "strides"), [(3, 2), (7, 2), (1, 2), (3, 1)])
def test_convolutions_are_centred_as_in_pytorch(kernel_size, strides):
    layer = residual.ConvNorm(
        residual.Convolution(1, kernel_size, strides), norms.DEFAULT, name="layer"
    )
    layer(features(1, 8, 8, 1))
    kernel = np.zeros((kernel_size, kernel_size, 1, 1))
    kernel[kernel_size // 2, kernel_size // 2] = 1.0
    layer.conv.kernel.assign(kernel)
    inputs = features(2, 8, 8, 1)
    expected = inputs[:, ::strides, ::strides] / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-5)


def test_paths_have_the_widths_of_he_2016():
    basic = [(c.filters, c.kernel_size, c.strides) for c in residual.basic(64, 2)]
    assert basic == [(64, 3, 2), (64, 3, 1)]
    deep = [(c.filters, c.kernel_size, c.strides) for c in residual.bottleneck(64, 2)]
    assert deep == [(64, 1, 1), (64, 3, 2), (256, 1, 1)]


@pytest.mark.parametrize("zero_gamma", [False, True])
def test_zero_gamma_concerns_the_last_factor_of_the_residual_path(zero_gamma):
    built = block(residual.bottleneck(8, 2), project=True, zero_gamma=zero_gamma)
    built(features(2, 8, 8, 4))
    starts = {v.path: np.unique(v).tolist() for v in built.weights if v.name == "gamma"}
    assert starts == {
        "block/conv1/norm/gamma": [1.0],
        "block/conv2/norm/gamma": [1.0],
        "block/conv3/norm/gamma": [0.0 if zero_gamma else 1.0],
        "block/shortcut/norm/gamma": [1.0],
    }


def test_zero_gamma_makes_a_block_start_as_its_shortcut():
    built = block(residual.basic(4, 1), project=False, zero_gamma=True)
    inputs = features(2, 4, 4, 4)
    np.testing.assert_allclose(built(inputs), np.maximum(inputs, 0))
