"""Initial weights of the shared layers, against the laws that they state."""

import keras
import numpy as np

from common.models import layers


def test_convolutions_start_normal_with_the_stated_variance_and_no_bias():
    layer = layers.convolution(64, 3, name="conv")
    layer.build((None, 8, 8, 32))
    (kernel,) = layer.weights
    assert kernel.shape == (3, 3, 32, 64)
    np.testing.assert_allclose(np.std(kernel), np.sqrt(2 / (9 * 64)), rtol=0.03)
    assert np.abs(kernel).max() > 3 * np.std(kernel)  # not truncated


def test_the_classifier_starts_uniform_within_its_bound():
    layer = layers.classifier(
        100, scale=1.0, bias_initializer=keras.initializers.Zeros()
    )
    layer.build((None, 640))
    bound = np.sqrt(3 / 640)
    assert 0.98 * bound < np.abs(layer.kernel).max() <= bound
    assert not np.any(layer.bias)


def test_built_networks_have_their_weights():
    network = keras.Sequential([layers.convolution(2, 3, name="conv")])
    assert layers.built(network, 8, 1).weights[0].shape == (3, 3, 1, 2)
