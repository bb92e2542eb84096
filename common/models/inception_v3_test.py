import itertools

import keras
import numpy as np
import pytest

from common.models import InceptionV3, inception, inception_cells, inception_v3
from tests.oracles.networks import pixels

ODD_NAMES = {  # slim's, whose sizes are not those of the kernels, or which differ
    "Mixed_6a/Branch_0/Conv2d_1a_1x1": (3, 3),
    "Mixed_6a/Branch_1/Conv2d_1a_1x1": (3, 3),
}


def sizes(network):
    """Returns the shape of each variable by its path below the network."""
    return {v.path.partition("/")[2]: tuple(v.shape) for v in network.weights}


def total(shapes, *names):
    return sum(
        int(np.prod(shape))
        for path, shape in shapes.items()
        if path.rpartition("/")[2] in names
    )


@pytest.fixture(scope="module")
def full():
    """Returns the network of 1000 classes, for images of 107 pixels."""
    return InceptionV3(auxiliary=False).build(1000, 107)


def test_parameter_count(full):
    shapes = sizes(full)
    # As keras.applications.InceptionV3 has: kernels, offsets; statistics.
    assert total(shapes, "kernel", "beta", "bias") == 23_817_352
    assert total(shapes, "moving_mean", "moving_variance") == 34_432


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [1000, 1001])
def test_parameter_count_with_the_auxiliary_head(num_classes):
    shapes = sizes(InceptionV3().build(num_classes, 299))
    # As published with torchvision's weights, whose batch norm has factors too.
    factors = total(shapes, "moving_mean")
    classes = (num_classes - 1000) * (2048 + 1 + 768 + 1)
    weights = total(shapes, "kernel", "beta", "bias")
    assert weights + factors == 27_161_264 + classes
    head = {path: v for path, v in shapes.items() if path.startswith("AuxLogits")}
    assert total(head, "kernel", "beta", "bias") == (
        768 * 128 + 128 + 5 * 5 * 128 * 768 + 768 + (768 + 1) * num_classes
    )
    assert "AuxLogits/Conv2d_2a_5x5/conv/kernel" in head


def test_names_are_those_of_slim(full):
    kernels = {
        path.removesuffix("/conv/kernel"): shape[:2]
        for path, shape in sizes(full).items()
        if path.endswith("kernel")
    }
    assert len(kernels) == 95
    for path, size in kernels.items():
        named = "{}x{}".format(*size)
        assert path.endswith(named) or ODD_NAMES[path] == size
    for path in (
        "Conv2d_4a_3x3",
        "Mixed_5b/Branch_1/Conv2d_0a_1x1",
        "Mixed_5c/Branch_1/Conv2d_0b_1x1",
        "Mixed_5c/Branch_1/Conv_1_0c_5x5",
        "Mixed_5d/Branch_1/Conv2d_0b_5x5",
        "Mixed_6e/Branch_2/Conv2d_0e_1x7",
        "Mixed_7b/Branch_1/Conv2d_0b_3x1",
        "Mixed_7c/Branch_1/Conv2d_0c_3x1",
        "Mixed_7c/Branch_2/Conv2d_0d_3x1",
        "Logits/Conv2d_1c_1x1",
    ):
        assert path in kernels


def convolutions(*layers):
    """Yields the convolutions inside layers, in slim's order."""
    for layer in layers:
        if isinstance(layer, inception_cells.ConvNorm):
            yield layer
        elif isinstance(layer, inception_cells.Mixed):
            yield from convolutions(*layer.branches)
        elif isinstance(layer, inception_cells.Chain):
            yield from convolutions(*itertools.chain(*layer.steps))


def numbered(peer, prefix):
    """Returns a Keras network's layers of a kind in the order of their creation."""
    return sorted(
        (layer for layer in peer.layers if layer.name.startswith(prefix)),
        key=lambda layer: int(layer.name.removeprefix(prefix).lstrip("_") or 0),
    )


@pytest.mark.parametrize("image_size", [107, pytest.param(299, marks=pytest.mark.slow)])
def test_forward_pass_agrees_with_keras_applications(full, image_size):
    keras.backend.clear_session(free_memory=False)
    peer = keras.applications.InceptionV3(
        weights=None,
        input_shape=(image_size, image_size, 3),
        classifier_activation=None,
    )
    generator = np.random.default_rng(2)
    pairs = zip(
        numbered(peer, "conv2d"),
        numbered(peer, "batch_normalization"),
        convolutions(*full.trunk, *full.top),
        strict=True,
    )
    for conv, norm, layer in pairs:
        channels = conv.filters
        conv.set_weights(layer.conv.get_weights())
        statistics = [
            generator.normal(0, 0.3, channels),
            generator.normal(0, 0.3, channels),
            generator.uniform(0.5, 2.0, channels),
        ]
        norm.set_weights(statistics)
        layer.norm.set_weights(statistics)
    kernel, bias = full.logits.get_weights()
    bias = generator.normal(size=bias.shape)
    full.logits.set_weights([kernel, bias])
    peer.layers[-1].set_weights([kernel[0, 0], bias])
    images = pixels(2, image_size, image_size, 3) * [[[[0.3]]], [[[1.0]]]]
    expected = peer(images / 127.5 - 1.0)
    assert np.ptp(expected[0] - expected[1]) > 0.1
    np.testing.assert_allclose(full(images), expected, rtol=1e-4, atol=1e-4)


def test_the_deeper_network_has_two_more_of_the_widest_middle_blocks():
    base, deeper = (
        {
            layer.name: [
                (conv.name, conv.conv.filters, conv.conv.kernel_size)
                for conv in convolutions(layer)
            ]
            for layer in (*parts.trunk, *parts.top)
        }
        for parts in (
            inception_v3.parts(InceptionV3(blocks=blocks), 10, large=True)
            for blocks in ((3, 4, 2), (3, 6, 2))
        )
    )
    assert sum(map(len, base.values())) == 94
    widest = base["Mixed_6e"]
    assert deeper == {**base, "Mixed_6f": widest, "Mixed_6g": widest}
    assert list(deeper)[-6:-2] == ["Mixed_6e", "Mixed_6f", "Mixed_6g", "Mixed_7a"]


def test_width_is_a_factor_of_all_filters_but_those_of_logits():
    thin, wide = (
        inception.Network(config, inception_v3.parts(config, 7, large=True))
        for config in (InceptionV3(width=0.5), InceptionV3())
    )
    pairs = list(
        zip(
            convolutions(*thin.trunk, *thin.top),
            convolutions(*wide.trunk, *wide.top),
            strict=True,
        )
    )
    assert len(pairs) == 94
    assert all(2 * one.conv.filters == two.conv.filters for one, two in pairs)
    assert thin.auxiliary.project.conv.filters == 64
    for head in (thin.logits.steps[0][0], thin.auxiliary.classifier):
        assert head.layer.filters == 7


def test_heads_start_small():
    network = InceptionV3(width=0.25, blocks=(1, 1, 1)).build(10, 32)
    kernels = {
        v.path.split("/")[-3]: v.numpy()
        for layer in (network.logits, network.auxiliary)
        for v in layer.weights
        if v.name == "kernel"
    }
    # Normal within two deviations, by which the deviation is 0.8796 of the nominal.
    for name, stddev in {
        "Conv2d_1c_1x1": np.sqrt(2 / 512),
        "Conv2d_1b_1x1": np.sqrt(2 / 192),
        "Conv2d_2a_4x4": 0.01 * 0.8796,
        "Conv2d_2b_1x1": 0.001 * 0.8796,
    }.items():
        assert kernels[name].std() == pytest.approx(stddev, rel=0.08)
        assert np.abs(kernels[name]).max() < 2 * stddev / 0.879
