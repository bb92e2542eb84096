import numpy as np
import pytest
import tensorflow as tf

from common.models import InceptionV4
from tests.oracles.networks import pixels, randomised


def sizes(network):
    """Returns the shape of each variable by its path below the network."""
    return {v.path.partition("/")[2]: tuple(v.shape) for v in network.weights}


class Twin:
    """The forward pass from a table of weights, in TensorFlow's own functions."""

    def __init__(self, network):
        self.weights = {v.path.partition("/")[2]: v.numpy() for v in network.weights}
        self.scope = ""
        self.reduction = "VALID"

    def conv(self, x, name, strides=1, padding="SAME"):
        kernel, beta, mean, variance = (
            self.weights[f"{self.scope}{name}/{part}"]
            for part in (
                "conv/kernel",
                "norm/beta",
                "norm/moving_mean",
                "norm/moving_variance",
            )
        )
        assert name.endswith(("{}x{}".format(*kernel.shape), "Conv2d_2a"))
        x = tf.nn.conv2d(x, kernel, strides, padding)
        return tf.nn.relu((x - mean) / np.sqrt(variance + 1e-3) + beta)

    def chain(self, x, branch, *names):
        for name in names:
            x = self.conv(x, f"Branch_{branch}/Conv2d_{name}")
        return x

    def fork(self, x, branch, *names):
        return [self.conv(x, f"Branch_{branch}/Conv2d_{name}") for name in names]

    def halved(self, x, branch, name):
        return self.conv(x, f"Branch_{branch}/Conv2d_{name}", 2, self.reduction)

    def cut(self, x, branch, name):
        return self.conv(x, f"Branch_{branch}/Conv2d_{name}", 1, "VALID")

    def max(self, x):
        return tf.nn.max_pool2d(x, 3, 2, self.reduction)

    def mean(self, x, branch, name):
        return self.chain(tf.nn.avg_pool2d(x, 3, 1, "SAME"), branch, name)

    def stem(self, x):
        x = self.conv(x, "Conv2d_1a_3x3", 2, "VALID")
        x = self.conv(x, "Conv2d_2a_3x3", 1, "VALID")
        x = self.conv(x, "Conv2d_2b_3x3")
        self.scope = "Mixed_3a/"
        x = tf.concat([self.max(x), self.halved(x, 1, "0a_3x3")], -1)
        self.scope = "Mixed_4a/"
        first = self.cut(self.chain(x, 0, "0a_1x1"), 0, "1a_3x3")
        second = self.cut(self.chain(x, 1, "0a_1x1", "0b_1x7", "0c_7x1"), 1, "1a_3x3")
        x = tf.concat([first, second], -1)
        self.scope = "Mixed_5a/"
        return tf.concat([self.halved(x, 0, "1a_3x3"), self.max(x)], -1)

    def block_5(self, x):
        return [
            self.chain(x, 0, "0a_1x1"),
            self.chain(x, 1, "0a_1x1", "0b_3x3"),
            self.chain(x, 2, "0a_1x1", "0b_3x3", "0c_3x3"),
            self.mean(x, 3, "0b_1x1"),
        ]

    def block_6(self, x):
        return [
            self.chain(x, 0, "0a_1x1"),
            self.chain(x, 1, "0a_1x1", "0b_1x7", "0c_7x1"),
            self.chain(x, 2, "0a_1x1", "0b_7x1", "0c_1x7", "0d_7x1", "0e_1x7"),
            self.mean(x, 3, "0b_1x1"),
        ]

    def block_7(self, x):
        second = self.chain(x, 2, "0a_1x1", "0b_3x1", "0c_1x3")
        return [
            self.chain(x, 0, "0a_1x1"),
            *self.fork(self.chain(x, 1, "0a_1x1"), 1, "0b_1x3", "0c_3x1"),
            *self.fork(second, 2, "0d_1x3", "0e_3x1"),
            self.mean(x, 3, "0b_1x1"),
        ]

    def reduction_6(self, x):
        return [
            self.halved(x, 0, "1a_3x3"),
            self.halved(self.chain(x, 1, "0a_1x1", "0b_3x3"), 1, "1a_3x3"),
            self.max(x),
        ]

    def reduction_7(self, x):
        second = self.chain(x, 1, "0a_1x1", "0b_1x7", "0c_7x1")
        return [
            self.halved(self.chain(x, 0, "0a_1x1"), 0, "1a_3x3"),
            self.halved(second, 1, "1a_3x3"),
            self.max(x),
        ]

    def dense(self, x, name):
        kernel, bias = (
            self.weights[f"{name}/dense/{part}"] for part in ("kernel", "bias")
        )
        return x @ kernel + bias

    def auxiliary(self, x):
        self.scope = "AuxLogits/"
        x = tf.nn.avg_pool2d(x, min(5, x.shape[1]), 3, "VALID")
        x = self.conv(self.conv(x, "Conv2d_1b_1x1"), "Conv2d_2a", 1, "VALID")
        return self.dense(x[:, 0, 0], "AuxLogits/Aux_logits")

    def __call__(self, images, blocks, stem_stride):
        x = tf.constant(images) / 127.5 - 1.0
        if images.shape[1] < 75:
            self.reduction = "SAME"
            x = self.conv(x, "Conv2d_1a_3x3", stem_stride)
        else:
            x = self.stem(x)
        for grid, count in zip("567", blocks, strict=True):
            for letter in "abcdefgh"[grid == "5" : 1 + count]:
                self.scope = f"Mixed_{grid}{letter}/"
                kind = "reduction" if letter == "a" else "block"
                x = tf.concat(getattr(self, f"{kind}_{grid}")(x), -1)
            if grid == "6":
                auxiliary = self.auxiliary(x)
        return self.dense(tf.reduce_mean(x, (1, 2)), "Logits/Logits"), auxiliary


@pytest.mark.parametrize(
    ("image_size", "blocks", "stem_stride"),
    [(32, (2, 1, 2), 2), (75, (1, 2, 1), 1)],
)
def test_forward_pass_agrees_with_tensorflow(image_size, blocks, stem_stride):
    config = InceptionV4(width=0.25, blocks=blocks, stem_stride=stem_stride)
    network = randomised(config.build(10, image_size))
    images = pixels(2, image_size, image_size, 3)
    expected = Twin(network)(images, blocks, stem_stride)
    for found, wanted in zip(network.heads(images), expected, strict=True):
        assert np.ptp(wanted) > 0.1
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def total(shapes, *names):
    return sum(
        int(np.prod(shape))
        for path, shape in shapes.items()
        if path.rpartition("/")[2] in names
    )


@pytest.mark.slow
def test_parameter_count():
    shapes = sizes(InceptionV4().build(1001, 299))
    # As published with timm's weights for 1000 classes: without the auxiliary head, but
    # with factors in batch norm.
    trunk = {path: v for path, v in shapes.items() if "AuxLogits" not in path}
    weights = total(trunk, "kernel", "beta", "bias")
    assert weights - (1536 + 1) + total(trunk, "moving_mean") == 42_679_816
    auxiliary = 1024 * 128 + 128 + 5 * 5 * 128 * 768 + 768 + 768 * 1001 + 1001
    assert total(shapes, "kernel", "beta", "bias") - weights == auxiliary
    assert shapes["Logits/Logits/dense/kernel"] == (1536, 1001)


def test_logits_start_uniform_by_inputs_and_outputs():
    network = InceptionV4(width=0.25, blocks=(1, 1, 1)).build(10, 8)
    for layer, inputs in ((network.logits, 384), (network.auxiliary, 192)):
        (kernel,) = (v for v in layer.weights if "dense/kernel" in v.path)
        bound = np.sqrt(6 / (inputs + 10))
        assert 0.99 * bound < np.abs(kernel).max() <= bound
