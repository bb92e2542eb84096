"""What each recipe of the study differs in from the one with ReLU."""

import dataclasses

import pytest

from common import attacks, data, models
from common import recipe as recipes
from common.training import optimizers, schedules
from smooth_at import variants
from smooth_at.algorithm import SmoothTraining

RELU = recipes.Recipe(
    dataset=data.ImageNet(image_size=96, resize=120, preprocessing="tensorpack"),
    network=models.ResNet(activation="relu", normalization="symmetric"),
    method=SmoothTraining(
        attacks.PGD(3.0, step_size=1.0, num_steps=1, reaching=True),
        label_smoothing=0.3,
    ),
    optimizer=optimizers.Momentum(0.8, nesterov=True),
    schedule=schedules.PiecewiseConstant((30, 60, 91), (0.4, 0.3, 0.2, 0.1)),
    batch_size=8,
    num_steps=107,
    l2=2e-4,
    probe=attacks.PGD(3.0, 1.0, 5),
)
RECIPES = variants.recipes(RELU)

CRAFTING, UPDATE = {"method.crafting": "smooth"}, {"method.update": "smooth"}
TWICE = {"num_steps": 214, "schedule.boundaries": [60, 120, 182]}
SEED = {"seed": 1}


def activation(name):
    return {"network.activation": name}


def steps(number):
    return {"method.attack.num_steps": number}


ACTIVATIONS = (
    *("softplus", "parametric_softplus", "silu", "gelu", "elu", "smooth_relu"),
    *("mish", "learned_softplus", "gelu_exact"),
    *("elu_1.2", "elu_1.4", "elu_1.6", "elu_1.8", "elu_2.0"),
    *("celu_1.2", "celu_1.4", "celu_1.6", "celu_1.8", "celu_2.0"),
)
DIFFERENCES = {
    "relu": {},
    "table1_none": {},
    "table1_attacker": CRAFTING,
    "table1_update": UPDATE,
    "table1_both": {**CRAFTING, **UPDATE},
    **{name: activation(name) for name in ACTIVATIONS},
    "relu_steps_2": steps(2),
    "relu_steps_3": steps(3),
    "relu_steps_4": steps(4),
    "silu_steps_2": {**activation("silu"), **steps(2)},
    "relu_longer": TWICE,
    "silu_longer": {**activation("silu"), **TWICE},
    "relu_smoothed": {"method.label_smoothing": 0.1},
    "silu_smoothed": {**activation("silu"), "method.label_smoothing": 0.1},
    "relu_seed1": SEED,
    "silu_seed1": {**activation("silu"), **SEED},
}


def flat(value, path=""):
    """Returns the fields of a nested record by path."""
    if not isinstance(value, dict):
        return {path: value}
    found = {}
    for name, field in value.items():
        found |= flat(field, f"{path}.{name}".strip("."))
    return found


def differences(left, right):
    """Returns the fields in which two recipes differ, and what the right has."""
    left, right = (flat(recipes.to_dict(recipe)) for recipe in (left, right))
    assert left.keys() == right.keys()
    return {path: right[path] for path in left if left[path] != right[path]}


def test_every_recipe_has_its_differences_listed():
    assert RECIPES.keys() == DIFFERENCES.keys()


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_recipe_differs_from_relu_in_what_its_name_says(name):
    assert differences(RELU, RECIPES[name]) == DIFFERENCES[name]


def test_only_relu_and_the_first_row_of_table_1_are_one_recipe():
    assert RECIPES["table1_none"] == RECIPES["relu"] == RELU
    others = [recipe for name, recipe in RECIPES.items() if name != "table1_none"]
    assert all(left != right for i, left in enumerate(others) for right in others[:i])


def test_only_relu_takes_another_derivative():
    for name, recipe in RECIPES.items():
        if "smooth" in (recipe.method.crafting, recipe.method.update):
            assert recipe.network.activation == "relu", name


def test_twice_the_length_drops_at_the_same_shares():
    found = variants.longer(RELU)
    assert found.num_steps == 2 * RELU.num_steps
    shares = [
        [boundary / recipe.num_steps for boundary in recipe.schedule.boundaries]
        for recipe in (RELU, found)
    ]
    assert shares[0] == shares[1]


def test_a_warm_up_is_not_stretched():
    warm = schedules.Warmup(RELU.schedule, num_steps=7, start=0.01)
    found = variants.longer(dataclasses.replace(RELU, schedule=warm))
    assert found.schedule == dataclasses.replace(
        warm, schedule=variants.longer(RELU).schedule
    )


def test_another_size_is_resized_to_32_pixels_more_for_the_test():
    network = models.EfficientNet.named("b0")
    assert variants.sized(RELU, network, 380) == dataclasses.replace(
        RELU,
        network=network,
        dataset=data.ImageNet(380, resize=412, preprocessing="tensorpack"),
    )
