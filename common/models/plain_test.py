"""Networks as models of Keras alone: the same logits, and no layer of the suite."""

import json

import keras
import numpy as np
import pytest

from common import models
from common.models import activations, contract_test, plain
from tests.oracles.networks import randomised

SIZE = contract_test.SIZE
NETWORKS = {
    **contract_test.NETWORKS,
    "wide": (models.WideResNet(depth=8, width=1, activation="smooth_relu"), 3),
    "resnet, denoising": (
        contract_test.Shallow(depth=18, denoise="gaussian"),
        3,
    ),
}


@pytest.mark.parametrize("name", contract_test.rows(NETWORKS))
def test_it_has_the_logits_of_the_branch_and_layers_of_keras_alone(name, tmp_path):
    keras.utils.set_random_seed(0)
    config, channels = NETWORKS[name]
    network = config.build(10, SIZE, channels)
    randomised(network)
    names = [layer.name for layer in network._flatten_layers()]
    shape = (SIZE, SIZE, channels)
    images = np.random.default_rng(1).uniform(0, 255, (3, *shape)).astype("float32")
    for branch in network.branches:
        made = plain.model(network, shape, branch)
        made.save(tmp_path / f"{branch}.keras")
        loaded = keras.models.load_model(tmp_path / f"{branch}.keras")
        assert "common" not in json.dumps(loaded.get_config(), default=str)
        expected = network(images, branch=branch)
        np.testing.assert_allclose(loaded(images), expected, rtol=1e-3, atol=1e-3)
    assert [layer.name for layer in network._flatten_layers()] == names


@pytest.mark.parametrize(
    "name", [*activations.ACTIVATIONS, *activations.LEARNED, "elu_1.6", "relu_decay_2"]
)
def test_every_activation_is_one_of_keras(name, tmp_path):
    layer = activations.layer(name, name="activation")
    values = np.linspace(-3, 3, 13, dtype="float32")[None]
    expected = layer(values)
    inputs = keras.Input((13,))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    found = keras.models.load_model(tmp_path / "model.keras")(values)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
