"""What each recipe of the study differs in from the one with ReLU."""

import dataclasses

from common import attacks, data, models
from common.training import schedules
from smooth_at import variants
from smooth_at.algorithm import SmoothTraining
from tests import parts
from tests.parts import differences

RELU = dataclasses.replace(
    parts.PARTS,
    dataset=data.ImageNet(image_size=96, resize=120, preprocessing="tensorpack"),
    network=models.ResNet(activation="relu", normalization="symmetric"),
    method=SmoothTraining(
        attacks.PGD(3.0, step_size=1.0, num_steps=1, reaching=True),
        label_smoothing=0.3,
    ),
    schedule=schedules.PiecewiseConstant((30, 60, 91), (0.4, 0.3, 0.2, 0.1)),
    num_steps=107,
)
RECIPES = variants.recipes(RELU)

CRAFTING, UPDATE = {"method.crafting": "smooth"}, {"method.update": "smooth"}
TWICE = {"num_steps": 214, "schedule.boundaries": (60, 120, 182)}
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
    **{f"relu_steps_{number}": steps(number) for number in (2, 3, 4)},
    "silu_steps_2": {**activation("silu"), **steps(2)},
    "relu_longer": TWICE,
    "silu_longer": {**activation("silu"), **TWICE},
    "relu_smoothed": {"method.label_smoothing": 0.1},
    "silu_smoothed": {**activation("silu"), "method.label_smoothing": 0.1},
    "relu_seed1": SEED,
    "silu_seed1": {**activation("silu"), **SEED},
}


def test_a_recipe_differs_from_relu_in_what_its_name_says():
    found = {name: differences(RELU, recipe) for name, recipe in RECIPES.items()}
    assert found == DIFFERENCES


def test_a_warm_up_is_not_stretched():
    warm = schedules.Warmup(RELU.schedule, num_steps=7, start=0.01)
    found = variants.longer(dataclasses.replace(RELU, schedule=warm))
    assert found.schedule == dataclasses.replace(
        warm, schedule=variants.longer(RELU).schedule
    )
