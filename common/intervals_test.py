import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import intervals

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


@pytest.mark.parametrize("groups", [[], [np.ones(3), np.ones(1)]])
def test_a_spread_needs_two_numbers_in_every_group(groups):
    with pytest.raises(ValueError, match=r"Received: numbers=\["):
        intervals.sum_of_means(groups)


def test_numbers_that_do_not_spread_have_no_width():
    assert intervals.sum_of_means([np.full(3, 2.0), np.full(2, 1.0)]) == (3, 3, 3)


def test_mcnemar_is_the_mid_p_value_of_the_binomial():
    # Five against none: half of the point probability on both sides.
    found = intervals.mcnemar(*outcomes(10, 0, 5, 10))
    assert found == pytest.approx((0, 5, 2 * 0.5**5 - 0.5**5))
    found = intervals.mcnemar(*outcomes(10, 6, 2, 10))
    tail = sum(math.comb(8, k) for k in range(3)) / 2**8
    assert found.p_value == pytest.approx(2 * tail - math.comb(8, 2) / 2**8)
    assert intervals.mcnemar(*outcomes(10, 3, 3, 10)).p_value == 1


def test_separate_difference_is_newcombes_example():
    # Newcombe (1998), table II, row a, method 10: 56 of 70 and 48 of 80.
    found = intervals.separate_difference((56, 70), (48, 80))
    assert found == pytest.approx((20.0, 5.24, 33.39), abs=0.005)


def test_pairs_of_different_images_are_refused():
    with pytest.raises(ValueError, match="3 and 2 images"):
        intervals.paired_difference(np.ones(3), np.ones(2))


def falls(seed, total, chances=(0.6, 0.5, 0.55, 0.5)):
    """Four outcomes on the same images, of rates that hang together."""
    skill = np.random.default_rng(seed).random(total)
    noise = np.random.default_rng(seed + 1).normal(0, 0.1, (4, total))
    a, b, c, d = (skill + n < p for n, p in zip(noise, chances, strict=True))
    return (a, b), (c, d)


def test_a_difference_of_differences_is_their_difference_and_has_its_sign():
    left, right = falls(0, 4000)
    found = intervals.difference_of_differences(left, right)
    parts = [intervals.paired_difference(*side).value for side in (left, right)]
    assert found.value == pytest.approx(parts[0] - parts[1])
    assert 0 < found.low < found.value < found.high
    swapped = intervals.difference_of_differences(right, left)
    assert swapped == pytest.approx((-found.value, -found.high, -found.low))


def test_a_difference_of_differences_of_known_counts():
    # 300 images fall on the left alone, 100 on the right alone, 600 on both.
    image = np.arange(10_000)
    left = (image < 2000, (image < 2000) & (image >= 900))
    right = (image < 2000, (image < 2000) & ((image < 300) | (image >= 1000)))
    found = intervals.difference_of_differences(left, right)
    assert found.value == pytest.approx(2.0)
    half = 100 * intervals.Z95 * math.sqrt((0.04 - 0.02**2) / 10_000)
    assert found[1:] == pytest.approx((2 - half, 2 + half), abs=0.01)


def test_a_difference_from_none_is_that_of_pairs():
    (left, right), _ = falls(2, 4000)
    found = intervals.difference_of_differences((left, right), (left, left))
    assert found == pytest.approx(intervals.paired_difference(left, right), abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.3])
def test_a_difference_of_few_disagreements_keeps_its_coverage(share):
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(500):
        right, *fallen = generator.random((3, 200)) < [[0.5], [share], [share]]
        sides = [(right, right & ~fell) for fell in fallen]
        found = intervals.difference_of_differences(*sides)
        assert found.low < found.value < found.high
        covered += found.low <= 0 <= found.high
    assert covered / 500 >= 0.93


def test_differences_of_other_images_are_refused():
    pair = np.ones(3, bool), np.zeros(3, bool)
    with pytest.raises(ValueError, match="3 and 4 images"):
        intervals.difference_of_differences(pair, (np.ones(4), np.ones(4)))
    with pytest.raises(ValueError, match="3 and 4 images"):
        intervals.difference_of_differences(pair, (np.ones(3), np.ones(4)))


def correlated(seed, shares=(0.5, 0.7, 0.6, 0.8), total=4000):
    """Two ratios on the same images, of rates that hang together."""
    generator = np.random.default_rng(seed)
    skill = generator.normal(size=total)
    left, among_left, right, among_right = (
        skill + generator.normal(size=total) < math.sqrt(2) * normal_quantile(share)
        for share in shares
    )
    return intervals.Ratio(left, among_left), intervals.Ratio(right, among_right)


def normal_quantile(share):
    return statistics.NormalDist().inv_cdf(share)


def test_a_ratio_among_its_own_images_is_a_rate():
    among = np.arange(4000) < 2500
    found = intervals.ratio(intervals.Ratio(np.arange(4000) < 1000, among))
    assert found.value == 0.4
    half = intervals.Z95 * math.sqrt(0.4 * 0.6 / 2500)
    assert found[1:] == pytest.approx((0.4 - half, 0.4 + half), rel=1e-3)


def test_the_interval_of_a_ratio_is_that_of_its_logarithm():
    # Var log(a / b) = (a only + b only) / (a b) for two counts on the same images.
    left, right = outcomes(20_000, 3000, 12_000, 15_000)
    found = intervals.ratio(intervals.Ratio(left, right))
    assert found.value == pytest.approx(23 / 32)
    half = intervals.Z95 * found.value * math.sqrt(15_000 / (23_000 * 32_000))
    assert found[1:] == pytest.approx(
        (found.value - half, found.value + half), abs=1e-4
    )


def bootstrap(left, right):
    """The percentile interval of 2,000 resamples of the images."""
    generator = np.random.default_rng(0)
    images = np.array([*left, *right], dtype=float)
    sums = np.array(
        [
            images[:, generator.integers(images.shape[1], size=images.shape[1])].sum(1)
            for _ in range(2000)
        ]
    )
    values = sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
    return np.quantile(values, [0.025, 0.975])


def test_a_difference_of_ratios_agrees_with_a_paired_bootstrap():
    left, right = correlated(0)
    found = intervals.ratio_difference(left, right)
    expected = left.counted.sum() / left.among.sum()
    expected -= right.counted.sum() / right.among.sum()
    assert found.value == pytest.approx(expected)
    assert found[1:] == pytest.approx(bootstrap(left, right), abs=0.003)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95, 1.0])
def test_ratios_of_few_images_keep_their_coverage(share):
    generator = np.random.default_rng(0)
    among = np.arange(200) < 40
    other = np.roll(among, 40)
    covered = np.zeros(2)
    for _ in range(500):
        left = intervals.Ratio(among & (generator.random(200) < share), among)
        right = intervals.Ratio(other & (generator.random(200) < share), other)
        one, two = intervals.ratio(left), intervals.ratio_difference(left, right)
        covered += (one.low <= share <= one.high, two.low <= 0 <= two.high)
        assert one.low <= one.value <= one.high
        assert two.low < two.value < two.high
    assert all(covered / 500 >= 0.93)


def test_ratios_among_nothing_or_of_other_images_are_refused():
    ones, none = np.ones(3, bool), np.zeros(3, bool)
    with pytest.raises(ValueError, match="among=0"):
        intervals.ratio(intervals.Ratio(ones, none))
    pair = intervals.Ratio(ones, ones), intervals.Ratio(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"images=\[3, 3, 2, 2\]"):
        intervals.ratio_difference(*pair)


def test_a_mean_has_the_normal_interval_and_pairs_that_of_their_differences():
    generator = np.random.default_rng(4)
    left = generator.normal(3.0, 2.0, 400)
    right = left + generator.normal(0.5, 0.1, 400)
    found = intervals.mean(left)
    assert found.value == pytest.approx(left.mean())
    half = 1.96 * left.std() / 20
    assert (found.high - found.value, found.value - found.low) == pytest.approx(
        (half, half), rel=1e-4
    )
    gap = intervals.mean_difference(right, left)
    assert gap.value == pytest.approx(0.5, abs=0.02)
    assert gap.high - gap.low < 0.03
    with pytest.raises(ValueError, match="Received: 400 and 399 images"):
        intervals.mean_difference(left, right[1:])


def test_differences_stay_within_what_is_possible():
    all_right, none_right = np.ones(20, bool), np.zeros(20, bool)
    sides = (all_right, none_right), (none_right, all_right)
    assert intervals.paired_difference(*sides[0]).high == 100
    assert intervals.paired_difference(*sides[1]).low == -100
    assert intervals.difference_of_differences(*sides).high == 200
    assert intervals.difference_of_differences(*reversed(sides)).low == -200


def test_the_interval_of_a_ratio_does_not_reach_below_zero():
    counted, among = np.zeros(20, bool), np.ones(20, bool)
    found = intervals.ratio(intervals.Ratio(counted, among))
    assert found.value == found.low == 0 < found.high
