"""ResNets of version 2: a block by hand, and the whole against the one of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import ResNetV2, architectures, norms, resnet_v2
from tests.oracles.networks import pixels, randomised


def values(layer):
    """Returns the variables of a layer by path, without its own name."""
    return {v.path.partition("/")[2]: v.numpy() for v in layer.variables}


def by_hand(features, weights, strides):
    """Returns what a block with a projection makes of features, with TensorFlow."""

    def normalized(x, name):
        mean, variance, beta, gamma = (
            weights[f"{name}/{part}"]
            for part in ("moving_mean", "moving_variance", "beta", "gamma")
        )
        x = tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5)
        return tf.nn.relu(x)

    def convolved(x, name, strides=1, pad=0):
        kernel = weights[f"{name}/conv/kernel"]
        x = tf.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        x = tf.nn.conv2d(x, kernel, strides, "VALID")
        return x + weights.get(f"{name}/conv/bias", 0.0)

    first = normalized(features, "preact")
    x = normalized(convolved(first, "conv1"), "conv1/norm")
    x = normalized(convolved(x, "conv2", strides, pad=1), "conv2/norm")
    return convolved(first, "shortcut", strides) + convolved(x, "conv3")


@pytest.mark.parametrize("strides", [1, 2])
def test_a_block_begins_with_the_normaliser_and_ends_with_the_sum(strides):
    fields = {"project": True, "name": "block"}
    block = resnet_v2.Block(4, strides, norms.DEFAULT, "relu", **fields)
    features = pixels(2, 7, 7, 3) / 255 - 0.5
    block(features)
    randomised(block)
    expected = by_hand(features, values(block), strides)
    np.testing.assert_allclose(block(features), expected, rtol=1e-4, atol=1e-4)


def test_the_last_block_of_a_stage_halves_the_images_but_for_the_last_stage():
    stages = resnet_v2._stages(ResNetV2(50))
    strides = [[block.strides for block in stage.blocks] for stage in stages]
    assert strides == [[1, 1, 2], [1, 1, 1, 2], [1, 1, 1, 1, 1, 2], [1, 1, 1]]


def test_a_stage_hands_the_mode_on_to_its_blocks():
    block = resnet_v2.Block(4, 1, norms.DEFAULT, "relu", project=True, name="block")
    stage = resnet_v2.Stage([block], name="stage")
    features = pixels(2, 7, 7, 3) / 255 - 0.5
    stage(features)
    expected = block(features, mode=resnet_v2.Mode(True, "clean"))
    found = stage(features, mode=resnet_v2.Mode(True, "clean"))
    np.testing.assert_array_equal(found, expected)
    assert not np.allclose(found, stage(features), atol=1e-3)


@pytest.mark.parametrize("strides", [1, 2])
def test_without_a_projection_every_second_pixel_is_kept(strides):
    fields = {"project": False, "name": "block"}
    block = resnet_v2.Block(4, strides, norms.DEFAULT, "relu", **fields)
    features = pixels(2, 7, 7, 16)
    block(features)
    block.conv3.conv.kernel.assign(tf.zeros_like(block.conv3.conv.kernel))
    np.testing.assert_array_equal(block(features), features[:, ::strides, ::strides])


@pytest.mark.slow
def test_from_the_first_block_on_it_is_the_one_of_keras():
    """The pools of the stems differ at the edges, where Keras puts zeros."""
    network = randomised(ResNetV2(50).build(1000, 64), high=1.0)
    twin = keras.applications.ResNet50V2(
        weights=None, input_shape=(64, 64, 3), classifier_activation=None
    )
    assert network.count_params() == twin.count_params()
    ours = {v.path.partition("/")[2]: v for v in network.variables}
    stages = {
        "conv2": "block1",
        "conv3": "block2",
        "conv4": "block3",
        "conv5": "block4",
    }
    parts = {
        "preact_bn": "preact",
        "0_conv": "shortcut/conv",
        **{f"{i}_conv": f"conv{i}/conv" for i in (1, 2, 3)},
        **{f"{i}_bn": f"conv{i}/norm" for i in (1, 2)},
    }
    for layer in twin.layers:
        stage, _, rest = layer.name.partition("_block")
        unit, _, part = rest.partition("_")
        name = {
            "conv1_conv": "conv1/conv",
            "post_bn": "postnorm",
            "predictions": "logits/conv",
        }.get(layer.name) or f"{stages.get(stage)}/unit_{unit}/{parts.get(part)}"
        for variable in layer.variables:
            value = ours.pop(f"{name}/{variable.name}")
            variable.assign(np.reshape(value, variable.shape))
    assert not ours
    images = pixels(2, 64, 64, 3)
    features = twin.get_layer("pool1_pool").output
    trunk = keras.Model(features, twin.output)
    stem = keras.Model(twin.input, twin.get_layer("conv1_conv").output)
    first = network.conv1(network.normalize(images))
    np.testing.assert_allclose(first, stem(images / 127.5 - 1), rtol=1e-3, atol=1e-3)
    pooled = keras.ops.max_pool(first, 3, strides=2, padding="same")
    expected = trunk(pooled).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(network(images), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("field", "value"),
    [("depth", 34), ("activation", "rleu"), ("normalization", "imagenett")],
)
def test_what_does_not_exist_is_refused_when_declared(field, value):
    with pytest.raises(ValueError, match=f"Received: .*{value}"):
        ResNetV2(**{field: value})


def test_a_network_hands_the_mode_on_to_its_stages(monkeypatch):
    monkeypatch.setitem(architectures.DEPTHS, 50, (1, 1, 1, 1))
    network = ResNetV2(50).build(10, 8)
    moving = [v for v in network.variables if "moving" in v.name]
    before = [v.numpy() for v in moving]
    network(pixels(4, 8, 8, 3), training=True)
    for variable, value in zip(moving, before, strict=True):
        assert (variable.numpy() != value).any(), variable.path
