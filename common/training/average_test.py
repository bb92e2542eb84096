"""Moving averages against TensorFlow's own, and their way through a run."""

import dataclasses
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import data
from common import recipe as recipes
from common.engine import strategy
from common.models import batch_norm, layers
from common.training import (
    Method,
    average,
    checkpoint,
    learner,
    loop,
    optimizers,
    schedules,
)


@dataclasses.dataclass(frozen=True)
class Small:
    """Weights, moving statistics and an integer."""

    def build(self, num_classes, image_size, channels=3):
        return layers.built(_Small(num_classes), image_size, channels)


class _Small(keras.Model):
    def __init__(self, num_classes):
        super().__init__(name="small")
        self.dense = keras.layers.Dense(8, name="dense")
        self.norm = batch_norm.BatchNorm(name="norm")
        self.classifier = keras.layers.Dense(num_classes, name="classifier")
        self.count = self.add_weight(
            shape=(), dtype="int64", name="count", trainable=False
        )

    def call(self, images, training=False):
        features = keras.ops.reshape(images / 255.0, (images.shape[0], -1))
        features = self.norm(self.dense(features), training=training)
        return self.classifier(features)


@pytest.fixture
def network():
    return Small().build(10, 8, channels=1)


def floats(network):
    return [v for v in network.variables if v.dtype == "float32"]


def change(network, seed):
    """Gives new values to the variables, and returns those of the floating ones."""
    rng = np.random.default_rng(seed)
    for variable in floats(network):
        variable.assign(rng.normal(size=variable.shape))
    return [v.numpy() for v in floats(network)]


def test_shadows_are_of_all_floating_variables_and_start_where_they_do(network):
    values = change(network, 0)
    shadows = average.Average(network, 0.9).variables
    assert {v.path for v in shadows} == {
        "average/small/dense/kernel",
        "average/small/dense/bias",
        "average/small/norm/gamma",
        "average/small/norm/beta",
        "average/small/norm/moving_mean",
        "average/small/norm/moving_variance",
        "average/small/classifier/kernel",
        "average/small/classifier/bias",
    }
    for shadow, value in zip(shadows, values, strict=True):
        np.testing.assert_array_equal(shadow.numpy(), value)
        assert not shadow.trainable


# At update t the share that is kept is (1 + t) / (10 + t): 2/11, 3/12, 4/13 ...
@pytest.mark.parametrize("decay", [0.2, 0.28, 0.9999])
def test_it_is_the_average_of_tensorflow_1(network, decay):
    shadows = average.Average(network, decay)
    copies = [tf.Variable(v.numpy()) for v in floats(network)]
    updates = tf.Variable(0)
    theirs = tf.train.ExponentialMovingAverage(decay, num_updates=updates)
    theirs.apply(copies)  # creates the averages at the initial values
    for update in range(1, 5):
        for copy, value in zip(copies, change(network, update), strict=True):
            copy.assign(value)
        shadows.update(update)
        updates.assign(update)
        theirs.apply(copies)
    for shadow, copy in zip(shadows.variables, copies, strict=True):
        expected = theirs.average(copy).numpy()
        np.testing.assert_allclose(shadow.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_a_long_average_keeps_its_small_step(network):
    """One part in ten thousand, to more digits than 1 - 0.9999 has in float32."""
    shadows = average.Average(network, 0.9999)
    floats(network)[0].assign(np.ones((64, 8)))
    shadows.variables[0].assign(np.zeros((64, 8)))
    shadows.update(200_000)
    np.testing.assert_allclose(shadows.variables[0].numpy(), 1e-4, rtol=1e-6)


def test_the_network_takes_the_averages_and_keeps_the_rest(network):
    shadows = average.Average(network, 0.9)
    network.count.assign(7)
    initial = [v.numpy() for v in shadows.variables]
    change(network, 1)
    shadows.give()
    for variable, value in zip(floats(network), initial, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert int(network.count) == 7


@dataclasses.dataclass(frozen=True)
class Plain(Method):
    """Training on the images as they are."""

    def train_step(self, batch, state, seed):
        return self.descend(*batch, seed), state


RECIPE = recipes.Recipe(
    dataset=data.Digits(),
    network=Small(),
    method=Plain(),
    optimizer=optimizers.RMSProp(),
    schedule=schedules.ExponentialDecay(0.1, 0.5, every=2),
    batch_size=32,
    num_steps=6,
    checkpoint_every=1,
    average=0.4,
)


def train(recipe, run_dir, distribution=None):
    distribution = distribution or strategy.make("one_device")
    loop.train(recipe, run_dir, distribution=distribution)


def saved(run_dir, step):
    return dict(np.load(run_dir / "checkpoints" / f"{step:08d}.npz"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Returns the folder of the run, with the checkpoints of all updates."""
    run_dir = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "_KEPT", RECIPE.num_steps)
        train(RECIPE, run_dir)
    return run_dir


def test_each_update_is_averaged_once_and_counts_itself(whole):
    built = learner.build(RECIPE, strategy.make("one_device"), "float32")
    shadows = {v.path: v.numpy() for v in floats(built.network)}
    for update in range(1, 7):
        arrays = saved(whole, update)
        share = min(0.4, (1 + update) / (10 + update))
        for name in shadows:
            shadows[name] = share * shadows[name] + (1 - share) * arrays[name]
            np.testing.assert_allclose(
                arrays[f"average/{name}"], shadows[name], atol=1e-6, err_msg=name
            )
    apart = {n: np.abs(shadow - arrays[n]).max() for n, shadow in shadows.items()}
    assert apart["small/dense/kernel"] > 1e-3 < apart["small/norm/moving_mean"]


def test_an_averaged_run_goes_on_with_the_same_bits(whole, tmp_path):
    run_dir = tmp_path / "broken off"
    shutil.copytree(whole, run_dir)
    for step in (4, 5, 6):
        for path in (run_dir / "checkpoints").glob(f"{step:08d}*"):
            path.unlink()
    train(RECIPE, run_dir)
    arrays, wanted = saved(run_dir, 6), saved(whole, 6)
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)


def test_the_average_changes_nothing_else(whole, tmp_path):
    plain = dataclasses.replace(RECIPE, average=0.0)
    train(plain, tmp_path)
    arrays, averaged = saved(tmp_path, 6), saved(whole, 6)
    rest = {name for name in averaged if not name.startswith("average/")}
    assert set(arrays) == rest
    for name in rest:
        np.testing.assert_array_equal(arrays[name], averaged[name], err_msg=name)
    counts = [
        json.loads((run_dir / "recipe.json").read_text())["num_parameters"]
        for run_dir in (tmp_path, whole)
    ]
    assert counts[0] == counts[1]


def test_a_network_is_evaluated_with_its_averages(whole):
    network = learner.load(
        RECIPE, whole / "checkpoints", strategy.make("one_device"), "float32"
    )
    arrays = saved(whole, 6)
    for variable in floats(network):
        np.testing.assert_array_equal(
            variable.numpy(), arrays[f"average/{variable.path}"], err_msg=variable.path
        )
