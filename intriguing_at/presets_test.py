"""What the recipes and evaluations say, against the facts of the paper's setup."""

import numpy as np
import pytest

from common.models import norms
from common.recipe import Recipe
from intriguing_at import presets

each_scale = pytest.mark.parametrize("scale", presets.RECIPES)


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


@each_scale
def test_every_scale_drops_and_becomes_consistent_at_the_same_shares(scale):
    recipe = adversarial(scale)
    drops = getattr(recipe.schedule, "schedule", recipe.schedule).boundaries
    shares = np.array(drops) / recipe.num_steps
    np.testing.assert_allclose(shares, np.array([35, 70, 95]) / 110, atol=2e-3)
    if consistent := presets.RECIPES[scale].get("consistent"):
        share = consistent.method.consistent_from / recipe.num_steps
        assert share == pytest.approx(100 / 110, abs=2e-3)


@each_scale
def test_training_goes_as_far_as_the_papers(scale):
    attack = adversarial(scale).method.attack
    reach = float(attack.length) * attack.num_steps / attack.epsilon
    assert reach == pytest.approx(30 / 16)
    assert (attack.targeted, attack.clean_start, attack.random_start) == (
        "random",
        0.2,
        True,
    )
    assert adversarial(scale).probe.epsilon == attack.epsilon


@each_scale
def test_evaluations_never_start_clean_and_reach_the_radius(scale):
    recipe = adversarial(scale)
    unit = presets.DIGITS_STEP if scale == "digits" else 1.0
    for evaluation in presets.EVALUATIONS[scale].values():
        if getattr(evaluation.attack, "targeted", None) != "random":
            continue
        attack = evaluation.attack
        assert (attack.clean_start, attack.random_start) == (0.0, True)
        assert attack.epsilon == recipe.method.attack.epsilon
        length = max(unit, attack.epsilon / attack.num_steps)
        assert float(attack.length) == pytest.approx(length)


@each_scale
def test_the_adversarial_branch_is_judged_where_there_is_one(scale):
    mixtures = {
        name
        for name, recipe in presets.RECIPES[scale].items()
        if recipe.network.norm.branches == norms.MIXTURE
    }
    assert mixtures and all(name.startswith(("mbn", "advprop")) for name in mixtures)
    for name, evaluation in presets.EVALUATIONS[scale].items():
        through = name.endswith("_mbn_adv")
        assert evaluation.branch == ("adversarial" if through else ""), name
        assert not through or set(evaluation.only) == mixtures, name


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


def test_attackers_of_advprop_take_a_step_more_than_their_radius_or_one():
    for size in presets.SIZES:
        attack = presets.PAPER[f"advprop_efficientnet_{size}"].method.attack
        reach = attack.step_size * attack.num_steps
        assert reach == (1.0 if attack.epsilon == 1.0 else attack.epsilon + 1), size
        assert (attack.epsilon == 1.0) == (size in presets.WEAKLY_ATTACKED), size
        assert attack.targeted == "random"
