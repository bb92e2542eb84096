"""The claims of Xie and Yuille (2020): what they ask for, and where."""

from common.results import reported
from common.results.claims import Difference
from intriguing_at import PAPER, claims


def needs_of(claim, scale):
    recipes, known = PAPER.at(scale).recipes, PAPER.at(scale).evaluations
    return all(
        r in recipes and e in known and known[e].covers(r) for r, e in claim.needs
    )


def judged_at(scale):
    return {claim.name for claim in claims.CLAIMS if needs_of(claim, scale)}


def test_a_claim_can_be_judged_where_it_is_expected():
    for claim in claims.CLAIMS:
        for scale in claim.expected_at:
            assert needs_of(claim, scale), (claim.name, scale)
    assert len(judged_at("paper")) == len(claims.CLAIMS)


def test_eleven_statements_are_put_to_a_test_on_small_networks():
    assert judged_at("small") - judged_at("digits") == {
        "a_fifth_of_clean_images_costs_robustness",
        "group_norm_takes_mixed_training",
    }
    assert judged_at("small") == {
        "few_steps_reverse_the_order",
        "adversarial_training_levels_off",
        "mixed_training_keeps_falling",
        "removing_clean_images_raises_robustness",
        "removing_clean_images_beats_pairing",
        "a_fifth_of_clean_images_costs_robustness",
        "mixture_recovers_robustness",
        "mixture_matches_both_specialists",
        "each_branch_serves_its_images",
        "consistent_batch_norm_raises_robustness",
        "group_norm_takes_mixed_training",
    }


def test_a_claim_that_is_not_expected_somewhere_says_why():
    for claim in claims.CLAIMS:
        assert claim.note.endswith(".")


def test_the_two_kinds_of_image_meet_their_own_branch_alone():
    for claim in claims.CLAIMS:
        if claim.name == "each_branch_serves_its_images":
            continue  # its subject is the other branch
        for recipe, evaluation in claim.needs:
            routed = "mbn" in recipe and evaluation != "clean"
            assert evaluation.endswith("_mbn_adv") == routed


def test_both_sides_of_a_comparison_see_as_many_images():
    for scale in ("paper", "small", "digits"):
        known = PAPER.at(scale).evaluations
        for claim in claims.CLAIMS:
            for comparison in claim.comparisons:
                found = {
                    (known[name].num_images, known[name].seed)
                    for _, name in comparison.needs
                    if name in known
                }
                assert len(found) <= 1, (claim.name, scale)


def test_the_papers_own_numbers_hold_every_claim_that_they_reach():
    known = {
        (cell.recipe, cell.evaluation): record.value
        for (table, row, column), record in reported.by_cell(PAPER).items()
        for cell in PAPER.table(table).cells
        if (cell.row, cell.column) == (row, column) and cell.metric == "accuracy"
        # Without AutoAugment, which the numbers of AdvProp have.
        if table != "efficientnet"
    }
    reached = 0
    for claim in claims.CLAIMS:
        for comparison in claim.comparisons:
            numbers = [known.get(pair) for pair in comparison.needs]
            if None in numbers:
                continue
            if isinstance(comparison, Difference):
                value = numbers[0] - numbers[1]
            else:
                value = numbers[0] - numbers[1] - numbers[2] + numbers[3]
            assert comparison.verdict(value, value) == "holds", (claim.name, value)
            reached += 1
    assert reached == 28 + 1 + 4 + 8 + 4
