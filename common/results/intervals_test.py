import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.results import intervals

COUNTS = st.integers(1, 20_000).flatmap(
    lambda total: st.tuples(st.integers(0, total), st.just(total))
)


def outcomes(both, only_left, only_right, neither):
    left = [True] * (both + only_left) + [False] * (only_right + neither)
    right = [True] * both + [False] * only_left + [True] * only_right
    return np.array(left), np.array(right + [False] * neither)


@given(COUNTS)
def test_wilson_contains_the_rate_and_stays_a_percentage(counts):
    low, high = intervals.wilson(*counts)
    assert 0 <= low <= 100 * counts[0] / counts[1] <= high <= 100


@given(COUNTS)
def test_wilson_is_symmetric_in_successes_and_failures(counts):
    correct, total = counts
    low, high = intervals.wilson(correct, total)
    assert intervals.wilson(total - correct, total) == pytest.approx(
        (100 - high, 100 - low), abs=1e-9
    )


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (3, 10), (4551, 10_000)])
def test_wilson_bounds_solve_the_score_equation(correct, total):
    # Each bound p satisfies (p_hat - p)^2 = z^2 p (1 - p) / n.
    rate = correct / total
    for bound in intervals.wilson(correct, total):
        p = bound / 100
        score = (rate - p) ** 2 - intervals.Z95**2 * p * (1 - p) / total
        assert score == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("correct", "total"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused_with_their_values(correct, total):
    with pytest.raises(ValueError, match=f"correct={correct}, total={total}"):
        intervals.wilson(correct, total)


def test_paired_difference_has_the_sign_of_left_minus_right():
    left, right = outcomes(500, 80, 20, 400)
    found = intervals.paired_difference(left, right)
    assert found.value == pytest.approx(6.0)
    assert 0 < found.low < 6 < found.high
    swapped = intervals.paired_difference(right, left)
    assert swapped == pytest.approx((-found.value, -found.high, -found.low))


def test_paired_interval_agrees_with_a_bootstrap():
    left, right = outcomes(3000, 400, 250, 1350)
    difference = left.astype(float) - right
    generator = np.random.default_rng(0)
    means = [100 * generator.choice(difference, 5000).mean() for _ in range(1000)]
    found = intervals.paired_difference(left, right)
    assert np.quantile(means, [0.025, 0.975]) == pytest.approx(found[1:], abs=0.1)


def test_pairs_show_a_small_steady_difference_that_separate_intervals_miss():
    left, right = outcomes(4500, 60, 20, 5420)
    counts = [(int(side.sum()), len(side)) for side in (left, right)]
    assert intervals.wilson(*counts[0])[0] < intervals.wilson(*counts[1])[1]
    assert intervals.separate_difference(*counts).low < 0
    assert intervals.paired_difference(left, right).low > 0
    assert intervals.mcnemar(left, right).p_value < 1e-4


def test_no_disagreement_still_has_an_interval():
    found = intervals.paired_difference(*outcomes(50, 0, 0, 50))
    assert found.value == 0
    assert found.low < 0 < found.high


def test_mcnemar_is_the_mid_p_value_of_the_binomial():
    # Five against none: half of the point probability on both sides.
    found = intervals.mcnemar(*outcomes(10, 0, 5, 10))
    assert found == pytest.approx((0, 5, 2 * 0.5**5 - 0.5**5))
    found = intervals.mcnemar(*outcomes(10, 6, 2, 10))
    tail = sum(math.comb(8, k) for k in range(3)) / 2**8
    assert found.p_value == pytest.approx(2 * tail - math.comb(8, 2) / 2**8)
    assert intervals.mcnemar(*outcomes(10, 3, 3, 10)).p_value == 1


def test_separate_difference_has_the_sign_of_left_minus_right():
    found = intervals.separate_difference((900, 1000), (400, 500))
    assert found.value == pytest.approx(10)
    assert 0 < found.low < 10 < found.high < 20


def test_pairs_of_different_images_are_refused():
    with pytest.raises(ValueError, match="3 and 2 images"):
        intervals.paired_difference(np.ones(3), np.ones(2))
