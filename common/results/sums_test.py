"""Sums of metrics over seeds; those of one seed are tested beside the bounds."""

import re

import numpy as np
import pytest
from scipy import stats

from common.results import measured, summary
from common.results.claims import Claim, ClaimResult
from common.results.margins import (
    difference,
    difference_of_differences,
    gain,
    level,
    time_ratio,
)

TOTAL = 1_000
RIGHT = {  # of each seed, clean and under attack
    "fast": ((800, 500), (880, 660), (760, 420)),
    "slow": ((790, 460), (850, 540), (700, 330)),
}


@pytest.fixture
def runs(tmp_path, write_run, outcomes):
    for name, seeds in RIGHT.items():
        for seed, (clean, pgd) in enumerate(seeds):
            write_run(
                f"{name}_seed{seed}" if seed else name,
                {"clean": outcomes(clean, TOTAL), "pgd": outcomes(pgd, TOTAL)},
            )
    return measured.find(tmp_path / "runs", "fake", "paper")


def percent(name, column):
    return np.array([seed[column] for seed in RIGHT[name]]) * 100 / TOTAL


def test_two_recipes_are_compared_by_welchs_interval(runs):
    fast, slow = percent("fast", 1), percent("slow", 1)
    wanted = stats.ttest_ind(fast, slow, equal_var=False).confidence_interval(0.95)
    found = gain("fast", "slow", "pgd", at_least=0.0, seeds=(0, 1, 2)).finding(runs)
    assert found.estimate == pytest.approx((np.mean(fast - slow), *wanted))
    assert found.words.endswith(
        f"on {TOTAL} images; of each seed: +4.00, +12.00, +9.00"
    )


def test_two_evaluations_of_one_network_are_compared_seed_by_seed(runs):
    falls = percent("fast", 0) - percent("fast", 1)
    wanted = stats.ttest_1samp(falls, 0.0).confidence_interval(0.95)
    comparison = difference(
        ("fast", "clean"), ("fast", "pgd"), at_most=40.0, seeds=(0, 1, 2)
    )
    found = comparison.finding(runs).estimate
    assert found == pytest.approx((falls.mean(), *wanted))


def test_a_difference_of_differences_has_one_number_of_each_network(runs):
    falls = [percent(name, 0) - percent(name, 1) for name in ("slow", "fast")]
    wanted = stats.ttest_ind(*falls, equal_var=False).confidence_interval(0.95)
    sides = (((name, "clean"), (name, "pgd")) for name in ("slow", "fast"))
    comparison = difference_of_differences(*sides, at_least=0.0, seeds=(0, 1, 2))
    found = comparison.finding(runs).estimate
    assert found == pytest.approx((np.mean(falls[0] - falls[1]), *wanted))


def test_one_network_alone_has_students_interval(runs):
    clean = percent("fast", 0)
    wanted = stats.ttest_1samp(clean, 0.0).confidence_interval(0.95)
    found = (
        level("fast", "clean", at_least=50.0, seeds=(0, 1, 2)).finding(runs).estimate
    )
    assert found == pytest.approx((clean.mean(), *wanted))


def test_a_seed_that_is_missing_is_named(runs):
    kept = {name: run for name, run in runs.items() if name != "slow_seed2"}
    answer = gain("fast", "slow", "pgd", at_least=0.0, seeds=(0, 1, 2)).check(kept)
    assert answer == (
        "not run",
        "fast pgd - slow pgd, mean of seeds 0, 1, 2: not run: slow_seed2 pgd",
    )


@pytest.mark.parametrize("seeds", [(), (1,), (2, 2), (2, 2, 3)])
def test_seed_0_is_alone_or_there_are_several(seeds):
    with pytest.raises(ValueError, match=f"seeds={re.escape(str(seeds))}"):
        level("fast", "clean", at_least=0.0, seeds=seeds)


def test_times_have_one_seed():
    with pytest.raises(ValueError, match="metric=minutes"):
        time_ratio("fast", "slow", at_most=1.0, seeds=(0, 1, 2))


def test_seeds_that_agree_leave_the_interval_of_the_images(runs):
    """All networks are as accurate as each other: no direction is shown."""
    same = {f"{name}{end}": runs["fast"] for name in "ab" for end in ("", "_seed1")}
    comparison = gain("a", "b", "pgd", at_least=0.0, seeds=(0, 1))
    found = comparison.finding(same).estimate
    alone = gain("a", "b", "pgd", at_least=0.0).finding(same).estimate
    assert found == pytest.approx(alone)
    assert comparison.check(same)[0] == "inconclusive"


def test_seed_0_need_not_be_among_them(runs):
    kept = {name: run for name, run in runs.items() if name.endswith(("1", "2"))}
    comparison = gain("fast", "slow", "pgd", at_least=0.0, seeds=(1, 2))
    line = comparison.line(kept)
    assert line.startswith("fast pgd - slow pgd, mean of seeds 1, 2 = +10.50 points [")
    claim = Claim("a", "b", "c", comparisons=(comparison,))
    result = ClaimResult(claim, "inconclusive", (line,), comparison)
    equation, _ = summary._numbers(result, kept)
    assert equation.startswith("54.00 - 43.50 = +10.50 [")
