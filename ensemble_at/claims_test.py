"""The claims of Tramèr et al. (2018): two seeds, and what scale small can judge."""

from ensemble_at import claims


def test_what_scale_small_judges_is_asked_of_both_seeds():
    defended = (*claims.SEEDS, *claims.SEEDS.values())
    for claim in claims.CLAIMS:
        asked = {
            name
            for name in defended
            for recipe, evaluation in claim.at("small").needs
            if recipe == name or evaluation.endswith(f"_to_{name}")
        }
        if "small" in claim.expected_at and asked:
            ends = {name.endswith("_seed1") for name in asked}
            assert ends == {True, False}, claim.name


def test_margins_are_directions_but_where_the_paper_gives_the_room():
    bounds = {
        claim.name: {
            bound
            for comparison in claim.comparisons
            for bound in (comparison.at_least, comparison.at_most)
            if bound
        }
        for claim in claims.CLAIMS
    }
    assert {name: found for name, found in bounds.items() if found} == {
        "a_network_resists_the_step_it_trains_on": {21.0, 14.0},
        "a_random_step_breaks_one_step_training": {5.0},
        "an_ensemble_costs_little_clean_accuracy": {4.4},
        "neither_resists_many_steps": {10.0},
    }
