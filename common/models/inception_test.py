"""What holds for every Inception network: its calls, heads, modes and settings."""

import re

import numpy as np
import pytest

from common.models import InceptionV3, InceptionV4, activations, inception_cells
from tests.oracles.networks import pixels

WHOLE = "Conv2d_2a_1x1"  # of version 3, whose auxiliary head starts smaller


def small(version=InceptionV3, num_classes=10, **fields):
    config = version(**{"width": 0.25, "blocks": (1, 1, 1), **fields})
    return config.build(num_classes, 8, 1)


@pytest.fixture(scope="module")
def built():
    """Returns one small network of each version."""
    return {version: small(version) for version in (InceptionV3, InceptionV4)}


@pytest.fixture(params=[InceptionV3, InceptionV4])
def network(request, built):
    """Returns a small network, which gets its weights back after the test."""
    chosen = built[request.param]
    before = chosen.get_weights()
    yield chosen
    chosen.set_weights(before)


@pytest.fixture
def network_v3(built):
    """Returns the small Inception v3, which gets its weights back after the test."""
    chosen = built[InceptionV3]
    before = chosen.get_weights()
    yield chosen
    chosen.set_weights(before)


def cells(network):
    """Returns the names below the network's own, in order and once each."""
    return list(dict.fromkeys(v.path.split("/")[1] for v in network.weights))


@pytest.mark.parametrize(
    ("image_size", "channels", "stem_stride", "sizes"),
    [
        (32, 3, 2, [16, 16, 8, 8, 4, 4]),
        (32, 3, 1, [32, 32, 16, 16, 8, 8]),
        (8, 1, 1, [8, 8, 4, 4, 2, 2]),
        (74, 3, 3, [25, 25, 13, 13, 7, 7]),
    ],
)
def test_grids_of_the_small_form(image_size, channels, stem_stride, sizes):
    config = InceptionV3(width=0.25, blocks=(1, 1, 1), stem_stride=stem_stride)
    network = config.build(10, image_size, channels)
    features = pixels(2, image_size, image_size, channels)
    logits, auxiliary = network.heads(features)
    assert logits.shape == auxiliary.shape == (2, 10)
    found = []
    for layer in (*network.trunk, *network.top):
        features = layer(features)
        assert features.shape[1] == features.shape[2]
        found.append(features.shape[1])
    assert found == sizes
    stem, *_ = network.weights
    assert stem.path == "inception_v3/Conv2d_1a_3x3/conv/kernel"
    assert tuple(stem.shape) == (3, 3, channels, 16)


def test_layers_follow_one_another_on_pixels_scaled_to_plus_minus_one(network):
    images = pixels(3, 8, 8, 1)
    features = images / 255.0 * 2.0 - 1.0
    for layer in network.trunk:
        features = layer(features)
    auxiliary = network.auxiliary(features)
    for layer in network.top:
        features = layer(features)
    pooled = features.numpy().mean((1, 2), keepdims=True)
    logits = network.logits(pooled)
    assert np.ptp(logits) > 0.01
    for found, expected in zip(network.heads(images), (logits, auxiliary), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_auxiliary_logits_come_through_heads_only(network_v3):
    images = pixels(3, 8, 8, 1)
    logits, auxiliary = network_v3.heads(images)
    np.testing.assert_array_equal(network_v3(images), logits)
    assert not np.allclose(auxiliary, logits)
    without = small(auxiliary=False)
    assert len(without.heads(images)) == 1
    assert cells(without) == cells(network_v3)[:-1]


def test_the_activation_reaches_every_convolution(network_v3):
    tanh = small(activation="tanh")
    tanh.set_weights(network_v3.get_weights())
    layers = [
        layer
        for layer in tanh._flatten_layers()
        if isinstance(layer, inception_cells.ConvNorm)
    ]
    assert len(layers) == sum(v.name == "beta" for v in tanh.weights)
    assert {layer.activation for layer in layers} == {activations.get("tanh")}
    images = pixels(2, 8, 8, 1)
    for one, other in zip(tanh.heads(images), network_v3.heads(images), strict=True):
        assert not np.allclose(one, other)


def test_convolutions_start_normal_within_two_deviations(built):
    for network in built.values():
        for layer in network._flatten_layers():
            if isinstance(layer, inception_cells.ConvNorm) and layer.name != WHOLE:
                kernel = layer.conv.kernel.numpy()
                expected = np.sqrt(2 / np.prod(kernel.shape[:3]))
                assert kernel.std() == pytest.approx(expected, rel=0.15)
                assert np.abs(kernel).max() < 2 * expected / 0.879 + 1e-6


def test_dropout_is_between_the_pooled_features_and_the_logits(network_v3):
    network = network_v3
    (kernel,) = (v for v in network.logits.weights if v.name == "kernel")
    kernel.assign(np.eye(512, 10)[None, None])  # logits are ten pooled features
    images = pixels(64, 8, 8, 1)
    dropped, auxiliary = network.heads(images, training=True, seed=3)
    network.dropout = 0.0
    expected, auxiliary_expected = network.heads(images, training=True)
    np.testing.assert_array_equal(auxiliary, auxiliary_expected)
    ratios = (dropped / expected).numpy()[expected.numpy() > 1e-3]
    assert set(np.round(ratios, 4)) == {np.float32(0.0), np.float32(1.25)}
    assert (ratios == 0).mean() == pytest.approx(0.2, abs=0.06)
    network.dropout = 0.2
    np.testing.assert_array_equal(network(images, seed=3), network(images))


def test_momentum_is_the_share_of_old_statistics_that_stays(network_v3):
    images = pixels(4, 8, 8, 1)
    stem = network_v3.trunk[0]
    batch = stem.conv(images / 255.0 * 2.0 - 1.0).numpy().mean((0, 1, 2))
    network_v3(images, training=True, seed=1)
    mean = stem.norm.weights[1]
    np.testing.assert_allclose(mean, (1 - 0.9997) * batch, rtol=1e-2, atol=1e-7)


def test_training_moves_the_statistics_of_what_ran_and_inference_none(network):
    images = pixels(4, 8, 8, 1)

    def moved(call):
        before = [v.numpy() for v in network.weights]
        call()
        return {
            v.path
            for old, v in zip(before, network.weights, strict=True)
            if not np.array_equal(old, v)
        }

    statistics = {v.path for v in network.weights if "moving" in v.name}
    head = {path for path in statistics if "/AuxLogits/" in path}
    assert len(head) == 4
    assert not moved(lambda: (network(images), network.heads(images)))
    assert moved(lambda: network(images, training=True, seed=1)) == statistics - head
    assert moved(lambda: network.heads(images, training=True, seed=1)) == statistics


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("width", 0.0, "width must be above 0. Received: width=0.0"),
        ("blocks", (1, 1), "three numbers from 1 to 25. Received: blocks=(1, 1)"),
        ("activation", "relu_6", "Nearest: relu6"),
        ("dropout", 1.0, "Received: dropout=1.0"),
        ("momentum", 1.0, "Received: momentum=1.0"),
        ("stem_stride", 0, "InceptionV3.stem_stride must be at least 1"),
    ],
)
def test_what_does_not_exist_is_refused_when_declared(field, value, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        InceptionV3(**{field: value})


def test_a_stride_of_the_small_stem_is_refused_for_large_images():
    with pytest.raises(ValueError, match=r"must be 1 .* Received: stem_stride=2"):
        InceptionV4(stem_stride=2).build(10, 75)
