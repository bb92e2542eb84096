"""The claims of Kurakin et al. (2017): what they ask for, and where."""

import pytest

from common.results import overview
from kurakin2017 import PAPER, claims


def needs_of(claim, scale):
    known = PAPER.at(scale).recipes, PAPER.at(scale).evaluations
    return all(r in known[0] and e in known[1] for r, e in claim.needs)


def test_every_claim_can_be_judged_where_it_is_expected():
    for claim in claims.CLAIMS:
        for scale in claim.expected_at:
            assert needs_of(claim, scale), (claim.name, scale)


@pytest.mark.parametrize(
    ("scale", "further"),
    [
        (
            "small",
            {
                "step_ll_resists_every_one_step_method",
                "more_adversarial_images_trade_clean_accuracy",
                "weak_attacks_transfer_best",
            },
        ),
        ("digits", set()),
    ],
)
def test_the_trained_rows_of_a_scale_answer_their_claims(scale, further):
    judged = {claim.name for claim in claims.CLAIMS if needs_of(claim, scale)}
    assert judged >= further | {
        "labels_leak",
        "labels_of_few_classes_do_not_leak",
        "random_noise_gives_nothing",
        "no_robustness_to_iterative_attacks",
        "clean_accuracy_falls_slightly",
    }


def test_the_numbers_that_are_remembered_hold_every_claim_that_they_reach():
    """Where they deny the text of the paper, `reported.csv` says so."""
    reached = set()
    for numbers in overview.reported_pairs(PAPER):
        values = {pair: record.value for pair, record in numbers.items()}
        for claim in claims.CLAIMS:
            if claim.name == "labels_of_few_classes_do_not_leak":
                continue  # it is about other images
            for comparison in claim.comparisons:
                value = comparison.reported(values)
                if value is not None:
                    assert comparison.verdict(value, value) == "holds", claim.name
                    reached.add(claim.name)
    assert reached >= {
        *("labels_leak", "random_noise_gives_nothing", "depth_reduces_the_clean_gap"),
        "step_ll_or_step_rnd_is_best_to_train_with",
        "any_one_step_method_helps_against_all",
        "more_adversarial_images_trade_clean_accuracy",
        "beyond_half_adversarial_little_is_won",
        "iterative_ll_fools_nearly_all",
    }


def test_a_claim_that_is_not_expected_somewhere_says_why():
    for claim in claims.CLAIMS:
        if set(claim.expected_at) != {"paper", "small", "digits"}:
            assert claim.note.endswith(".")
