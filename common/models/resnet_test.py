"""Residual networks: their published sizes, and a twin in NumPy."""

import numpy as np
import pytest

from common.models import ResNet, ResNetV2, layers, normalization, residual
from tests.oracles.networks import pixels, randomised


def convolutions(config, image_size=224):
    """Yields (kernel size, inputs, outputs, groups, height of the outputs)."""
    yield 7, 3, 64, 1, -(-image_size // 2)  # rounded up, as at every stride
    filters, size = 64, -(-image_size // 4)
    for stage, num_blocks in enumerate(config.blocks):
        inner = config.groups * config.group_width * 2**stage
        outputs = 256 * 2**stage
        for index in range(num_blocks):
            yield 1, filters, inner, 1, size
            size = -(-size // 2) if stage and not index else size
            yield 3, inner, inner, config.groups, size
            yield 1, inner, outputs, 1, size
            if not index:
                yield 1, filters, outputs, 1, size
            filters = outputs


def num_parameters(config):
    """Trainable scalars: kernels, gammas and betas, and the classifier of 1,000."""
    kernels = sum((k * k * i // g + 2) * o for k, i, o, g, _ in convolutions(config))
    return kernels + 2049 * 1000


def multiply_adds(config, image_size=224, of_norm=0):
    """Of kernels, classifier, and of batch norm for each output."""
    layers = convolutions(config, image_size)
    kernels = sum((k * k * i // g + of_norm) * o * s * s for k, i, o, g, s in layers)
    return kernels + 2048 * 1000


@pytest.mark.parametrize(
    ("fields", "parameters", "billions"),
    [  # as published with torchvision's weights
        ((50, 1, 64), 25_557_032, 4.09),
        ((101, 1, 64), 44_549_160, 7.80),
        ((152, 1, 64), 60_192_808, 11.51),
        ((50, 32, 4), 25_028_904, 4.23),
        ((101, 32, 8), 88_791_336, 16.41),
        ((101, 64, 4), 83_455_272, 15.46),
    ],
)
def test_stages_and_groups_give_the_published_sizes(fields, parameters, billions):
    config = ResNet(*fields)
    assert num_parameters(config) == parameters
    assert multiply_adds(config) / 1e9 == pytest.approx(billions, abs=0.006)


@pytest.mark.parametrize(
    ("depth", "reported"),  # Xie 2020, the depth figure, read off to 0.2
    [(152, 11.6), (200, 15.1), (338, 25.2), (518, 38.3), (638, 47.1)],
)
def test_multiply_adds_are_the_papers(depth, reported):
    counted = multiply_adds(ResNet(depth), of_norm=1)
    assert counted / 1e9 == pytest.approx(reported, abs=0.2)


class NumpyResNet:
    """The forward pass in PyTorch's terms, from a table of weights."""

    def __init__(self, network):
        self.weights = {
            v.path.removeprefix("resnet/"): v.numpy().astype("float64")
            for v in network.weights
        }

    def windows(self, x, size, stride, value=0.0):
        """Yields (i, j, the inputs under offset i, j of a centred window)."""
        side = size // 2
        out = (x.shape[1] + 2 * side - size) // stride + 1
        edges = ((0, 0), (side, side), (side, side), (0, 0))
        x = np.pad(x, edges, constant_values=value)
        reach = stride * (out - 1) + 1
        for i in range(size):
            for j in range(size):
                yield i, j, x[:, i : i + reach : stride, j : j + reach : stride]

    def conv_norm(self, x, name, stride):
        kernel = self.weights[f"{name}/conv/kernel"]
        views = self.windows(x, len(kernel), stride)
        x = sum(view @ kernel[i, j] for i, j, view in views)
        mean, variance, gamma, beta = (
            self.weights[f"{name}/norm/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def block(self, x, name, strides):
        y = x
        for index, stride in enumerate(strides, start=1):
            y = self.conv_norm(y, f"{name}/conv{index}", stride)
            y = np.maximum(y, 0) if index < len(strides) else y
        if f"{name}/shortcut/conv/kernel" in self.weights:
            x = self.conv_norm(x, f"{name}/shortcut", max(strides))
        return np.maximum(x + y, 0)

    def __call__(self, images, stages, bottleneck):
        x = images.astype("float64") / 255
        x = (x - normalization.IMAGENET_MEAN) / normalization.IMAGENET_STDDEV
        large = images.shape[1] > 64
        x = np.maximum(self.conv_norm(x, "stem", 2 if large else 1), 0)
        if large:
            x = np.max([view for *_, view in self.windows(x, 3, 2, -np.inf)], axis=0)
        for stage, num_blocks in enumerate(stages, start=1):
            for index in range(1, num_blocks + 1):
                stride = 2 if stage > 1 and index == 1 else 1
                strides = (1, stride, 1) if bottleneck else (stride, 1)
                x = self.block(x, f"stage{stage}_block{index}", strides)
        x = x.mean((1, 2))
        return x @ self.weights["classifier/kernel"] + self.weights["classifier/bias"]


@pytest.mark.parametrize(
    ("depth", "image_size", "stages"),
    [
        (18, 8, (2, 2, 2, 2)),
        (18, 66, (2, 2, 2, 2)),
        pytest.param(50, 66, (3, 4, 6, 3), marks=pytest.mark.slow),
    ],
)
def test_forward_pass_agrees_with_numpy(depth, image_size, stages):
    network = ResNet(depth=depth).build(10, image_size)
    randomised(network, high=1.0)
    images = pixels(2, image_size, image_size, 3)
    expected = NumpyResNet(network)(images, stages, depth >= 50)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(network(images), expected, rtol=1e-3, atol=1e-3)


def test_the_stem_depends_on_the_image_size(monkeypatch):
    monkeypatch.setattr(layers, "built", lambda network, *_: network)
    sizes = {
        size: ResNet(depth=18).build(10, size).stem.conv.kernel_size[0]
        for size in (32, 63, 64)  # 64: the whole stem in adversarial logit pairing
    }
    assert sizes == {32: 3, 63: 3, 64: 7}


def test_the_groups_are_those_of_the_middle_convolutions(monkeypatch):
    monkeypatch.setattr(layers, "built", lambda network, *_: network)
    first, *_, last = ResNet(50, 32, 4).build(10, 8).blocks
    for block, width in ((first, 1), (last, 8)):
        sizes = [(c.conv.filters, c.conv.groups) for c in block.residual]
        assert sizes == [(128 * width, 1), (128 * width, 32), (256 * width, 1)]


def test_the_classifier_starts_uniform_as_in_pytorch_or_normal():
    network = ResNet(depth=18).build(1000, 8)
    for variable in network.classifier.weights:
        assert 0.98 < np.abs(variable).max() * np.sqrt(512) <= 1.0
    layer = ResNet(depth=18, classifier_stddev=0.01).build(1000, 8).classifier
    assert np.std(layer.kernel) == pytest.approx(0.01, rel=0.01)
    assert not np.any(layer.bias)


def test_images_are_normalised_as_the_recipe_says():
    images = np.array([[[[0.0, 127.5, 255.0]]]], "float32")
    network = ResNet(depth=18, normalization="symmetric").build(10, 8)
    assert network.normalize(images).numpy().tolist() == [[[[-1.0, 0.0, 1.0]]]]


def test_one_channel_needs_another_normalisation():
    for config in (ResNet(18), ResNetV2(50, normalization="imagenet")):
        with pytest.raises(
            ValueError, match=r"the others take any. Received: channels=1"
        ):
            config.build(10, 8, 1)
    network = ResNet(depth=18, normalization="per_image").build(10, 8, 1)
    assert network(pixels(2, 8, 8, 1)).shape == (2, 10)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("depth", 51, "Received: depth=51"),
        ("activation", "rel", "Nearest: relu"),
        ("normalization", "image_net", "Nearest: imagenet"),
        ("denoise", "gauss", "Nearest: gaussian"),
        ("groups", 0, "Received: groups=0"),
        ("classifier_stddev", -0.01, "Received: classifier_stddev=-0.01"),
    ],
)
def test_what_does_not_exist_is_refused_when_declared(field, value, message):
    with pytest.raises(ValueError, match=message):
        ResNet(**{field: value})


def test_groups_divide_the_3x3_convolution_alone():
    path = residual.bottleneck(128, 2, groups=32, group_width=4)
    sizes = [(c.filters, c.kernel_size, c.strides, c.groups) for c in path]
    assert sizes == [(256, 1, 1, 1), (256, 3, 2, 32), (512, 1, 1, 1)]


@pytest.mark.parametrize("fields", [(34, 32, 4), (18, 1, 128)])
def test_the_basic_blocks_have_no_groups(fields):
    with pytest.raises(ValueError, match=r"below depth 50\. Received: groups="):
        ResNet(*fields)


def test_activation_and_gammas_of_zero_reach_every_block(monkeypatch):
    monkeypatch.setattr(layers, "built", lambda network, *_: network)
    network = ResNet(18, activation="silu", zero_gamma=True).build(10, 8)
    inner = [x for x in network._flatten_layers() if isinstance(x, layers.Activation)]
    assert [x.activation for x in inner] == ["silu"] * 17
    gammas = [
        [part.norm.gamma_initializer for part in block.residual]
        for block in network.blocks
    ]
    assert gammas == [["ones", "zeros"]] * 8
