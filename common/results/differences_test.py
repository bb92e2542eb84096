"""Two differences against each other: what is subtracted, and where it turns."""

import numpy as np
import pytest

from common.results import measured
from common.results.claims import (
    Difference,
    DifferenceOfDifferences,
    LeaksDifference,
)

TOTAL = 2_000
WEAK, STRONG = "pgd_20", "pgd_100"
MIXED = (("mixed", WEAK), ("mixed", STRONG))
ADVERSARIAL = (("adversarial", WEAK), ("adversarial", STRONG))


@pytest.fixture
def runs(tmp_path, write_run, outcomes):
    """More steps cost one network 20 points and the other 5."""
    for name, weak, strong in (("mixed", 1000, 600), ("adversarial", 900, 800)):
        write_run(name, {WEAK: outcomes(weak, TOTAL), STRONG: outcomes(strong, TOTAL)})
    return measured.find(tmp_path / "runs", "fake", "paper")


@pytest.mark.parametrize(
    ("bound", "at_least", "at_most"),
    [
        (12.0, "holds", "fails"),
        (15.0, "inconclusive", "inconclusive"),
        (18.0, "fails", "holds"),
    ],
)
def test_a_bound_is_held_with_the_whole_interval_or_not_at_all(
    runs, bound, at_least, at_most
):
    verdict, line = DifferenceOfDifferences(MIXED, ADVERSARIAL, at_least=bound).check(
        runs
    )
    assert verdict == at_least
    assert line.startswith(
        "(mixed pgd_20 - mixed pgd_100) - (adversarial pgd_20 - adversarial pgd_100) "
        "= +15.00 points ["
    )
    assert f"on {TOTAL} images; claimed at least" in line
    comparison = DifferenceOfDifferences(MIXED, ADVERSARIAL, at_most=bound)
    assert comparison.check(runs)[0] == at_most


def test_a_difference_may_be_written_in_words():
    assert Difference.of("mixed pgd_20", "other clean", at_most=1.0) == Difference(
        ("mixed", "pgd_20"), ("other", "clean"), at_most=1.0
    )


def test_the_wrong_way_round_has_the_other_sign(runs):
    verdict, line = DifferenceOfDifferences(ADVERSARIAL, MIXED, at_least=0.0).check(
        runs
    )
    assert verdict == "fails"
    assert "= -15.00 points [" in line


def test_all_four_evaluations_are_needed_and_a_missing_one_is_named(runs):
    comparison = DifferenceOfDifferences(
        MIXED, (("adversarial", WEAK), ("other", STRONG)), at_least=0.0
    )
    assert comparison.needs == (*MIXED, ("adversarial", WEAK), ("other", STRONG))
    verdict, line = comparison.check(runs)
    assert verdict == "not run"
    assert line.endswith(": not run: other pgd_100")


def test_other_images_are_not_compared(tmp_path, runs, write_run):
    write_run("mixed", {WEAK: np.ones(TOTAL, bool), STRONG: np.ones(TOTAL - 1, bool)})
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    comparison = DifferenceOfDifferences(MIXED, ADVERSARIAL, at_least=0.0)
    assert comparison.check(runs)[0] == "inconclusive"


@pytest.mark.parametrize(
    ("left", "right", "expected", "verdict"),
    [("small", "large", -5.0, "fails"), ("large", "small", 5.0, "holds")],
)
def test_leaked_labels_are_counted_where_the_attack_without_the_label_wins(
    tmp_path, write_run, outcomes, left, right, expected, verdict
):
    """At the small radius 100 of 2,000 labels leak, at the large one 200."""
    records = {"small": outcomes(500, TOTAL), "large": outcomes(400, TOTAL)}
    without = {"small": outcomes(400, TOTAL), "large": outcomes(200, TOTAL)}
    records |= {f"{key} without": right for key, right in without.items()}
    write_run("network", records)
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    sides = (("network", key, f"{key} without") for key in (left, right))
    comparison = LeaksDifference(*sides, at_least=0.0)
    found, line = comparison.check(runs)
    assert comparison.number(runs) == pytest.approx(expected)
    assert found == verdict
    assert line.startswith(f"leaks of network {left}/{left} without - network {right}/")
