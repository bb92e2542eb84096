import functools

import keras
import numpy as np
import pytest

from common.models import layers, mbconv, norms
from tests.oracles.networks import randomised

NORM = functools.partial(norms.DEFAULT.layer, epsilon=1e-3)


def features(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def block(norm=NORM, activation="silu", **changes):
    fields = {"inputs": 8, "filters": 8, "expansion": 6, "kernel_size": 3, "strides": 1}
    form = mbconv.Form(**{**fields, **changes})
    return mbconv.MBConv(form, norm, activation, name="block")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class NumpyBlock:
    """The block from a table of weights, one formula per line."""

    def __init__(self, layer, *, by_batch):
        self.by_batch = by_batch
        self.weights = {
            v.path.removeprefix("block/"): v.numpy().astype("float64")
            for v in layer.weights
        }

    def norm(self, x, name):
        mean, variance, gamma, beta = (
            self.weights[f"{name}/norm/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        if self.by_batch:
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    def depthwise(self, x, stride):
        """Each channel by itself; zeros all round, one less before than after."""
        kernel = self.weights["depthwise/conv/kernel"][..., 0]
        k, size = len(kernel), -(-x.shape[1] // stride)
        before = max((size - 1) * stride + k - x.shape[1], 0) // 2
        x = np.pad(x, ((0, 0), (before, k), (before, k), (0, 0)))
        span = stride * size
        return sum(
            kernel[i, j] * x[:, i : i + span : stride, j : j + span : stride]
            for i in range(k)
            for j in range(k)
        )

    def gate(self, x):
        w = self.weights
        y = x.mean((1, 2)) @ w["gate/reduce/kernel"][0, 0] + w["gate/reduce/bias"]
        y = y * sigmoid(y) @ w["gate/expand/kernel"][0, 0] + w["gate/expand/bias"]
        return x * sigmoid(y)[:, None, None]

    def __call__(self, inputs, stride, factors):
        x = inputs.astype("float64")
        if "expand/conv/kernel" in self.weights:
            x = self.norm(x @ self.weights["expand/conv/kernel"][0, 0], "expand")
            x = x * sigmoid(x)
        x = self.norm(self.depthwise(x, stride), "depthwise")
        x = self.gate(x * sigmoid(x))
        x = self.norm(x @ self.weights["project/conv/kernel"][0, 0], "project")
        if x.shape != inputs.shape:
            return x
        return inputs + x * np.reshape(factors, (-1, 1, 1, 1))


@pytest.mark.parametrize("by_batch", [False, True])
@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, 6),
        ({"kernel_size": 5, "strides": 2, "filters": 16}, 8),
        ({"kernel_size": 5, "strides": 2}, 7),
        ({"expansion": 1, "inputs": 16}, 6),
        ({"expansion": 1, "inputs": 2, "filters": 2, "kernel_size": 5}, 3),
    ],
)
def test_a_block_agrees_with_numpy(changes, size, by_batch):
    layer = block(**changes)
    inputs = features(3, size, size, layer.form.inputs)
    layer(inputs)
    randomised(layer)
    factors = np.float32([0.0, 1.25, 2.0])
    expected = NumpyBlock(layer, by_batch=by_batch)(inputs, layer.form.strides, factors)
    found = layer(inputs, mode=layers.Mode(by_batch), factors=factors)
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    if layer.form.has_shortcut:
        np.testing.assert_array_equal(found[0], inputs[0])


def test_only_a_block_that_keeps_the_shape_has_a_shortcut():
    assert block().form.has_shortcut
    assert not block(strides=2).form.has_shortcut
    assert not block(filters=16).form.has_shortcut


def test_factors_come_from_the_blocks_inputs_not_from_what_is_expanded():
    layer = block(inputs=40, filters=16)
    layer(features(1, 4, 4, 40))
    assert tuple(layer.gate.reduce.kernel.shape) == (1, 1, 240, 10)
    narrow = block(inputs=2)
    narrow(features(1, 4, 4, 2))
    assert tuple(narrow.gate.reduce.kernel.shape) == (1, 1, 12, 1)


def test_initial_weights():
    layer = block(inputs=200, filters=200, kernel_size=5)
    layer(features(1, 4, 4, 200))
    for kernel, fan_out in (
        (layer.expand.conv.kernel, 1200),
        (layer.depthwise.conv.kernel, 25),
        (layer.gate.reduce.kernel, 50),
        (layer.gate.expand.kernel, 1200),
        (layer.project.conv.kernel, 200),
    ):
        kernel = kernel.numpy()
        assert kernel.std() == pytest.approx(np.sqrt(2 / fan_out), rel=0.02)
        assert np.abs(kernel).max() > 3 * kernel.std()  # not truncated at two
    assert not layer.gate.reduce.bias.numpy().any()
    assert not layer.gate.expand.bias.numpy().any()


def test_a_learned_activation_has_a_weight_in_every_place():
    layer = block(activation="smooth_relu")
    layer(features(1, 4, 4, 8))
    learned = [v.path for v in layer.trainable_weights if v.path.endswith("parameter")]
    assert learned == [
        "block/expand/activation/parameter",
        "block/depthwise/activation/parameter",
        "block/gate/activation/parameter",
    ]


def test_a_gate_takes_exact_means_of_bfloat16_features():
    keras.config.set_dtype_policy("mixed_bfloat16")
    gate = mbconv.Gate(1, 1, "relu", name="gate")
    ones = np.ones((1, 300, 300, 1), "float32")
    gate(ones)
    for layer in (gate.reduce, gate.expand):
        layer.kernel.assign([[[[1.0]]]])
    found = gate(ones)
    assert found.dtype == "bfloat16"
    np.testing.assert_allclose(keras.ops.cast(found, "float32"), sigmoid(1), rtol=0.01)
