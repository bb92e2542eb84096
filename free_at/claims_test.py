"""The claims of the Free paper: what they cost, and what they leave out."""

from free_at import claims, presets


def test_the_long_attacks_on_cifar10_are_asked_of_one_network():
    long = {"pgd_100", "cw_100", "pgd_20_restarts_10"}
    asked = {
        recipe
        for claim in claims.CLAIMS
        for recipe, evaluation in claim.at("small").needs
        if evaluation in long and recipe in presets.RECIPES["small"]
    }
    assert asked == {"cifar10_free_8", "cifar10_free_8_seed1"}
