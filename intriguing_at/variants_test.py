"""What each recipe of the study differs in from adversarial training alone."""

import dataclasses

from common import attacks, changes, data, models
from common.models import architectures, norms
from common.training.natural import NaturalTraining
from intriguing_at import variants
from intriguing_at.algorithm import AdversarialTraining
from tests import parts
from tests.parts import differences

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


def test_a_strategy_differs_from_the_base_in_what_its_name_says():
    found = {name: differences(BASE, recipe) for name, recipe in RECIPES.items()}
    assert found == DIFFERENCES


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
    deep = changes.network(RECIPES["consistent"], depth=638)
    assert differences(RECIPES["consistent"], deep) == {"network.depth": 638}


def test_a_size_is_of_the_network_and_of_the_images():
    recipe = dataclasses.replace(
        BASE, dataset=data.ImageNet(), network=models.EfficientNet()
    )
    size = architectures.Size(1.5, 2.5, image_size=300, dropout=0.4)
    assert differences(recipe, variants.at_size(recipe, size)) == {
        "dataset.image_size": 300,
        "dataset.resize": 332,
        "network.width": 1.5,
        "network.depth": 2.5,
        "network.dropout": 0.4,
    }
