"""Files of Inception v3 as `keras.applications` writes them, read back."""

import h5py
import keras
import numpy as np
import pytest

from common import models
from common.training import imported


def keras_network(num_classes):
    """Returns Inception v3 as Keras has it, with weights that all matter."""
    model = keras.applications.InceptionV3(
        weights=None,
        classes=num_classes,
        input_shape=(107, 107, 3),
        classifier_activation=None,
    )
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.name == "kernel":  # to keep the size of the features
            deviation = np.sqrt(2.0 / np.prod(variable.shape[:-1]))
            variable.assign(rng.normal(0, deviation, variable.shape))
        elif variable.name in ("beta", "moving_mean"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
        elif variable.name == "moving_variance":
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


def save_as_released(model, path):
    """Writes the layout of the released files: arrays under each layer in order."""
    with h5py.File(path, "w") as file:
        layers = [layer for layer in model.layers if layer.variables]
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{v.name}:0" for v in layer.variables]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.variables, strict=True):
                group[name] = variable.numpy()
    assert len(layers) == 2 * 94 + 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weights_tf_kernels.h5", "own.weights.h5"])
def test_a_file_of_keras_gives_the_logits_of_keras(name, tmp_path):
    theirs = keras_network(20)
    if name.startswith("own"):
        theirs.save_weights(tmp_path / name)
    else:
        save_as_released(theirs, tmp_path / name)
    network = models.InceptionV3().build(20, 107)
    before = {v.path: v.numpy() for v in network.variables if "Aux" in v.path}
    found = imported.load(tmp_path / name, network)
    assert (found["kind"], found["num_classes"]) == ("keras.applications", 20)
    assert list(found["sha256"]) == [name]
    images = np.random.default_rng(1).uniform(0, 255, (4, 107, 107, 3))
    images = images.astype("float32")
    logits = network(images)
    expected = theirs(images / 127.5 - 1.0, training=False)
    assert np.std(expected, axis=0).min() > 1e-3  # the images matter
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    for path, value in before.items():
        variable = next(v for v in network.variables if v.path == path)
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.slow
def test_a_broken_file_of_keras_is_refused_in_one_line(tmp_path):
    network = models.InceptionV3(width=0.01, blocks=(1, 1, 1)).build(10, 75)
    (tmp_path / "half.h5").write_bytes(b"half a file")
    with pytest.raises(ValueError, match=r"half\.h5 does not read") as caught:
        imported.load(tmp_path / "half.h5", network)
    assert "\n" not in str(caught.value)
