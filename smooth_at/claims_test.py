"""The claims of Smooth Adversarial Training: what they ask for, and where."""

import pytest

from common.results import reported
from common.results.claims import DifferenceOfDifferences, TimeRatio
from common.results.comparison import SEED_SPREAD
from smooth_at import PAPER, claims

PAPER_ONLY = {
    "smooth_activations_are_far_more_robust",
    "order_of_activations",
    "depth_raises_both",
    "width_raises_both",
    "resolution_raises_both",
    "all_three_gain_most",
    "far_larger_networks_gain_too",
    "ten_steps_understate_the_gain",
}
SMALL_ONLY = {  # activations and seeds that the digits do without
    "every_smooth_activation_beats_relu",
    "silu_beats_relu_at_every_seed",
    "silu_leads",
    "smooth_activations_keep_clean_accuracy",
}


def by_name(name):
    return next(claim for claim in claims.CLAIMS if claim.name == name)


def needs_of(claim, scale):
    """Whether a scale has everything that a claim reads."""
    recipes, known = PAPER.at(scale).recipes, PAPER.at(scale).evaluations
    timed = {
        name
        for c in claim.comparisons
        if isinstance(c, TimeRatio)
        for name in (c.numerator, c.denominator)
    }
    return timed <= set(recipes) and all(
        r in recipes and e in known and known[e].covers(r) for r, e in claim.needs
    )


def judged_at(scale):
    return {claim.name for claim in claims.CLAIMS if needs_of(claim, scale)}


def test_a_claim_can_be_judged_where_it_is_expected():
    for claim in claims.CLAIMS:
        for scale in claim.expected_at:
            assert needs_of(claim, scale), (claim.name, scale)
    assert len(judged_at("paper")) == len(claims.CLAIMS)


def test_what_other_scales_can_train_is_put_to_a_test_there():
    names = {claim.name for claim in claims.CLAIMS}
    assert judged_at("small") == names - PAPER_ONLY
    assert judged_at("small") - judged_at("digits") == SMALL_ONLY


def test_a_claim_says_why_it_is_expected_where_it_is():
    for claim in claims.CLAIMS:
        assert claim.note.endswith(".")


def test_seeds_meet_in_every_pair():
    pairs = {
        (c.left[0], c.right[0])
        for c in by_name("silu_beats_relu_at_every_seed").comparisons
    }
    assert pairs == {
        (silu, relu)
        for silu in ("silu", "silu_seed1")
        for relu in ("relu", "relu_seed1")
    }


def test_both_sides_of_a_difference_are_attacked_alike():
    for claim in claims.CLAIMS:
        for comparison in claim.comparisons:
            if isinstance(comparison, DifferenceOfDifferences):
                since, until = (e for _, e in comparison.left)
                assert comparison.left == (("relu", since), ("relu", until))
                assert comparison.right == (("silu", since), ("silu", until))
                assert int(since.removeprefix("pgd_")) < int(until.removeprefix("pgd_"))
            elif comparison.needs:
                assert comparison.left[1] == comparison.right[1]


@pytest.mark.parametrize(
    ("evaluation", "reported", "margin"),
    [
        *(("pgd_50", 1.1, 0.0), ("pgd_50", 0.9, -1.0), ("pgd_50", -0.05, -1.0)),
        *(("clean", 0.6, 0.0), ("clean", 0.4, -0.5)),
    ],
)
def test_a_lead_within_the_spread_over_seeds_is_no_direction(
    evaluation, reported, margin
):
    claim = claims.ahead("a", "b", evaluation, reported=reported)
    assert claim.at_least == margin
    assert (claim.left, claim.right) == (("a", evaluation), ("b", evaluation))


def numbers(tables, *, of_200_steps=False):
    """Returns (run, evaluation) -> reported number, of tables of one source.

    With `of_200_steps`, the strong attack has the numbers of 200 steps too.
    """
    known = {
        (PAPER.at("paper").run_name(cell.recipe), cell.evaluation): record.value
        for (table, row, column), record in reported.by_cell(PAPER).items()
        if table in tables
        for cell in PAPER.table(table).cells
        if (cell.row, cell.column) == (row, column)
    }
    if of_200_steps:
        known |= {
            (run, claims.STRONG): value
            for (run, evaluation), value in known.items()
            if evaluation == claims.STRONGEST
        }
    return known


PAPERS_OWN = numbers(("table1", "activations"), of_200_steps=True)
README = numbers(("zoo", "scaling"))
SOURCES = (PAPERS_OWN, README, numbers(("efficientnet",)))


def leads(comparison):
    """Returns the numbers that a comparison gets from each source that has them.

    A source has one seed, which stands for the other.
    """
    needs = [
        (PAPER.at("paper").run_name(recipe.removesuffix("_seed1")), evaluation)
        for recipe, evaluation in comparison.needs
    ]
    signs = (1, -1, -1, 1)[: len(needs)]
    return [
        sum(sign * known[pair] for sign, pair in zip(signs, needs, strict=True))
        for known in SOURCES
        if set(needs) <= set(known)
    ]


PAIRED = [
    (claim, comparison)
    for claim in claims.CLAIMS
    for comparison in claim.comparisons
    if not isinstance(comparison, TimeRatio)
]


def test_the_papers_own_numbers_hold_every_claim():
    for claim, comparison in PAIRED:
        assert leads(comparison), (claim.name, comparison)
        for points in leads(comparison):
            assert comparison.verdict(points, points) == "holds", claim.name


def test_a_margin_is_a_direction_unless_the_lead_is_within_the_spread():
    for claim, comparison in PAIRED:
        clean = comparison.needs[0][1] == "clean"
        spread = SEED_SPREAD["clean" if clean else "robust"]
        if claim.name.endswith("keep_clean_accuracy"):  # which claims no lead
            assert -2 * spread <= comparison.at_least <= -spread, claim.name
        else:
            clear = min(leads(comparison)) > spread
            assert comparison.at_least >= (0.0 if clear else -spread), claim.name


def test_a_size_that_is_asked_for_is_half_of_the_least_that_is_reported():
    sizes = {}
    for claim, comparison in PAIRED:
        if comparison.at_least > 0:
            points = min(leads(comparison))
            least, _ = sizes.get(claim.name, (points, 0.0))
            sizes[claim.name] = (min(least, points), comparison.at_least)
    assert set(sizes) == {
        "smooth_activations_are_far_more_robust",
        "far_larger_networks_gain_too",
    }
    for least, margin in sizes.values():
        assert 0.0 <= least / 2 - margin < 0.1


@pytest.mark.parametrize(
    ("minutes", "verdict"), [(1.06, "holds"), (1.09, "holds"), (1.2, "fails")]
)
def test_a_tenth_more_time_is_no_extra_compute(minutes, verdict):
    (ratio,) = by_name("no_extra_compute").comparisons
    assert (ratio.numerator, ratio.denominator) == ("silu", "relu")
    assert ratio.verdict(minutes, minutes) == verdict
