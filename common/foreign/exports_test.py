"""Files that load in a process without the suite, and give the same logits."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from common.foreign import adopt, exports
from common.models import WideResNet, norms
from tests.oracles.networks import randomised

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).integers(0, 256, (3, *SHAPE)).astype(np.float32)
ELSEWHERE = """
import sys
import numpy as np
images = np.load("images.npy")
import tensorflow as tf
loaded = tf.saved_model.load("robust")
served = loaded.serve(images)
import keras  # of which a SavedModel has no need
model = keras.models.load_model("robust.keras")
np.savez("logits.npz", served=served, model=model(images))
assert not any(name.startswith("common") for name in sys.modules)
"""


def elsewhere(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns what a process that does not have the suite makes of the images."""
    np.save(folder / "images.npy", IMAGES)
    done = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "logits.npz"))


@pytest.fixture
def network():
    """Returns a network of two branches, of which no weight is at its start."""
    keras.utils.set_random_seed(0)
    network = WideResNet(8, 1, norm=norms.Batch(norms.MIXTURE)).build(10, *SHAPE[1:])
    randomised(network)
    return network


def test_what_was_exported_has_the_logits_of_the_branch(network, tmp_path):
    for to in ("robust", "robust.keras"):
        exports.write(network, SHAPE, tmp_path / to, branch="adversarial")
    expected = network(IMAGES, branch="adversarial")
    for found in elsewhere(tmp_path).values():
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
        assert not np.allclose(found, network(IMAGES, branch="clean"), atol=1e-2)


def test_what_was_exported_can_be_adopted_again(network, tmp_path):
    exports.write(network, SHAPE, tmp_path / "robust.keras", branch="adversarial")
    again = adopt(f"{tmp_path / 'robust.keras'}?pixels=raw", branches=norms.MIXTURE)
    assert again.lacks == () and not again.on_one_device
    expected = network(IMAGES, branch="adversarial")
    for branch in norms.MIXTURE:
        found = again(IMAGES, branch=branch)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_an_adopted_network_goes_home_as_a_keras_model(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(10),
        ]
    )
    network = adopt(model, pixels="unit", branches=norms.MIXTURE)
    network(IMAGES, training=True, branch="adversarial", seed=1)
    exports.write(network, SHAPE, tmp_path / "robust.keras", branch="adversarial")
    home = keras.models.load_model(tmp_path / "robust.keras")
    assert "common" not in json.dumps(home.get_config(), default=str)
    found = home(IMAGES / 255)
    expected = network(IMAGES, branch="adversarial")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, network(IMAGES, branch="clean"), atol=1e-3)


def test_weights_are_those_that_the_same_network_loads(network, tmp_path):
    exports.write(network, SHAPE, tmp_path / "robust.weights.h5")
    kept = network.get_weights()
    network.set_weights([np.zeros_like(weights) for weights in kept])
    network.load_weights(tmp_path / "robust.weights.h5")
    for found, expected in zip(network.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("to", "branch", "message"),
    [
        ("robust.h5", "", "NAME.weights.h5 for the weights.*Received: --to="),
        (".", "", "--to exists"),
        ("robust", "dirty", "branch must be one that the network has"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything(
    network, tmp_path, to, branch, message
):
    with pytest.raises(ValueError, match=message) as caught:
        exports.write(network, SHAPE, tmp_path / to, branch=branch)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
