"""The wide residual network: a twin in NumPy, and where its weights start."""

import numpy as np
import pytest

from common.models import WideResNet
from tests.oracles.networks import pixels, randomised


def test_depth_34_is_the_network_of_depth_32():
    paths = [
        [v.path for v in WideResNet(depth=depth, width=1).build(10, 8).weights]
        for depth in (14, 16)
    ]
    assert paths[0] == paths[1]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        *(("depth", depth, f"Received: depth={depth}") for depth in (2, 7, 9, 33)),
        ("width", 0, "Received: width=0"),
        ("stem_stride", 0, "Received: stem_stride=0"),
        ("activation", "leaky", "Nearest: leaky_relu"),
    ],
)
def test_what_does_not_exist_is_refused_when_declared(field, value, message):
    with pytest.raises(ValueError, match=message):
        WideResNet(**{field: value})


class NumpyWideResNet:
    """The forward pass from a table of weights, one formula per line."""

    def __init__(self, network):
        self.weights = {
            v.path.removeprefix("wide_resnet/"): v.numpy().astype("float64")
            for v in network.weights
        }

    def conv(self, x, name, stride):
        kernel = self.weights[f"{name}/kernel"]
        size = -(-x.shape[1] // stride)
        before = max((size - 1) * stride + 3 - x.shape[1], 0) // 2
        x = np.pad(x, ((0, 0), (before, 3), (before, 3), (0, 0)))
        span = stride * size
        return sum(
            x[:, i : i + span : stride, j : j + span : stride] @ kernel[i, j]
            for i in range(3)
            for j in range(3)
        )

    def norm_act(self, x, name):
        mean, variance, gamma, beta = (
            self.weights[f"{name}/norm/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.where(x > 0, x, 0.1 * x)

    def unit(self, x, name, stride, first):
        activated = self.norm_act(x, f"{name}/norm_act1")
        shortcut = activated if first else x
        y = self.conv(activated, f"{name}/conv1", stride)
        y = self.conv(self.norm_act(y, f"{name}/norm_act2"), f"{name}/conv2", 1)
        if stride == 2:
            b, h, w, c = shortcut.shape
            shortcut = shortcut.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))
        side = (y.shape[-1] - shortcut.shape[-1]) // 2
        return y + np.pad(shortcut, ((0, 0), (0, 0), (0, 0), (side, side)))

    def __call__(self, images, depth, stem_stride):
        x = images.astype("float64")
        deviation = np.maximum(x.std((1, 2, 3)), x[0].size ** -0.5)
        x = (x - x.mean((1, 2, 3), keepdims=True)) / deviation[:, None, None, None]
        x = self.conv(x, "stem", stem_stride)
        for stage in (1, 2, 3):
            for index in range(1, (depth - 2) // 6 + 1):
                stride = 2 if stage > 1 and index == 1 else 1
                first = stage == index == 1
                x = self.unit(x, f"stage{stage}_unit{index}", stride, first)
        x = self.norm_act(x, "head").mean((1, 2))
        return x @ self.weights["classifier/kernel"] + self.weights["classifier/bias"]


@pytest.mark.parametrize(
    ("depth", "width", "stem_stride", "shape"),
    [
        (8, 1, 1, (3, 8, 8, 1)),
        (8, 1, 2, (3, 32, 32, 3)),
        (14, 2, 1, (3, 8, 8, 3)),
    ],
)
def test_forward_pass_agrees_with_numpy(depth, width, stem_stride, shape):
    config = WideResNet(depth=depth, width=width, stem_stride=stem_stride)
    network = randomised(config.build(10, shape[1], shape[3]))
    images = pixels(*shape)
    expected = NumpyWideResNet(network)(images, depth, stem_stride)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(network(images), expected, atol=1e-4, rtol=1e-4)


def test_initial_scales():
    network = WideResNet(depth=8, width=4).build(10, 8)
    kernels = {v.path: v.numpy() for v in network.weights if v.name == "kernel"}
    conv = kernels["wide_resnet/stage3_unit1/conv2/kernel"]
    assert conv.std() == pytest.approx(np.sqrt(2 / (9 * 256)), rel=0.01)
    assert np.abs(conv).max() > 3 * conv.std()  # not truncated at two deviations
    limit = np.sqrt(3 / 256)
    dense = kernels["wide_resnet/classifier/kernel"]
    assert 0.98 * limit < np.abs(dense).max() <= limit
    assert not network.classifier.bias.numpy().any()
