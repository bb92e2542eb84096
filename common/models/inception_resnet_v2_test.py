"""Inception ResNet v2 against the one of `keras.applications`, with equal weights."""

import keras
import numpy as np
import pytest

from common.models import InceptionResNetV2, inception_cells, inception_resnet_v2
from tests.oracles.networks import pixels, randomised


def convolutions(layer):
    """Yields the convolutions of a layer, branch after branch."""
    if isinstance(layer, inception_cells.ConvNorm):
        yield layer
    elif isinstance(layer, inception_cells.Chain):
        for step in layer.steps:
            for each in step:
                yield from convolutions(each)
    else:
        for branch in getattr(layer, "branches", ()):
            yield from convolutions(branch)


def layers_of(network, kind):
    """Returns the layers of a kind, at any depth."""
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]


def number(layer):
    """Returns the number at the end of a name: 0 for conv2d, 1 for conv2d_1."""
    last = layer.name.rpartition("_")[2]
    return int(last) if last.isdigit() else 0


def given_to_keras(network):
    """Returns the network of `keras.applications` with the weights of ours.

    Its convolutions are numbered in the order in which the blocks have them, but for
    those that project a block, which are named after it.
    """
    twin = keras.applications.InceptionResNetV2(
        weights=None, input_shape=(75, 75, 3), classifier_activation=None, classes=10
    )
    trunk = [*network.trunk, *network.top]
    ours = [found for part in trunk for found in convolutions(part)]
    for kind, part in (
        (keras.layers.Conv2D, "conv"),
        (keras.layers.BatchNormalization, "norm"),
    ):
        unnamed = [x for x in layers_of(twin, kind) if "block" not in x.name]
        unnamed = sorted((x for x in unnamed if x.name != "conv_7b"), key=number)
        named = "conv_7b" if part == "conv" else "conv_7b_bn"
        theirs = [x for x in unnamed if x.name != named] + [twin.get_layer(named)]
        for layer, one in zip(theirs, ours, strict=True):
            layer.set_weights(getattr(one, part).get_weights())
    residual = [x for x in trunk for x in layers_of(x, inception_cells.Residual)]
    for block in residual:
        name = "block8_10" if block.name == "Block8" else block.name
        layer = twin.get_layer(f"{name}_conv")
        layer.set_weights(block.project.conv.get_weights())
    (classifier,) = layers_of(network.logits, keras.layers.Dense)
    twin.get_layer("predictions").set_weights(classifier.get_weights())
    return twin


def test_what_a_block_adds_is_scaled_by_its_grid():
    parts = inception_resnet_v2.parts(
        InceptionResNetV2(blocks=(1, 2, 1)), 10, large=False
    )
    trunk = [*parts.trunk, *parts.top]
    found = [x for part in trunk for x in layers_of(part, inception_cells.Residual)]
    scales = [(block.name, block.scale) for block in found]
    assert scales == [
        ("block35_1", 0.17),
        *(("block17_1", 0.10), ("block17_2", 0.10)),
        *(("block8_1", 0.20), ("Block8", 1.0)),
    ]
    below = -np.ones((1, 2), np.float32)
    assert [float(block.activation(below)[0, 0]) for block in found] == [0, 0, 0, 0, -1]


@pytest.mark.slow
def test_it_is_that_of_keras():
    network = randomised(InceptionResNetV2().build(10, 75), high=0.6)
    images = pixels(2, 75, 75, 3)
    expected = given_to_keras(network)(images / 127.5 - 1.0, training=False)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(network(images), expected, rtol=2e-3, atol=2e-3)


@pytest.mark.slow
def test_parameter_count():
    network = InceptionResNetV2(auxiliary=False).build(1000, 299)
    # As published with the weights of keras.applications.
    assert network.count_params() == 55_873_736
    assert sum(np.prod(v.shape) for v in network.trainable_weights) == 55_813_192
