"""Every recipe at the papers' own scale: it builds, takes an update, is evaluated.

Two images at random stand for the minibatch, so that no data are needed; all else is
the recipe as it is. Nothing is compiled: one update does not pay for it.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import evaluation
from common.models import ResNet
from common.training import learner, loop, strategy
from free_at import PAPER
from free_at.algorithm import FreeTraining

RECIPES = PAPER.recipes["paper"]
FAST = ("cifar10_free_8", "imagenet_free_4_eps4")  # one of each network
WIDE_RESNET = 45_901_914  # 32-10 with 10 classes
PARAMETERS = {  # by (network, classes)
    ("WideResNet", 32, 10): WIDE_RESNET,
    # 640 features: 90 more rows of weights, and 90 biases.
    ("WideResNet", 32, 100): WIDE_RESNET + 90 * 640 + 90,
    ("ResNet", 50, 1_000): 25_557_032,  # as published with torchvision's weights
    ("ResNet", 101, 1_000): 44_549_160,
    ("ResNet", 152, 1_000): 60_192_808,
}


def by_cost(name):
    return name if name in FAST else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture
def eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def random_batch(data, seed=0):
    """Returns two images of the dataset's shape; the labels are its ends."""
    shape = (2, data.image_size, data.image_size, data.channels)
    images = np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)
    return images, np.array([0, data.num_classes - 1], np.int32)


def one_step_evaluations(name):
    """Yields the attacks of the recipe's columns, cut to one step of one start."""
    known = PAPER.evaluations_at("paper")
    names = PAPER.needed_evaluations("paper", name)
    assert "clean" in names or isinstance(RECIPES[name].network, ResNet)
    kinds = {}
    for attack in (known[n].attack for n in names):
        if attack is not None:
            cut = dataclasses.replace(attack, num_steps=1, num_restarts=1)
            kinds[cut.loss] = cut
    return [None, *kinds.values()]


def test_there_are_41_recipes_and_a_count_for_every_network():
    assert len(RECIPES) == 41
    found = {
        (type(r.network).__name__, r.network.depth, r.dataset.num_classes)
        for r in RECIPES.values()
    }
    assert found == set(PARAMETERS)
    assert {name.partition("_")[0] for name in FAST} == {"cifar10", "imagenet"}


@pytest.mark.parametrize("name", [by_cost(name) for name in RECIPES])
def test_a_recipe_builds_takes_an_update_and_is_evaluated(name, eager):
    recipe = dataclasses.replace(RECIPES[name], batch_size=2)
    data, config = recipe.dataset, recipe.network
    distribution = strategy.make("one_device")
    built = learner.build(recipe, distribution, "float32")
    weights = built.network.trainable_variables
    count = sum(int(np.prod(v.shape)) for v in weights)
    key = (type(config).__name__, config.depth, data.num_classes)
    assert count == PARAMETERS[key]

    before = [v.numpy() for v in weights]
    update = loop.compile_update(built.method, distribution, recipe.seed)
    batch = tuple(map(tf.constant, random_batch(data)))
    values, state = update(batch, built.state, tf.constant(0, tf.int64))
    assert np.isfinite(float(values["loss"]))
    assert float(values["accuracy"]) in (0.0, 50.0, 100.0)
    for variable, value in zip(weights, before, strict=True):
        assert np.isfinite(variable.numpy()).all(), variable.path
        assert (variable.numpy() != value).any(), variable.path
    if isinstance(recipe.method, FreeTraining):
        delta, epsilon = np.asarray(state), recipe.method.epsilon
        assert delta.shape == batch[0].shape
        assert np.mean(np.abs(delta) == epsilon) > 0.99
        assert set(np.unique(delta)) <= {-epsilon, 0.0, epsilon}

    def logits_fn(images):
        return built.network(images, training=False)

    for attack in one_step_evaluations(name):
        dataset = tf.data.Dataset.from_tensors(random_batch(data, seed=1))
        record = evaluation.evaluate(logits_fn, dataset, attack)
        assert record.total == 2
