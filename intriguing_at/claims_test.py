"""The claims of Xie and Yuille (2020): through which batch norm images go."""

from intriguing_at import claims


def test_the_two_kinds_of_image_meet_their_own_branch_alone():
    for claim in claims.CLAIMS:
        if claim.name == "each_branch_serves_its_images":
            continue  # its subject is the other branch
        for recipe, evaluation in claim.needs:
            routed = "mbn" in recipe and evaluation != "clean"
            assert evaluation.endswith("_mbn_adv") == routed
