"""What follows from the recipes and evaluations, against the published setup."""

import dataclasses

import numpy as np
import pytest

from smooth_at import presets

each_scale = pytest.mark.parametrize("scale", presets.RECIPES)


def test_the_rate_falls_to_a_tenth_after_30_60_and_90_of_100_passes():
    schedule = presets.RELU.schedule.build()
    passes = np.array([0, 2.5, 5, 29.99, 30, 59.99, 60, 89.99, 90, 99.99])
    rates = [float(schedule(round(p * presets.MINIBATCHES))) for p in passes]
    expected = [0.0, 0.2, *np.repeat([0.4, 0.04, 0.004, 4e-4], 2)]
    np.testing.assert_allclose(rates, expected, rtol=1e-3)
    assert round(1_281_167 / presets.RELU.batch_size) == presets.MINIBATCHES
    assert presets.RELU.num_steps == 100 * presets.MINIBATCHES
    assert rates[2] == pytest.approx(0.1 * presets.RELU.batch_size / 256)


@each_scale
def test_every_recipe_drops_at_the_papers_shares(scale):
    for name, recipe in presets.RECIPES[scale].items():
        drops = getattr(recipe.schedule, "schedule", recipe.schedule)
        shares = np.array(drops.boundaries) / recipe.num_steps
        np.testing.assert_allclose(shares, [0.3, 0.6, 0.9], err_msg=name)
        np.testing.assert_allclose(np.divide(drops.values[1:], drops.values[:-1]), 0.1)


@each_scale
def test_training_crosses_the_radius_once_and_evaluations_step_by_a_quarter(scale):
    attacks = {name: r.method.attack for name, r in presets.RECIPES[scale].items()}
    radius = attacks["relu"].epsilon
    for name, attack in attacks.items():
        assert attack.epsilon == radius and attack.random_start, name
        reach = float(attack.length) * attack.num_steps
        assert reach == pytest.approx(radius), name
        assert (attack.clean_start > 0) == (scale == "paper"), name
    for name, evaluation in presets.EVALUATIONS[scale].items():
        attack = evaluation.attack
        if attack is not None and not name.startswith("autoattack"):
            assert (attack.epsilon, attack.clean_start) == (radius, 0.0), name
            assert float(attack.length) == radius / 4, name


def test_the_study_is_of_images_of_224_and_only_the_enhanced_network_averages():
    images = presets.RELU.dataset.image_size, presets.PAPER["silu"].dataset.image_size
    assert images == (224, 224)
    for name, recipe in presets.PAPER.items():
        expected = 0.9999 if name.endswith("_enhanced") else 0.0
        assert recipe.average == expected, name
        if "efficientnet" in name:  # batch norm as the published code has it
            network = recipe.network
            assert (network.momentum, network.epsilon) == (0.9, 1e-5), name


@each_scale
def test_labels_are_smoothed_where_the_name_says_so_and_in_the_kept_runs(scale):
    for name, recipe in presets.RECIPES[scale].items():
        smoothed = scale != "paper" or name.endswith("_smoothed")
        assert recipe.method.label_smoothing == (0.1 if smoothed else 0.0), name


@pytest.mark.parametrize("scale", ["small", "digits"])
def test_scaled_recipes_keep_activation_method_optimizer_and_seed(scale):
    for name, recipe in presets.RECIPES[scale].items():
        kind, _, seed = name.partition("_seed")
        paper = presets.PAPER[kind]
        assert recipe.seed == int(seed or 0)
        assert recipe.network.activation == paper.network.activation
        for field in ("optimizer", "l2", "average"):
            assert getattr(recipe, field) == getattr(paper, field), name
        ours = {
            field: getattr(recipe.method, field) for field in ("crafting", "update")
        }
        assert dataclasses.replace(paper.method, **ours) == paper.method, name
