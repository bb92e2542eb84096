"""Initial weights of the shared layers, against the laws that they state."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import backend, models
from common.models import layers


def test_convolutions_start_normal_with_the_stated_variance_and_no_bias():
    layer = layers.convolution(64, 3, name="conv")
    layer.build((None, 8, 8, 32))
    (kernel,) = layer.weights
    assert kernel.shape == (3, 3, 32, 64)
    np.testing.assert_allclose(np.std(kernel), np.sqrt(2 / (9 * 64)), rtol=0.03)
    assert np.abs(kernel).max() > 3 * np.std(kernel)  # not truncated


def test_the_classifier_starts_uniform_within_its_bound():
    layer = layers.classifier(100, layers.uniform(1.0))
    layer.build((None, 640))
    bound = np.sqrt(3 / 640)
    assert 0.98 * bound < np.abs(layer.kernel).max() <= bound
    assert not np.any(layer.bias)


def test_the_classifier_is_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = layers.classifier(2, layers.uniform(1.0))
    assert layer(np.ones((1, 3), "float32")).dtype == "float32"
    assert layer.name == "classifier"


class Twice(layers.Composite):
    """Counts how often its call is run."""

    def __init__(self):
        super().__init__(name="twice")
        self.conv = layers.convolution(3, 1, name="conv")
        self.calls = 0

    def call(self, inputs):
        self.calls += 1
        return self.conv(self.conv(inputs))


def test_a_composite_creates_its_weights_in_the_first_call_and_traces_none_before():
    layer = Twice()
    layer(np.ones((1, 2, 2, 3), "float32"))
    assert layer.calls == 1
    assert [v.path for v in layer.weights] == ["twice/conv/kernel"]


class Branched(keras.Model):
    """Knows which branch it was called with."""

    def __init__(self):
        super().__init__()
        self.branches = ("first", "second")
        self.conv = layers.convolution(2, 3, name="conv")

    def call(self, images, training=False, branch="clean"):
        if branch not in self.branches:
            raise ValueError(branch)
        return self.conv(images)


def test_built_networks_have_their_weights_whatever_their_branches():
    network = layers.built(Branched(), 8, 1)
    assert network.weights[0].shape == (3, 3, 1, 2)


@pytest.mark.parametrize("network", models.MODELS)
def test_channels_first_is_refused_in_one_line(network):
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(
            ValueError, match=r"Received: image_data_format=channels_fi"
        ):
            network().build(10, 32)
    finally:
        keras.config.set_image_data_format("channels_last")


def test_dropout_keeps_the_mean_and_drops_its_share():
    features = np.full((64, 1, 1, 500), 3.0, "float32")
    keys = tf.range(64, dtype=tf.int64)
    outputs = layers.dropped_out(features, 0.2, 1, keys).numpy()
    assert set(np.unique(outputs)) == {0.0, np.float32(3.0 / 0.8)}
    assert (outputs == 0).mean() == pytest.approx(0.2, abs=0.01)
    assert outputs.mean() == pytest.approx(3.0, rel=0.015)
    per_image = (outputs == 0).mean(axis=(1, 2, 3))
    assert per_image.std() == pytest.approx(np.sqrt(0.2 * 0.8 / 500), rel=0.3)


def test_dropout_follows_from_the_seed_and_the_image():
    images = np.random.default_rng(1).uniform(0, 255, (4, 3, 3, 1)).astype("float32")
    features = np.ones((4, 1, 1, 100), "float32")

    def dropped(order, seed):
        keys = backend.example_keys(images[order])
        return layers.dropped_out(features[order], 0.5, seed, keys).numpy()

    whole = dropped([0, 1, 2, 3], 7)
    np.testing.assert_array_equal(dropped([2, 0], 7), whole[[2, 0]])
    assert not np.array_equal(whole[0], whole[1])
    assert not np.array_equal(dropped([0, 1, 2, 3], 8), whole)
