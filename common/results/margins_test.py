"""Comparisons with a margin: what they subtract, and where they turn."""

import numpy as np
import pytest

from common.results import measured
from common.results.differences import (
    Difference,
    RatioDifference,
    TransferDifference,
)

TOTAL = 10_000
WIDE = ("wide", "pgd_20", "clean")
NARROW = ("narrow", "pgd_20", "clean")
STRONG, WEAK = ("source", "fgsm_to_b"), ("source", "iter_to_b")


@pytest.fixture
def runs(tmp_path, write_run, outcomes):
    """Ratios 0.75 and 0.5; transfer rates 60 and 20 %."""
    write_run("wide", {"pgd_20": outcomes(6000, TOTAL), "clean": outcomes(8000, TOTAL)})
    write_run(
        "narrow", {"pgd_20": outcomes(3500, TOTAL), "clean": outcomes(7000, TOTAL)}
    )
    image = np.arange(TOTAL)
    transfers = {
        "fgsm_to_b": {"survived": image % 5 < 2, "fooled": image < 5000},
        "iter_to_b": {"survived": image % 5 > 0, "fooled": image < 9000},
    }
    for record in transfers.values():
        record |= {"target": "b", "num_images": TOTAL, "seed": 3}
    write_run("source", transfers)
    return measured.find(tmp_path / "runs", "fake", "paper")


KINDS = [
    (RatioDifference, (WIDE, NARROW), 0.25, "= +0.250 ["),
    (TransferDifference, (STRONG, WEAK), 40.0, "= +40.00 points ["),
    (Difference, (WEAK, STRONG), 40.0, "= +40.00 points ["),
]


@pytest.mark.parametrize(("kind", "sides", "value", "words"), KINDS)
def test_a_bound_is_held_with_the_whole_interval_or_not_at_all(
    runs, kind, sides, value, words
):
    step = 0.1 * value
    for bound, at_least, at_most in (
        (value - step, "holds", "fails"),
        (value, "inconclusive", "inconclusive"),
        (value + step, "fails", "holds"),
    ):
        verdict, line = kind(*sides, at_least=bound).check(runs)
        assert verdict == at_least
        assert words in line
        assert f"on {TOTAL} images; claimed at least" in line
        assert kind(*sides, at_most=bound).check(runs)[0] == at_most


@pytest.mark.parametrize(("kind", "sides", "value", "words"), KINDS)
def test_the_wrong_way_round_has_the_other_sign_and_fails(
    runs, kind, sides, value, words
):
    verdict, line = kind(*sides[::-1], at_least=value / 2).check(runs)
    assert verdict == "fails"
    assert words.replace("+", "-") in line


def test_equal_ratios_are_no_proof_of_an_order(runs):
    for kind, side in ((RatioDifference, WIDE), (TransferDifference, WEAK)):
        verdict, _ = kind(side, side, at_least=0.0).check(runs)
        assert verdict == "inconclusive"


def test_the_title_names_every_evaluation(runs):
    kinds = {
        RatioDifference(WIDE, NARROW, at_least=0): (
            "wide pgd_20/clean - narrow pgd_20/clean ="
        ),
        TransferDifference(STRONG, WEAK, at_least=0): (
            "transfer of source fgsm_to_b - source iter_to_b ="
        ),
    }
    for kind, title in kinds.items():
        assert kind.check(runs)[1].startswith(title)


def test_needs_are_the_evaluations_of_both_sides():
    assert RatioDifference(WIDE, NARROW, at_least=0).needs == (
        ("wide", "pgd_20"),
        ("wide", "clean"),
        ("narrow", "pgd_20"),
        ("narrow", "clean"),
    )
    assert TransferDifference(STRONG, WEAK, at_least=0).needs == (STRONG, WEAK)


def test_a_missing_evaluation_is_not_run_and_named(runs):
    verdict, line = RatioDifference(WIDE, ("narrow", "a", "clean"), at_least=0).check(
        runs
    )
    assert (verdict, line.partition(": ")[2]) == ("not run", "not run: narrow a")


def test_images_that_another_seed_drew_are_not_compared(tmp_path, runs, write_run):
    image = np.arange(TOTAL)
    drawn = {"survived": image < 5, "fooled": image < 9, "target": "b"}
    write_run("source", {"other": {**drawn, "num_images": TOTAL, "seed": 4}})
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    comparison = TransferDifference(STRONG, ("source", "other"), at_least=0)
    assert comparison.check(runs)[0] == "inconclusive"


def test_a_rate_among_no_images_is_inconclusive(tmp_path, runs, write_run):
    none = {"survived": np.ones(TOTAL, bool), "fooled": np.zeros(TOTAL, bool)}
    write_run("source", {"nothing": {**none, "target": "b", "seed": 3}})
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    comparison = TransferDifference(STRONG, ("source", "nothing"), at_least=0)
    verdict, line = comparison.check(runs)
    assert verdict == "inconclusive"
    assert line.endswith("no images to count")
