"""What the recipes and evaluations say, against the facts of the paper's setup."""

import dataclasses

import numpy as np
import pytest

from common.models import norms
from common.recipe import Recipe
from intriguing_at import presets, variants
from intriguing_at.algorithm import AdversarialTraining

SCALES = ("paper", "small", "digits")


def adversarial(scale) -> Recipe:
    return presets.RECIPES[scale]["adversarial"]


def test_the_rate_warms_up_and_drops_at_the_passes_of_the_code():
    schedule = presets.ADVERSARIAL.schedule.build()
    passes = np.array([0, 2.5, 5, 34.99, 35, 69.99, 70, 94.99, 95, 109])
    rates = [float(schedule(round(p * presets.MINIBATCHES))) for p in passes]
    expected = [0.1, 0.85, 1.6, 1.6, 0.16, 0.16, 0.016, 0.016, 0.0016, 0.0016]
    np.testing.assert_allclose(rates, expected, rtol=2e-3)
    assert round(1_281_167 / presets.ADVERSARIAL.batch_size) == presets.MINIBATCHES
    assert presets.ADVERSARIAL.num_steps == 34_430


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_drops_and_becomes_consistent_at_the_same_shares(scale):
    recipe = adversarial(scale)
    drops = getattr(recipe.schedule, "schedule", recipe.schedule).boundaries
    shares = np.array(drops) / recipe.num_steps
    np.testing.assert_allclose(shares, np.array([35, 70, 95]) / 110, atol=2e-3)
    consistent = presets.RECIPES[scale]["consistent"].method.consistent_from
    assert consistent / recipe.num_steps == pytest.approx(100 / 110, abs=2e-3)


@pytest.mark.parametrize("scale", SCALES)
def test_training_goes_as_far_as_the_papers(scale):
    attack = adversarial(scale).method.attack
    reach = float(attack.length) * attack.num_steps / attack.epsilon
    assert reach == pytest.approx(30 / 16)
    assert (attack.targeted, attack.clean_start, attack.random_start) == (
        "random",
        0.2,
        True,
    )


@pytest.mark.parametrize("scale", SCALES)
def test_evaluations_never_start_clean_and_reach_the_radius(scale):
    recipe = adversarial(scale)
    for evaluation in presets.EVALUATIONS[scale].values():
        if evaluation.attack is None or evaluation.attack.targeted != "random":
            continue
        attack = evaluation.attack
        assert (attack.clean_start, attack.random_start) == (0.0, True)
        assert attack.epsilon == recipe.method.attack.epsilon
        length = max(1.0, attack.epsilon / attack.num_steps)
        assert float(attack.length) == pytest.approx(length)


def test_ten_steps_at_the_papers_radius_are_of_1_6():
    evaluations = presets.EVALUATIONS["paper"]
    lengths = {n: float(evaluations[f"pgd_{n}"].attack.length) for n in presets.STEPS}
    assert lengths == pytest.approx({**dict.fromkeys(presets.STEPS, 1.0), 10: 1.6})


MIXTURES = {
    *("mbn", "mbn_alp", "mbn_shared_statistics", "mbn_shared_affine"),
    *(f"advprop_efficientnet_b{number}" for number in range(9)),
    *(f"advprop_efficientnet_b{number}_strong" for number in range(4)),
    *(f"advprop_resnet_{depth}" for depth in (50, 101, 152, 200)),
}


@pytest.mark.parametrize("scale", SCALES)
def test_the_adversarial_branch_is_judged_where_there_is_one(scale):
    mixtures = MIXTURES & set(presets.RECIPES[scale])
    for name, evaluation in presets.EVALUATIONS[scale].items():
        through = name.endswith("_mbn_adv")
        assert evaluation.branch == ("adversarial" if through else "")
        if through:
            assert set(evaluation.only) == mixtures
    for name, recipe in presets.RECIPES[scale].items():
        assert (recipe.network.norm.branches == norms.MIXTURE) == (name in mixtures)


@pytest.mark.parametrize("scale", SCALES)
def test_the_study_differs_in_method_and_normaliser_alone(scale):
    base = adversarial(scale)
    for name, recipe in presets.RECIPES[scale].items():
        if scale == "paper" and name not in presets.STUDY:
            continue
        network = dataclasses.replace(recipe.network, norm=base.network.norm)
        same = dataclasses.replace(
            recipe, network=network, method=base.method, probe=base.probe
        )
        assert same == base, name


def test_the_depth_figure_has_every_depth_twice():
    for depth in presets.DEPTHS:
        clean, robust = (
            presets.PAPER[f"{name}_{depth}"] for name in ("clean", "consistent")
        )
        assert clean.network == robust.network
        assert clean.network.depth == depth
        assert robust.method == presets.STUDY["consistent"].method


def test_neighbours_are_the_studies_with_a_part_changed():
    denoise = presets.PAPER["denoise"]
    assert dataclasses.replace(
        denoise, network=dataclasses.replace(denoise.network, denoise="")
    ) == (presets.ADVERSARIAL)
    advprop, standard = presets.PAPER["advprop_resnet_50"], presets.PAPER["resnet_50"]
    assert advprop.network.norm == variants.MIXTURE
    assert dataclasses.replace(advprop.network, norm=norms.DEFAULT) == standard.network
    assert isinstance(advprop.method, AdversarialTraining)
    assert (advprop.method.attack.epsilon, advprop.method.clean_share) == (1.0, 1.0)
    assert advprop.method.label_smoothing == standard.method.label_smoothing == 0.0
    assert advprop.method.attack.clean_start == 0.2
    for recipe in (advprop, standard):  # none of the study's own choices
        assert not recipe.optimizer.nesterov
        assert recipe.dataset.preprocessing == "torchvision"
        assert (recipe.network.zero_gamma, recipe.network.classifier_stddev) == (0, 0)
    alp = presets.PAPER["alp"].method
    assert (alp.pairing_weight, alp.clean_share) == (0.25, 1.0)
    assert alp.attack.targeted == "least_likely"


def test_the_rate_of_efficientnets_warms_up_from_0_and_falls_in_steps():
    schedule = presets.EFFICIENTNET.schedule.build()
    updates = np.array([0, 781, 1_563, 2_252, 2_253, 109_473])
    rates = [float(schedule(update)) for update in updates]
    expected = 0.256 * np.array([0, 781 / 1_563, 0.97**2, 0.97**2, 0.97**3, 0.97**145])
    np.testing.assert_allclose(rates, expected, rtol=1e-4)
    passes = 1_281_167 / presets.EFFICIENTNET.batch_size
    assert presets.EFFICIENTNET.num_steps / passes == pytest.approx(350, abs=0.01)
    assert presets.EFFICIENTNET.schedule.num_steps == int(5 * passes)
    assert presets.EFFICIENTNET.schedule.schedule.every == round(2.4 * passes)


@pytest.mark.parametrize("size", presets.SIZES)
def test_advprop_and_its_control_differ_in_method_batch_norm_and_pixels(size):
    clean = presets.PAPER[f"efficientnet_{size}"]
    advprop = presets.PAPER[f"advprop_efficientnet_{size}"]
    assert advprop.network.norm == variants.MIXTURE
    # The public weights of AdvProp want [-1, 1], all others mean and deviation.
    assert advprop.network.normalization == "symmetric"
    network = dataclasses.replace(
        advprop.network, norm=norms.DEFAULT, normalization="imagenet"
    )
    assert clean == dataclasses.replace(advprop, network=network, method=clean.method)
    assert advprop.method.label_smoothing == clean.method.label_smoothing == 0.1
    assert (advprop.method.clean_share, advprop.method.clean_weight) == (1.0, 1.0)


@pytest.mark.parametrize("size", presets.SIZES)
def test_attackers_of_advprop_take_a_step_more_than_their_radius_or_one(size):
    attack = presets.PAPER[f"advprop_efficientnet_{size}"].method.attack
    weak = size in ("b0", "b1", "b2", "b3")
    assert (attack.epsilon, attack.num_steps) == ((1.0, 1) if weak else (4.0, 5))
    assert (attack.step_size, attack.targeted) == (1.0, "random")


@pytest.mark.parametrize("name", ["resnet_50", "resnet_200", "efficientnet_b0"])
def test_joint_training_is_advprop_with_one_batch_norm(name):
    strong = "_strong" if name.startswith("efficientnet") else ""
    advprop = presets.PAPER[f"advprop_{name}{strong}"]
    network = dataclasses.replace(advprop.network, norm=norms.DEFAULT)
    joint = presets.PAPER[f"joint_{name}"]
    assert joint == dataclasses.replace(advprop, network=network)


def test_the_strong_attacker_is_one_for_all_sizes():
    attacks_of = {
        presets.PAPER[f"joint_efficientnet_{size}"].method.attack
        for size in presets.JOINT_SIZES
    } | {
        presets.PAPER[f"advprop_efficientnet_{size}_strong"].method.attack
        for size in presets.WEAKLY_ATTACKED
    }
    assert attacks_of == {presets.ADVPROP_STRONG}


def test_a_test_image_of_an_efficientnet_loses_32_pixels():
    shares = {
        size: presets.PAPER[f"efficientnet_{size}"].dataset for size in presets.SIZES
    }
    assert {data.resize - data.image_size for data in shares.values()} == {32}
    assert shares["b0"].image_size / shares["b0"].resize == 0.875
    assert shares["b8"].image_size == 672
