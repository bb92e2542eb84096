"""Tests of the Free paper's claims: they ask for what every scale has."""

import pytest

from common.results import claims as kinds
from free_at import claims, presets


@pytest.mark.parametrize("claim", claims.CLAIMS, ids=lambda claim: claim.name)
def test_a_claim_is_about_recipes_and_evaluations_of_its_scales(claim):
    small = all(recipe.startswith("cifar10_") for recipe, _ in claim.needs)
    for scale in presets.RECIPES if small else ("paper",):
        recipes = presets.RECIPES[scale]
        for comparison in claim.comparisons:
            if isinstance(comparison, kinds.TimeRatio):
                assert {comparison.numerator, comparison.denominator} <= set(recipes)
            else:
                for recipe, evaluation in (comparison.left, comparison.right):
                    assert recipe in recipes
                    assert evaluation in presets.EVALUATIONS[scale]


def test_the_long_attacks_on_cifar10_are_asked_of_one_network():
    long = {"pgd_100", "cw_100", "pgd_20_restarts_10"}
    asked = {
        recipe
        for claim in claims.CLAIMS
        for recipe, evaluation in claim.needs
        if evaluation in long and recipe.startswith("cifar10_")
    }
    assert asked == {"cifar10_free_8"}
