"""One number of one network against a margin: what is counted, and where it turns."""

import numpy as np
import pytest

from common import intervals
from common.results import measured
from common.results.levels import Accuracy, Leaks, RobustnessRatio

TOTAL = 10_000
LEAKS = ("net", "fgsm", "step_ll")


@pytest.fixture
def runs(tmp_path, write_run):
    """90 % right under FGSM, 92 % under step l.l., of which 8 % of all leak."""
    image = np.arange(TOTAL) % 100
    outcomes = {"fgsm": image < 90, "step_ll": image >= 8, "clean": image < 96}
    write_run("net", outcomes)
    return measured.find(tmp_path / "runs", "fake", "paper")


@pytest.mark.parametrize(
    ("kind", "sides", "value", "words"),
    [
        (Accuracy, ("net", "fgsm"), 90.0, "net fgsm = 90.00 % ["),
        (RobustnessRatio, ("net", "fgsm"), 0.9375, "net fgsm/clean = 0.938 ["),
        (Leaks, LEAKS, 8.0, "net right under fgsm, not step_ll = 8.00 % ["),
    ],
)
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
        assert line.startswith(words)
        assert f"on {TOTAL} images; claimed at least" in line
        assert kind(*sides, at_most=bound).check(runs)[0] == at_most


def test_shares_have_the_interval_of_wilson(runs):
    for comparison, count in (
        (Accuracy("net", "fgsm", at_least=0), 9_000),
        (Leaks(*LEAKS, at_least=0), 800),
    ):
        assert comparison.estimate(runs)[1:] == intervals.wilson(count, TOTAL)


def test_leaks_ask_for_right_with_the_label_and_wrong_without(runs):
    # The other way round: wrong with the label, right without, are 10 %.
    assert Leaks("net", "step_ll", "fgsm", at_least=9.0).check(runs)[0] == "holds"


def test_what_is_needed_is_named_and_asked_for(runs):
    ratio = RobustnessRatio("net", "pgd", at_least=0)
    assert ratio.needs == (("net", "pgd"), ("net", "clean"))
    assert Leaks("net", "a", "b", at_most=1).needs == (("net", "a"), ("net", "b"))
    missing = Accuracy("net", "pgd", at_least=0)
    assert missing.needs == (("net", "pgd"),)
    assert missing.check(runs) == ("not run", "net pgd: not run: net pgd")


def test_an_accuracy_is_reported_as_such_and_nothing_else_is():
    numbers = {("net", "fgsm"): 60.0, ("net", "clean"): 80.0}
    assert Accuracy("net", "fgsm", at_least=0).reported(numbers) == 60.0
    assert Accuracy("net", "step_ll", at_least=0).reported(numbers) is None
    assert RobustnessRatio("net", "fgsm", at_least=0).reported(numbers) is None
