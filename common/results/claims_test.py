import dataclasses

import numpy as np
import pytest

from common.results import claims, measured
from common.results.claims import Claim, Difference, TimeRatio

LEFT, RIGHT = ("free_4", "pgd_20"), ("natural", "pgd_20")


def check(tmp_path, *comparisons, scale="paper"):
    claim = Claim("name", "A statement.", "Section 9", comparisons)
    runs = measured.find(tmp_path / "runs", "fake", scale)
    return claims.check(claim, runs)


@pytest.fixture
def pair(write_run, outcomes):
    """Writes a pair of runs with so many right of 10000."""

    def write(left, right):
        write_run("free_4", {"pgd_20": outcomes(left, 10_000)}, minutes=12.0)
        write_run("natural", {"pgd_20": outcomes(right, 10_000)}, minutes=10.0)

    return write


@pytest.mark.parametrize(
    ("margin", "verdict"),
    [(19.0, "holds"), (20.0, "inconclusive"), (21.0, "fails")],
)
def test_at_least_holds_only_with_the_whole_interval_above(
    tmp_path, pair, margin, verdict
):
    pair(5000, 3000)  # +20 points, +-0.8
    assert check(tmp_path, Difference(LEFT, RIGHT, at_least=margin)).verdict == verdict


@pytest.mark.parametrize(
    ("margin", "verdict"),
    [(21.0, "holds"), (20.0, "inconclusive"), (19.0, "fails")],
)
def test_at_most_holds_only_with_the_whole_interval_below(
    tmp_path, pair, margin, verdict
):
    pair(5000, 3000)
    assert check(tmp_path, Difference(LEFT, RIGHT, at_most=margin)).verdict == verdict


def test_the_difference_is_left_minus_right(tmp_path, pair):
    pair(5000, 3000)
    right_way = check(tmp_path, Difference(LEFT, RIGHT, at_least=10.0))
    wrong_way = check(tmp_path, Difference(RIGHT, LEFT, at_least=10.0))
    assert (right_way.verdict, wrong_way.verdict) == ("holds", "fails")
    assert "= +20.00 points [+19" in right_way.details[0]
    assert "= -20.00 points [-20" in wrong_way.details[0]


def test_pairs_find_a_difference_that_separate_intervals_miss(tmp_path, pair):
    pair(5060, 5000)  # 0.6 points, on intervals of +-1 point each
    result = check(tmp_path, Difference(LEFT, RIGHT, at_least=0.3))
    assert result.verdict == "holds"
    assert "on 10000 images" in result.details[0]


def test_different_images_are_inconclusive(tmp_path, write_run, outcomes):
    write_run("free_4", {"pgd_20": outcomes(90, 100)})
    write_run("natural", {"pgd_20": outcomes(10, 200)})
    result = check(tmp_path, Difference(LEFT, RIGHT, at_least=0))
    assert result.verdict == "inconclusive"
    assert "100 against 200 images" in result.details[0]


def test_a_missing_record_is_not_run_and_named(tmp_path, write_run, outcomes):
    write_run("free_4", {"pgd_20": outcomes(5)})
    result = check(tmp_path, Difference(LEFT, RIGHT, at_least=0))
    assert result.verdict == "not run"
    assert result.details[0].endswith("not run: natural pgd_20")
    ratio = check(tmp_path, TimeRatio("free_4", "natural", at_most=2))
    assert ratio.verdict == "not run"
    assert ratio.details[0].endswith("not trained: natural")


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"at_most": 1.3}, "holds"),
        ({"at_most": 1.1}, "fails"),
        ({"at_least": 1.1}, "holds"),
        ({"at_least": 1.3}, "fails"),
    ],
)
def test_times_are_divided_in_the_order_given(tmp_path, pair, bound, verdict):
    pair(5000, 3000)  # 12 and 10 minutes
    result = check(tmp_path, TimeRatio("free_4", "natural", **bound))
    assert result.verdict == verdict
    assert "12.00 / 10.00 = 1.20" in result.details[0]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"hardware": "8 x A100"}, "on 1 of 8 x A100 by tensorflow in float32 and on"),
        ({"devices": 8}, "on 8 of a machine by tensorflow in float32 and on 1 of"),
        ({"backend": "jax"}, "on 1 of a machine by jax in float32 and on 1 of a ma"),
        ({"precision": "mixed_bfloat16"}, "by tensorflow in mixed_bfloat16 and on"),
    ],
)
def test_times_of_different_places_are_not_judged(tmp_path, write_run, place, words):
    write_run("free_4", {}, minutes=12.0, **place)
    write_run("natural", {}, minutes=10.0)
    result = check(tmp_path, TimeRatio("free_4", "natural", at_most=1.3))
    assert result.verdict == "inconclusive"
    assert words in result.details[0]


@pytest.mark.parametrize(
    ("margins", "verdict"),
    [
        ((10.0, 15.0), "holds"),
        ((10.0, 20.0), "inconclusive"),
        ((20.0, 30.0), "fails"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_comparison(tmp_path, pair, margins, verdict):
    pair(5000, 3000)
    comparisons = [Difference(LEFT, RIGHT, at_least=m) for m in margins]
    assert check(tmp_path, *comparisons).verdict == verdict


def test_a_failure_outweighs_a_missing_record(tmp_path, pair):
    pair(5000, 3000)
    missing = Difference(("other", "clean"), RIGHT, at_least=0)
    good, bad = (Difference(LEFT, RIGHT, at_least=m) for m in (10, 30))
    assert check(tmp_path, missing, good).verdict == "not run"
    assert check(tmp_path, missing, bad).verdict == "fails"


def test_needs_lists_each_evaluation_once_and_no_times(paper):
    assert paper.claims[0].needs == (LEFT, RIGHT)
    assert paper.at("paper").needed_evaluations("free_4") == (
        "clean",
        "pgd_20",
        "pgd_20_eps2",
        "pgd_20_eps4",
    )


def test_a_failure_counts_only_where_the_claim_is_expected(tmp_path, paper, pair):
    pair(3000, 5000)
    found = claims.check_claims(paper, "paper", tmp_path / "runs")
    assert [result.verdict for result in found] == ["fails"]
    assert claims.exit_status(found, "paper") == 1
    assert claims.exit_status(found, "digits") == 0
    good = [dataclasses.replace(found[0], verdict="inconclusive")]
    assert claims.exit_status(good, "paper") == 0


@pytest.mark.parametrize("bounds", [{}, {"at_least": 1.0, "at_most": 2.0}])
def test_a_comparison_has_exactly_one_bound(bounds):
    for make in (Difference, TimeRatio):
        with pytest.raises(ValueError, match="needs at_least or at_most"):
            make(LEFT, RIGHT, **bounds)


def test_a_claim_without_comparison_is_refused():
    with pytest.raises(ValueError, match="name=empty"):
        Claim("empty", "Nothing.", "nowhere", ())


def test_the_same_records_give_the_same_words(tmp_path, pair):
    pair(5000, 3000)
    comparison = Difference(LEFT, RIGHT, at_least=np.float64(1))
    first, second = (check(tmp_path, comparison) for _ in range(2))
    assert first == second
