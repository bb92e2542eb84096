"""ResNeXt: residual networks whose 3x3 convolutions have groups."""

import numpy as np
import pytest

from common import engine
from common.models import ResNet, norms, residual, resnet


def convolutions(config, image_size=224):
    """Yields (kernel size, inputs, outputs, groups, height of the outputs)."""
    yield 7, 3, 64, 1, -(-image_size // 2)  # rounded up, as at every stride
    filters, size = 64, -(-image_size // 4)
    for stage, num_blocks in enumerate(resnet._DEPTHS[config.depth][1]):
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


def multiply_adds(config, image_size=224):
    """Of kernels and classifier, without batch norm, as torchvision counts."""
    layers = convolutions(config, image_size)
    return sum(k * k * i // g * o * s * s for k, i, o, g, s in layers) + 2048 * 1000


@pytest.mark.parametrize(
    ("fields", "published"),  # with torchvision's weights
    [
        ((50, 1, 64), 25_557_032),
        ((50, 32, 4), 25_028_904),
        ((101, 32, 8), 88_791_336),
        ((101, 64, 4), 83_455_272),
    ],
)
def test_the_closed_form_gives_the_published_counts(fields, published):
    assert num_parameters(ResNet(*fields)) == published


@pytest.mark.parametrize(
    ("fields", "published"),  # 10^9, with torchvision's weights
    [
        ((50, 1, 64), 4.09),
        ((50, 32, 4), 4.23),
        ((101, 32, 8), 16.41),
        ((101, 64, 4), 15.46),
    ],
)
def test_the_closed_form_gives_the_published_multiply_adds(fields, published):
    assert multiply_adds(ResNet(*fields)) / 1e9 == pytest.approx(published, abs=0.006)


@pytest.mark.slow
@pytest.mark.parametrize("fields", [(50, 32, 4), (50, 32, 8), (152, 32, 8)])
def test_the_network_has_the_parameters_of_the_closed_form(fields):
    network = ResNet(*fields).build(1000, 224)
    counted = sum(int(np.prod(v.shape)) for v in network.trainable_weights)
    assert counted == num_parameters(ResNet(*fields))


@pytest.mark.slow
@pytest.mark.parametrize("image_size", [224, 299])
def test_the_costs_count_the_groups(image_size):
    config = ResNet(50, 32, 4)
    network = config.build(1000, image_size)
    counted = engine.forward_flops(network, (1, image_size, image_size, 3))
    expected = multiply_adds(config, image_size)
    assert counted / 2 == pytest.approx(expected, rel=0.02)


def test_groups_divide_the_3x3_convolution_alone():
    path = residual.bottleneck(128, 2, groups=32, group_width=4)
    sizes = [(c.filters, c.kernel_size, c.strides, c.groups) for c in path]
    assert sizes == [(256, 1, 1, 1), (256, 3, 2, 32), (512, 1, 1, 1)]


def test_a_group_sees_its_own_channels_alone():
    path = residual.Convolution(4, 3, groups=2)
    layer = residual.ConvNorm(path, norms.DEFAULT, name="layer")
    inputs = np.random.default_rng(1).normal(size=(2, 6, 6, 4)).astype("float32")
    together = layer(inputs)
    kernel = layer.conv.kernel.numpy()
    assert kernel.shape == (3, 3, 2, 4)
    for group in range(2):
        channels = slice(2 * group, 2 * group + 2)
        path = residual.Convolution(2, 3)
        alone = residual.ConvNorm(path, norms.DEFAULT, name="alone")
        alone(inputs[..., channels])
        alone.conv.kernel.assign(kernel[..., channels])
        np.testing.assert_allclose(
            alone(inputs[..., channels]), together[..., channels], rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("fields", [(34, 32, 4), (18, 1, 128)])
def test_the_basic_blocks_have_no_groups(fields):
    with pytest.raises(ValueError, match=r"below depth 50\. Received: groups="):
        ResNet(*fields)
