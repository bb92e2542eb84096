"""What `export` writes as `NAME.weights.h5`, read back."""

import functools

import numpy as np
import pytest

from common import models
from common.foreign import exports
from common.models import norms
from common.training import imported

NETWORKS = {
    "wide_resnet": models.WideResNet(depth=8, width=1),
    "mixture": models.WideResNet(depth=8, width=1, norm=norms.Batch(norms.MIXTURE)),
    "inception": models.InceptionV3(width=0.1, blocks=(1, 1, 1)),
    "deeper": models.InceptionV3(width=0.1, blocks=(1, 1, 2)),
}


@functools.cache
def built(name, seed):
    network = NETWORKS[name].build(10, 32)
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        variable.assign(rng.uniform(0.1, 1, variable.shape))
    return network


@pytest.mark.parametrize("name", ["wide_resnet", "mixture", "deeper"])
def test_every_variable_comes_back(name, tmp_path):
    path = tmp_path / f"{name}.weights.h5"
    written = built(name, seed=0)
    exports.write(written, (32, 32, 3), path)
    read = built(name, seed=1)
    found = imported.load(path, read)
    assert (found["file"], found["kind"]) == (path.name, "export")
    assert list(found["sha256"]) == [path.name]
    for ours, theirs in zip(read.variables, written.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=ours.path)


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("mixture", "wide_resnet"),
        ("inception", "wide_resnet"),
        ("inception", "deeper"),  # which has one block more in a list of lists
        ("deeper", "inception"),
    ],
)
def test_the_weights_of_another_network_are_refused_and_change_nothing(
    other, name, tmp_path
):
    path = tmp_path / "other[1].weights.h5"
    exports.write(built(other, seed=0), (32, 32, 3), path)
    network = built(name, seed=1)
    before = [variable.numpy() for variable in network.variables]
    with pytest.raises(ValueError, match="does not fit: export writes"):
        imported.load(path, network)
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)
