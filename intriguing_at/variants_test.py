"""What each recipe of the study differs in from adversarial training alone."""

import dataclasses

import pytest

from common import attacks, data, models, overrides, recipe
from common.models import efficientnet, norms
from common.training.natural import NaturalTraining
from intriguing_at import variants
from intriguing_at.algorithm import AdversarialTraining
from tests import parts

ATTACK = attacks.PGD(16.0, 1.0, 30, targeted="random")
BASE = dataclasses.replace(
    parts.PARTS,
    network=models.ResNet(depth=50, zero_gamma=True),
    method=AdversarialTraining(ATTACK, label_smoothing=0.2),
    probe=ATTACK,
)
GROUP = norms.Group(16)
RECIPES = variants.strategies(BASE, GROUP, consistent_from=123)

WHOLE = {"method.clean_share": 1.0}
PAIRED = {**WHOLE, "method.pairing_weight": 0.5}
MIXTURE = {"network.norm.branches": ("clean", "adversarial")}
GROUPED = {"network.norm": GROUP}
DIFFERENCES = {
    "adversarial": {},
    "mixed": WHOLE,
    "mixed_alp": PAIRED,
    "mbn": {**WHOLE, **MIXTURE},
    "mbn_alp": {**PAIRED, **MIXTURE},
    "share_20": {"method.clean_share": 0.2},
    "share_40": {"method.clean_share": 0.4},
    "share_60": {"method.clean_share": 0.6},
    "share_80": {"method.clean_share": 0.8},
    "consistent": {"method.consistent_from": 123},
    "adversarial_group": GROUPED,
    "mixed_group": {**WHOLE, **GROUPED},
    "mixed_alp_group": {**PAIRED, **GROUPED},
    "mbn_shared_statistics": {
        **WHOLE,
        **MIXTURE,
        "network.norm.share_statistics": True,
    },
    "mbn_shared_affine": {**WHOLE, **MIXTURE, "network.norm.share_affine": True},
    "clean": {"method": NaturalTraining(0.2), "probe": None},
}


def differences(left, right, path=""):
    """Returns the fields in which two dataclasses differ, and what the right has."""
    if not dataclasses.is_dataclass(left) or type(left) is not type(right):
        return {} if left == right else {path: right}
    found = {}
    for field in dataclasses.fields(left):
        values = (getattr(side, field.name) for side in (left, right))
        found |= differences(*values, f"{path}.{field.name}".strip("."))
    return found


def test_every_strategy_has_its_differences_listed():
    assert RECIPES.keys() == DIFFERENCES.keys()


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_strategy_differs_from_the_base_in_what_its_name_says(name):
    assert differences(BASE, RECIPES[name]) == DIFFERENCES[name]


def test_no_two_strategies_are_the_same():
    records = [recipe.to_dict(value) for value in RECIPES.values()]
    for index, record in enumerate(records):
        for other in records[:index]:
            assert overrides.first_difference(record, other)


def test_advprop_is_the_clean_recipe_on_mixed_images_and_two_branches():
    clean = RECIPES["clean"]
    one_step = attacks.PGD(1.0, 1.0, num_steps=1)
    assert differences(clean, variants.advprop(clean, one_step)) == {
        **MIXTURE,
        "method": AdversarialTraining(one_step, clean_share=1.0, label_smoothing=0.2),
    }


def test_joint_training_changes_the_method_alone():
    clean = RECIPES["clean"]
    assert differences(clean, variants.joint(clean, ATTACK)) == {
        "method": AdversarialTraining(ATTACK, clean_share=1.0, label_smoothing=0.2)
    }


def test_advprop_changes_of_the_network_what_it_is_told():
    clean = RECIPES["clean"]
    told, plain = (
        variants.advprop(clean, ATTACK, **changes)
        for changes in ({"normalization": "symmetric"}, {})
    )
    assert differences(plain, told) == {"network.normalization": "symmetric"}


def test_another_depth_is_all_that_differs():
    deep = variants.at_depth(RECIPES["consistent"], 638)
    assert differences(RECIPES["consistent"], deep) == {"network.depth": 638}


def test_a_size_is_of_the_network_and_of_the_images():
    recipe = dataclasses.replace(
        BASE, dataset=data.ImageNet(), network=models.EfficientNet()
    )
    size = efficientnet.Size(1.5, 2.5, image_size=300, dropout=0.4)
    assert differences(recipe, variants.at_size(recipe, size)) == {
        "dataset.image_size": 300,
        "dataset.resize": 332,
        "network.width": 1.5,
        "network.depth": 2.5,
        "network.dropout": 0.4,
    }
