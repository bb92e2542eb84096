"""Every recipe at the papers' own scale: it builds, takes an update, is evaluated.

A few images at random stand for the minibatch, so that no data are needed; all else is
the recipe as it is, but that adversarial training starts at once and at the full rate
(that of 256 images, where it grows with their number), and that EfficientNets keep all
their blocks, which may be dropped for all of so few images, and see small images, or a
common machine's memory would not hold the larger ones. Nothing is compiled: one update
does not pay for it.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import reproduce
from common import attacks, evaluation
from common.engine import strategy, tensorflow_engine
from common.models import EfficientNet, Maxout, activations, norms
from common.results import packages
from common.training import learner
from free_at.algorithm import FreeTraining

RECIPES = {
    (paper, name): recipe
    for paper in reproduce.PAPERS
    for name, recipe in packages.find(paper).at("paper").recipes.items()
    if name in packages.find(paper).at("paper").run_names
}
FAST = (  # the smaller networks
    ("kurakin2017", "mnist_adversarial_seed2"),
    ("smooth_at", "efficientnet_b0"),
)
SMALL_IMAGE = 96  # what an EfficientNet sees; its weights are the same
USUAL = 256  # images for which rates are stated; that of thousands would drown two
# Its rate is a sum over replicas, and here is one: with all of it the weights of one
# update overflow where batch norm still has the moving statistics of before.
OF_REPLICAS, REPLICAS = ("intriguing_at", "alp_baseline"), 50
# A maxout network starts so near 0 that an update at its full rate gives all images the
# same two values, as a function with two ends does, and that is refused.
SLOWER = 1_000
WIDE_RESNET = 45_901_914  # 32-10 with 10 classes
PARAMETERS = {  # of the networks that are public, by (network, classes)
    "WideResNet(depth=32, width=10, 10)": WIDE_RESNET,
    # 640 features: 90 more rows of weights, and 90 biases.
    "WideResNet(depth=32, width=10, 100)": WIDE_RESNET + 90 * 640 + 90,
    "ResNet(depth=50, 1000)": 25_557_032,  # as published with torchvision's weights
    "ResNet(depth=101, 1000)": 44_549_160,
    "ResNet(depth=152, 1000)": 60_192_808,
    "ResNetV2(depth=50, 1000)": 25_568_360,  # as `keras.applications` has it
    "EfficientNet(depth=3.6, width=2.2, 1000)": 87_413_142,  # B8, as timm has it
}


def network_key(recipe):
    """The network by the fields that decide its size."""
    config = recipe.network
    sizes = [
        f"{field}={getattr(config, field)}"
        for field in ("depth", "width")
        if hasattr(config, field)
    ]
    changed = [
        field
        for field, plain in (("norm", norms.DEFAULT), ("denoise", ""), ("groups", 1))
        if getattr(config, field, plain) != plain
    ]
    if getattr(config, "activation", "") in activations.LEARNED:
        changed.append("activation")
    parts = ", ".join([*sizes, *changed, str(recipe.dataset.num_classes)])
    return f"{type(config).__name__}({parts})"


def by_cost(key):
    return pytest.param(
        *key,
        id=" ".join(key),
        marks=() if key in FAST else pytest.mark.slow,
    )


@pytest.fixture
def eager():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def cut(recipe):
    """The recipe with the smallest batch that it can mix, one step and no delay."""
    method, size = recipe.method, 2
    schedule = getattr(recipe.schedule, "schedule", recipe.schedule)  # no warm-up
    if hasattr(schedule, "values") and recipe.batch_size > USUAL:
        values = tuple(v * USUAL / recipe.batch_size for v in schedule.values)
        schedule = dataclasses.replace(schedule, values=values)
    if recipe is RECIPES[OF_REPLICAS]:
        schedule = dataclasses.replace(schedule, rate=schedule.rate / REPLICAS)
    if isinstance(recipe.network, Maxout):
        schedule = dataclasses.replace(schedule, rate=schedule.rate / SLOWER)
    if isinstance(getattr(method, "attack", None), attacks.PGD):
        attack = dataclasses.replace(method.attack, num_steps=1)
        method = dataclasses.replace(method, attack=attack)
    if hasattr(method, "delay"):
        method = dataclasses.replace(method, delay=0)
        size = method.minibatch // np.gcd(method.minibatch, method.num_adversarial)
    if hasattr(method, "clean_share"):
        size = 5
    data, network = recipe.dataset, recipe.network
    if isinstance(network, EfficientNet):
        network = dataclasses.replace(network, survival=1.0)
        data = dataclasses.replace(data, image_size=SMALL_IMAGE)
    return dataclasses.replace(
        recipe,
        dataset=data,
        network=network,
        batch_size=max(2, int(size)),
        method=method,
        schedule=schedule,
    )


def random_batch(data, count, seed=0):
    """Returns images of the dataset's shape; the labels are its ends."""
    shape = (count, data.image_size, data.image_size, data.channels)
    images = np.random.default_rng(seed).uniform(0, 255, shape).astype(np.float32)
    return images, np.resize([0, data.num_classes - 1], count).astype(np.int32)


def may_stay(network, path):
    """Whether the first update may leave a weight.

    A block that is the identity gives no gradient, and what an activation learns starts
    so large that one update may be below its last bit.
    """
    starts_at_zero = getattr(network, "zero_gamma", False)
    is_behind_zero = (starts_at_zero and "_block" in path) or "_denoise" in path
    return is_behind_zero or path.endswith("/parameter")


def one_step_attack(paper, name):
    """Returns the first attack of its columns, cut to one step and one start."""
    found = packages.find(paper).at("paper")
    asked = found.needed_evaluations(name)
    known = (found.evaluations[key].attack for key in asked)
    attack = next(filter(None, known), None)
    fields = {f.name for f in dataclasses.fields(attack)} if attack else set()
    changes = dict.fromkeys({"num_steps", "num_restarts"} & fields, 1)
    return attack and dataclasses.replace(attack, **changes)


def test_every_counted_network_is_one_of_a_recipe():
    assert set(PARAMETERS) <= {network_key(recipe) for recipe in RECIPES.values()}


@pytest.mark.parametrize(("paper", "name"), [by_cost(key) for key in RECIPES])
def test_a_recipe_builds_takes_an_update_and_is_evaluated(paper, name, eager):
    recipe = cut(RECIPES[paper, name])
    data = recipe.dataset
    distribution = strategy.make("one_device")
    built = learner.build(recipe, distribution, "float32")
    built.method.__dict__["static_networks"] = tuple(  # at their initial weights
        learner.build(source, distribution, "float32").network
        for source in recipe.method.sources
    )
    weights = built.network.trainable_variables
    count = sum(int(np.prod(v.shape)) for v in weights)
    assert count == PARAMETERS.get(network_key(recipe), count)

    before = [v.numpy() for v in weights]
    update = tensorflow_engine.compile_update(
        built.method, distribution, recipe.seed, built.average
    )
    batch = tuple(map(tf.constant, random_batch(data, recipe.batch_size)))
    values, state = update(batch, built.state, tf.constant(0, tf.int64))
    assert np.isfinite(float(values["loss"]))
    assert 0 <= float(values["accuracy"]) <= 100
    for variable, value in zip(weights, before, strict=True):
        assert np.isfinite(variable.numpy()).all(), variable.path
        if not may_stay(recipe.network, variable.path):
            assert (variable.numpy() != value).any(), variable.path
    if isinstance(recipe.method, FreeTraining):
        delta, epsilon = np.asarray(state), recipe.method.epsilon
        assert delta.shape == batch[0].shape
        assert np.mean(np.abs(delta) == epsilon) > 0.99
        assert set(np.unique(delta)) <= {-epsilon, 0.0, epsilon}

    def logits_fn(images):
        return built.network(images, training=False)

    judges = evaluation.Judges(logits_fn)
    dataset = [random_batch(data, 2, seed=1)]
    for attack in (None, one_step_attack(paper, name)):
        record = evaluation.evaluate(judges, dataset, attack)
        assert record.total == 2
