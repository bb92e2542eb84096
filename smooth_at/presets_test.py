"""What the recipes and evaluations say, against the facts of the paper's setup."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, data, engine, models
from common.engine import strategy
from common.models import activations, norms, residual, resnet
from common.training import cost, learner, optimizers
from smooth_at import PAPER, presets
from tests import small_paper

SCALES = ("paper", "small", "digits")
RADII = {"paper": 4.0, "small": 8.0, "digits": 40.0}
STUDY = {
    *("relu", "softplus", "parametric_softplus", "silu", "gelu", "elu", "smooth_relu"),
    *("mish", "learned_softplus", "gelu_exact", "relu_seed1", "silu_seed1"),
    *(f"{name}_{alpha}" for name in ("elu", "celu") for alpha in (1.2, 1.4, 1.6)),
    *(f"{name}_{alpha}" for name in ("elu", "celu") for alpha in (1.8, 2.0)),
    *(f"table1_{passes}" for passes in ("none", "attacker", "update", "both")),
    *("relu_steps_2", "relu_steps_3", "relu_steps_4", "silu_steps_2"),
    *("relu_longer", "silu_longer", "relu_smoothed", "silu_smoothed"),
}
SEVEN = {
    *("relu", "silu", "smooth_relu"),
    *("table1_none", "table1_attacker", "table1_update", "table1_both"),
}
TWELVE = SEVEN | {"relu_seed1", "silu_seed1", "gelu", "elu", "softplus"}
SCALING = {  # depth, groups, their width, image size, shorter side of a test image
    "resnet_101": (101, 1, 64, 224, 256),
    "resnet_152": (152, 1, 64, 224, 256),
    "resnext_50_32x4d": (50, 32, 4, 224, 256),
    "resnext_50_32x8d": (50, 32, 8, 224, 256),
    "resnet_50_299": (50, 1, 64, 299, 331),
    "resnet_50_380": (50, 1, 64, 380, 412),
    "resnext_152_32x8d_380": (152, 32, 8, 380, 412),
}
EFFICIENTNETS = {  # width, depth, image size, dropout
    "efficientnet_b0": (1.0, 1.0, 224, 0.2),
    "efficientnet_b1": (1.0, 1.1, 240, 0.2),
    "efficientnet_b2": (1.1, 1.2, 260, 0.3),
    "efficientnet_b3": (1.2, 1.4, 300, 0.3),
    "efficientnet_b4": (1.4, 1.8, 380, 0.4),
    "efficientnet_b5": (1.6, 2.2, 456, 0.4),
    "efficientnet_b6": (1.8, 2.6, 528, 0.5),
    "efficientnet_b7": (2.0, 3.1, 600, 0.5),
    "efficientnet_l1": (3.9, 3.7, 600, 0.5),
    "efficientnet_l1_enhanced": (3.9, 3.7, 600, 0.5),
}
# One of each kind of update; the others are slow.
QUICK = ("digits silu", "digits smooth_relu", "digits table1_both")
UPDATES = [
    pytest.param(
        *(scale, name),
        id=f"{scale} {name}",
        marks=() if f"{scale} {name}" in QUICK else pytest.mark.slow,
    )
    for scale in ("digits", "small")
    for name in PAPER.at(scale).run_names
    if not name.endswith("_seed1")
]


def test_every_scale_has_its_recipes():
    assert set(presets.PAPER) == STUDY | set(SCALING) | set(EFFICIENTNETS)
    assert set(presets.SMALL) == TWELVE
    assert set(presets.DIGITS) == SEVEN
    assert presets.RECIPES.keys() == presets.EVALUATIONS.keys() == set(SCALES)


@pytest.mark.parametrize("scale", SCALES)
def test_relu_without_a_better_gradient_is_one_run(scale):
    named = presets.RECIPES[scale]
    assert PAPER.at(scale).run_name("table1_none") == "relu"
    assert len(PAPER.at(scale).run_names) == len(named) - 1


def test_the_rate_falls_to_a_tenth_after_30_60_and_90_of_100_passes():
    schedule = presets.RELU.schedule.build()
    passes = np.array([0, 2.5, 5, 29.99, 30, 59.99, 60, 89.99, 90, 99.99])
    rates = [float(schedule(round(p * presets.MINIBATCHES))) for p in passes]
    expected = [0.0, 0.2, *np.repeat([0.4, 0.04, 0.004, 4e-4], 2)]
    np.testing.assert_allclose(rates, expected, rtol=1e-3)
    assert round(1_281_167 / presets.RELU.batch_size) == presets.MINIBATCHES
    assert presets.RELU.num_steps == 100 * presets.MINIBATCHES == 125_100
    assert rates[2] == pytest.approx(0.1 * presets.RELU.batch_size / 256)


@pytest.mark.parametrize("scale", SCALES)
def test_every_recipe_drops_at_the_papers_shares_and_shares_its_optimizer(scale):
    for name, recipe in presets.RECIPES[scale].items():
        drops = getattr(recipe.schedule, "schedule", recipe.schedule)
        shares = np.array(drops.boundaries) / recipe.num_steps
        np.testing.assert_allclose(shares, [0.3, 0.6, 0.9], err_msg=name)
        np.testing.assert_allclose(np.divide(drops.values[1:], drops.values[:-1]), 0.1)
        assert recipe.optimizer == optimizers.Momentum(0.9, nesterov=True)
        assert recipe.l2 == 1e-4


@pytest.mark.parametrize("scale", SCALES)
def test_labels_are_smoothed_where_the_name_says_so_and_in_the_kept_runs(scale):
    for name, recipe in presets.RECIPES[scale].items():
        smoothed = scale != "paper" or name.endswith("_smoothed")
        assert recipe.method.label_smoothing == (0.1 if smoothed else 0.0), name


def test_the_length_of_training_is_the_papers_or_twice_that():
    steps = {"paper": 125_100, "small": 3_000, "digits": 300}
    for scale, num_steps in steps.items():
        for name, recipe in presets.RECIPES[scale].items():
            factor = 2 if name.endswith("longer") else 1
            assert recipe.num_steps == factor * num_steps, name
            assert recipe.seed == name.endswith("seed1"), name


@pytest.mark.parametrize("scale", SCALES)
def test_training_takes_one_step_of_epsilon_from_a_uniform_start(scale):
    radius = RADII[scale]
    for name, recipe in presets.RECIPES[scale].items():
        number = int(name[-1]) if "_steps_" in name else 1
        attack = recipe.method.attack
        clean_start = 0.2 if scale == "paper" else 0.0
        assert attack == attacks.PGD(
            *(radius, radius / 4, number), reaching=True, clean_start=clean_start
        ), name
        assert float(attack.length) == pytest.approx(radius / number)
        assert recipe.probe == attacks.PGD(radius, radius / 4, num_steps=5)
        assert attack.random_start
        assert (attack.targeted, attack.loss) == ("no", "cross_entropy")
        assert recipe.method.attack_passes == number


@pytest.mark.parametrize(
    ("scale", "steps"),
    [("paper", (10, 20, 50, 200)), *((s, (20, 50)) for s in SCALES[1:])],
)
def test_evaluations_take_steps_of_a_quarter_of_epsilon(scale, steps):
    found = dict(presets.EVALUATIONS[scale])
    radius = RADII[scale]
    clean = found.pop("clean")
    assert clean.attack is None
    assert set(found) == {f"pgd_{number}" for number in steps}
    for number in steps:
        evaluation = found[f"pgd_{number}"]
        attack = evaluation.attack
        assert attack == attacks.PGD(radius, radius / 4, number, reaching=True)
        assert float(attack.length) == radius / 4
        assert dataclasses.replace(evaluation, attack=None) == clean
    assert (clean.num_images, clean.only, clean.branch) == (0, (), "")


def test_the_networks_of_the_study_are_resnet_50_on_images_of_224():
    for name in STUDY:
        recipe = presets.PAPER[name]
        assert recipe.dataset == data.ImageNet(224, 256, preprocessing="tpu")
        assert recipe.network == models.ResNet(
            depth=50,
            activation=recipe.network.activation,
            normalization="symmetric",
            zero_gamma=True,
            classifier_stddev=0.01,
        )
    assert presets.RELU.network.activation == "relu"
    assert presets.RELU.batch_size == 1_024


@pytest.mark.parametrize("name", SCALING)
def test_scaling_changes_the_size_of_the_network_with_silu_and_of_its_images(name):
    depth, groups, group_width, image_size, resize = SCALING[name]
    silu = presets.PAPER["silu"]
    assert presets.PAPER[name] == dataclasses.replace(
        silu,
        network=dataclasses.replace(
            silu.network, depth=depth, groups=groups, group_width=group_width
        ),
        dataset=dataclasses.replace(silu.dataset, image_size=image_size, resize=resize),
    )


@pytest.mark.parametrize("name", EFFICIENTNETS)
def test_efficientnets_have_their_published_sizes_and_the_batch_norm_of_the_code(name):
    width, depth, image_size, dropout = EFFICIENTNETS[name]
    silu = presets.PAPER["silu"]
    assert presets.PAPER[name] == dataclasses.replace(
        silu,
        network=models.EfficientNet(
            width=width,
            depth=depth,
            activation="silu",
            dropout=dropout,
            survival=0.8,
            normalization="symmetric",
            momentum=0.9,
            epsilon=1e-5,
        ),
        dataset=dataclasses.replace(
            silu.dataset, image_size=image_size, resize=image_size + 32
        ),
        average=0.9999 if name.endswith("enhanced") else 0.0,
    )


def test_only_the_enhanced_network_is_averaged():
    averaged = {
        name: recipe.average
        for named in presets.RECIPES.values()
        for name, recipe in named.items()
        if recipe.average
    }
    assert averaged == {"efficientnet_l1_enhanced": 0.9999}


@pytest.mark.parametrize(
    ("scale", "dataset", "depth"), [("small", "cifar10", 10), ("digits", "digits", 8)]
)
def test_scaled_recipes_are_the_papers_but_for_size(scale, dataset, depth):
    for name, recipe in presets.RECIPES[scale].items():
        paper = presets.PAPER[name]
        assert recipe.dataset.name == dataset
        assert recipe.network == models.WideResNet(
            depth, 2, paper.network.activation, stem_stride=2
        )
        same = {
            field: getattr(paper.method, field)
            for field in ("attack", "label_smoothing")
        }
        assert dataclasses.replace(recipe.method, **same) == paper.method
        assert recipe.batch_size == 128


@pytest.mark.parametrize("name", ["relu", "relu_steps_3"])
def test_the_cost_counts_the_passes_of_the_attack(name, monkeypatch):
    monkeypatch.setattr(engine, "forward_flops", lambda *_: 1e9, raising=False)
    monkeypatch.setattr(cost, "_seconds_of_a_pass", lambda *_: 1.0)
    recipe = dataclasses.replace(
        presets.DIGITS["relu"],
        method=presets.PAPER[name].method,
        network=small_paper.Network(),
    )
    number = recipe.method.attack.num_steps
    lines = cost.describe(recipe).splitlines()
    found = {line[:22].strip(): line[22:] for line in lines}
    assert found["passes per update"] == f"1, and {number} of the attack"
    # An update is of 3 forward passes, and a step of the attack of 2.
    flops = 300 * 128 * 1e9 * (3 + 2 * number)
    assert found["training"] == f"{flops / 1e15:.3f} PFLOP"


@pytest.mark.parametrize(
    ("network", "places"),
    [
        (presets.SMALL_RELU.network, 1 + 2 * 3),  # the head, and two in each unit
        (presets.RELU.network, 1 + 3 * 4),  # the stem, and three in each block
    ],
    ids=["small", "paper"],
)
def test_every_activation_of_table_1_takes_the_derivative(network, places, monkeypatch):
    # One block for each stage: their number is not what this is about.
    monkeypatch.setitem(resnet._DEPTHS, 50, (residual.bottleneck, (1, 1, 1, 1)))
    built = network.build(10, 8)
    taken = []
    call = activations.Activation.call

    def recorded(self, inputs, backward="own"):
        taken.append((self.path, backward))
        return call(self, inputs, backward)

    monkeypatch.setattr(activations.Activation, "call", recorded)
    images = np.random.default_rng(0).uniform(0, 255, (2, 8, 8, 3)).astype("float32")
    logits = [built(images, backward=backward) for backward in ("own", "smooth")]
    np.testing.assert_array_equal(*logits)
    for backward in ("own", "smooth"):
        assert sum(each == backward for _, each in taken) == places


@pytest.mark.parametrize(("scale", "name"), UPDATES)
def test_a_recipe_builds_and_takes_an_update(scale, name):
    recipe = presets.RECIPES[scale][name]
    built = learner.build(recipe, strategy.make("one_device"), "float32")
    before = [v.numpy() for v in built.network.variables]
    if scale == "digits":
        images, labels = recipe.dataset.train_slice(16)
    else:
        images = np.random.default_rng(0).uniform(0, 255, (16, 32, 32, 3))
        labels = np.arange(16, dtype=np.int32) % 10
    batch = tf.constant(images, tf.float32), tf.constant(labels)
    metrics, state = built.method.train_step(batch, built.state, 0)
    assert np.isfinite(float(metrics["loss"])) and state == ()
    for variable, value in zip(built.network.variables, before, strict=True):
        assert np.isfinite(variable.numpy()).all(), variable.path
        assert (variable.numpy() != value).any(), variable.path
    learned = [v for v in built.network.variables if v.name == "parameter"]
    places = 1 + 2 * 3 if recipe.network.activation == "smooth_relu" else 0
    assert len(learned) == places
    assert recipe.network.norm == norms.DEFAULT
