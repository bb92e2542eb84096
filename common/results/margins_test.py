"""Comparisons with a margin: what they add up, and where they turn."""

from functools import partial

import numpy as np
import pytest

from common import intervals
from common.results import measured
from common.results.margins import (
    Comparison,
    Term,
    difference,
    difference_of_differences,
    gain,
    level,
    time_ratio,
)

TOTAL = 10_000
IMAGE = np.arange(TOTAL)
WIDE, NARROW = ("wide", "pgd", "clean"), ("narrow", "pgd", "clean")
STRONG, WEAK = ("source", "fgsm_to_b"), ("source", "iter_to_b")
LARGE, SMALL = ("wide", "label", "no_label"), ("narrow", "label", "no_label")
FALLS = [((name, "clean"), (name, "pgd")) for name in ("narrow", "wide")]

ratio, leaked = (partial(level, metric=metric) for metric in ("ratio", "leaked"))
ratios, transfers, leaks = (
    partial(difference, metric=metric) for metric in ("ratio", "transfer", "leaked")
)

KINDS = {  # what builds it, of what; its number, and how its line begins
    "accuracy": (level, ("wide", "pgd"), 60.0, "wide pgd = 60.00 % ["),
    "ratio": (ratio, WIDE, 0.75, "wide pgd/clean = 0.750 ["),
    "leaked": (leaked, LARGE, 8.0, "wide right under label, not no_label = 8.00 % ["),
    "difference": (
        difference,
        (("wide", "clean"), ("wide", "pgd")),
        20.0,
        "wide clean - wide pgd = +20.00 points [",
    ),
    "gain": (
        gain,
        ("wide", "narrow", "pgd"),
        25.0,
        "wide pgd - narrow pgd = +25.00 points [",
    ),
    "targets": (
        difference,
        (WEAK, STRONG),
        40.0,
        "source iter_to_b - source fgsm_to_b = +40.00 points [",
    ),
    "ratios": (
        ratios,
        (WIDE, NARROW),
        0.25,
        "wide pgd/clean - narrow pgd/clean = +0.250 [",
    ),
    "transfers": (
        transfers,
        (STRONG, WEAK),
        40.0,
        "transfer of source fgsm_to_b - source iter_to_b = +40.00 points [",
    ),
    "leaks": (
        leaks,
        (LARGE, SMALL),
        5.0,
        "leaks of wide label/no_label - narrow label/no_label = +5.00 points [",
    ),
    "differences": (
        difference_of_differences,
        FALLS,
        15.0,
        "(narrow clean - narrow pgd) - (wide clean - wide pgd) = +15.00 points [",
    ),
}
each_kind = pytest.mark.parametrize(
    ("build", "sides", "value", "words"), KINDS.values(), ids=KINDS
)


@pytest.fixture
def runs(tmp_path, write_run, outcomes):
    """Robustness ratios 0.75 and 0.5; transfer rates 60 and 20 %; 8 and 3 % leak."""
    part = IMAGE % 100
    write_run(
        "wide",
        {
            "pgd": outcomes(6000, TOTAL),
            "clean": outcomes(8000, TOTAL),
            "label": part < 90,
            "no_label": part >= 8,
        },
        minutes=12.0,
    )
    write_run(
        "narrow",
        {
            "pgd": outcomes(3500, TOTAL),
            "clean": outcomes(7000, TOTAL),
            "label": part < 90,
            "no_label": part >= 3,
        },
        minutes=10.0,
    )
    write_run(
        "source",
        {
            "fgsm_to_b": transfer(IMAGE % 5 < 2, 5000),
            "iter_to_b": transfer(IMAGE % 5 > 0, 9000),
            "other_seed": transfer(IMAGE % 5 > 0, 9000, seed=4),
            "nothing": transfer(IMAGE >= 0, 0),
        },
    )
    return measured.find(tmp_path / "runs", "fake", "paper")


def transfer(survived, fooled, seed=3):
    drawn = {"num_images": TOTAL, "seed": seed, "target": "b"}
    return {"survived": survived, "fooled": fooled > IMAGE, **drawn}


@each_kind
def test_a_bound_is_held_with_the_whole_interval_or_not_at_all(
    runs, build, sides, value, words
):
    for factor, at_least, at_most in (
        (0.8, "holds", "fails"),
        (1.0, "inconclusive", "inconclusive"),
        (1.2, "fails", "holds"),
    ):
        comparison = build(*sides, at_least=factor * value)
        verdict, line = comparison.check(runs)
        assert verdict == at_least
        assert line.startswith(words)
        assert f"on {TOTAL} images; claimed at least" in line
        assert comparison.finding(runs).estimate.value == pytest.approx(value)
        comparison = build(*sides, at_most=factor * value)
        assert comparison.check(runs)[0] == at_most


@pytest.mark.parametrize(
    "kind", ["difference", "ratios", "transfers", "leaks", "differences"]
)
def test_the_wrong_way_round_has_the_other_sign(runs, kind):
    build, (left, right), value, _ = KINDS[kind]
    verdict, line = build(right, left, at_least=value / 2).check(runs)
    assert verdict == "fails"
    assert " = -" in line
    assert build(left, left, at_least=0.0).check(runs)[0] == "inconclusive"


@each_kind
def test_what_is_needed_is_every_evaluation_and_a_missing_one_is_named(
    runs, build, sides, value, words
):
    comparison = build(*sides, at_least=value)
    assert all(name in words for pair in comparison.needs for name in pair)
    assert comparison.quoted == comparison.needs
    lost = comparison.needs[-1][0]
    kept = {name: run for name, run in runs.items() if name != lost}
    verdict, line = comparison.check(kept)
    assert verdict == "not run"
    title = words.partition(" = ")[0]
    names = [f"{recipe} {e}" for recipe, e in comparison.needs if recipe == lost]
    assert line == f"{title}: not run: {', '.join(names)}"
    assert comparison.finding(kept).estimate is None


def test_each_kind_has_its_own_interval(runs):
    clean, pgd = (runs["wide"].survived(name) for name in ("clean", "pgd"))
    others = tuple(runs["narrow"].survived(name) for name in ("clean", "pgd"))
    rates = [
        intervals.Ratio(fooled & ~runs["source"].survived(name), fooled)
        for name in ("fgsm_to_b", "iter_to_b")
        for fooled in [runs["source"].outcomes(name, "fooled")]
    ]
    expected = {
        "accuracy": (60.0, *intervals.wilson(6000, TOTAL)),
        "leaked": (8.0, *intervals.wilson(800, TOTAL)),
        "ratio": intervals.ratio(intervals.Ratio(pgd, clean)),
        "difference": intervals.paired_difference(clean, pgd),
        "differences": intervals.difference_of_differences(others, (clean, pgd)),
        "transfers": intervals.ratio_difference(*rates).scaled(100),
    }
    for kind, interval in expected.items():
        build, sides, *_ = KINDS[kind]
        comparison = build(*sides, at_least=0.0)
        assert comparison.finding(runs).estimate == tuple(interval)


def test_ratios_to_a_perfect_network_stay_ratios(tmp_path, write_run, outcomes):
    for name, right in (("a", 900), ("b", 600)):
        write_run(name, {"pgd": outcomes(right), "clean": outcomes(1000)})
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    sides = (("a", "pgd", "clean"), ("b", "pgd", "clean"))
    comparison = ratios(*sides, at_least=0.2)
    assert comparison.finding(runs).estimate.value == pytest.approx(0.3)
    assert comparison.check(runs)[0] == "holds"


def test_means_differ_on_the_same_images(tmp_path, write_run):
    generator = np.random.default_rng(5)
    numbers = {"wide": generator.random(50)}
    numbers["narrow"] = numbers["wide"] - 0.25 + 0.01 * generator.random(50)
    for name, values in numbers.items():
        masking = {"survived": values > 0.5, "cosine": values}
        write_run(name, {"masking": masking, "clean": values > 0.5})
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    sides = ("wide", "masking"), ("narrow", "masking")
    verdict, line = difference(*sides, metric="cosine", at_least=0.2).check(runs)
    assert verdict == "holds"
    assert line.startswith("cosine of wide masking - narrow masking = +0.24")
    low, high = intervals.mean_difference(*numbers.values())[1:]
    assert f"[{low:+.2f}, {high:+.2f}] on 50 images" in line
    missing = difference(sides[0], ("wide", "clean"), metric="cosine", at_least=0.2)
    assert missing.check(runs)[0] == "inconclusive"


def test_leaks_ask_for_right_with_the_label_and_wrong_without(runs):
    # The other way round: wrong with the label, right without, are 10 %.
    swapped = leaked("wide", "no_label", "label", at_least=9.0)
    assert swapped.check(runs)[0] == "holds"


def test_other_images_are_not_compared(runs, write_run, outcomes):
    write_run("few", {"pgd": outcomes(10, 200)})
    runs = measured.find(runs["wide"].path.parents[2], "fake", "paper")
    verdict, line = gain("wide", "few", "pgd", at_least=0.0).check(runs)
    assert verdict == "inconclusive"
    assert f"{TOTAL} against 200 images" in line
    drawn = transfers(STRONG, ("source", "other_seed"), at_least=0.0)
    assert drawn.check(runs)[0] == "inconclusive"


def test_a_rate_among_no_images_is_inconclusive(runs):
    for comparison in (
        transfers(STRONG, ("source", "nothing"), at_least=0.0),
        level("source", "nothing", metric="transfer", at_least=0.0),
    ):
        verdict, line = comparison.check(runs)
        assert verdict == "inconclusive"
        assert line.endswith("no images to count")


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"at_most": 1.3}, "holds"),
        ({"at_most": 1.1}, "fails"),
        ({"at_least": 1.1}, "holds"),
        ({"at_least": 1.3}, "fails"),
    ],
)
def test_times_are_divided_in_the_order_given(runs, bound, verdict):
    times = time_ratio("wide", "narrow", **bound)  # 12 and 10 minutes
    found, line = times.check(runs)
    assert found == verdict
    assert line.startswith("minutes of wide / narrow = 12.00 / 10.00 = 1.20; claimed")
    assert times.finding(runs).estimate.value == pytest.approx(1.2)
    assert times.needs == ()


def test_a_training_that_is_missing_has_no_time(runs):
    times = time_ratio("wide", "other", at_most=2)
    assert times.check(runs) == (
        "not run",
        "minutes of wide / other: not trained: other",
    )
    assert times.finding(runs).estimate is None


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"hardware": "8 x A100"}, "on 1 of 8 x A100 by tensorflow in float32 and on"),
        ({"devices": 8}, "on 8 of a machine by tensorflow in float32 and on 1 of"),
        ({"backend": "jax"}, "on 1 of a machine by jax in float32 and on 1 of a ma"),
        ({"precision": "mixed_bfloat16"}, "by tensorflow in mixed_bfloat16 and on"),
        (
            {"continued": [{"devices": 8}]},
            "tensorflow in float32 and on 8 of a",
        ),
    ],
)
def test_times_of_different_places_are_not_judged(tmp_path, write_run, place, words):
    write_run("free_4", {}, minutes=12.0, **place)
    write_run("natural", {}, minutes=10.0)
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    verdict, line = time_ratio("free_4", "natural", at_most=1.3).check(runs)
    assert verdict == "inconclusive"
    assert words in line


def test_accuracies_and_times_are_reported_and_nothing_else_is():
    numbers = {
        **{("a", "clean"): 90.0, ("a", "pgd"): 40.0},
        **{("b", "clean"): 80.0, ("b", "pgd"): 50.0},
        **{("a", "training_time"): 30.0, ("b", "training_time"): 20.0},
    }
    falls = [((name, "clean"), (name, "pgd")) for name in "ab"]
    for comparison, expected in (
        (level("a", "pgd", at_least=0), 40.0),
        (difference(*falls[0], at_least=0), 50.0),
        (gain("a", "b", "pgd", at_least=0), -10.0),
        (difference_of_differences(*falls, at_least=0), 50.0 - 30.0),
        (time_ratio("a", "b", at_most=1), 1.5),
        (ratio("a", "pgd", "clean", at_least=0), None),
        (leaked("a", "pgd", "clean", at_least=0), None),
        (gain("a", "c", "pgd", at_least=0), None),
    ):
        assert comparison.reported(numbers) == expected


def test_two_bounds_say_and_hold_what_each_would(runs):
    value = level("wide", "pgd", at_least=0.0).finding(runs).estimate.value
    for low, high in ((0.0, 100.0), (value, 100.0), (0.0, value), (0.0, 1.0)):
        both = level("wide", "pgd", at_least=low, at_most=high)
        alone = (
            level("wide", "pgd", at_least=low),
            level("wide", "pgd", at_most=high),
        )
        found = {each.check(runs)[0] for each in alone}
        worst = next(v for v in ("fails", "inconclusive", "holds") if v in found)
        assert both.check(runs)[0] == worst
        assert both.slack(runs) == min(each.slack(runs) for each in alone)
        assert both.bound == f"from {low:g} to {high:g} %"


@pytest.mark.parametrize("bounds", [{}, {"at_least": 2.0, "at_most": 1.0}])
def test_a_comparison_has_a_bound_and_two_in_order(bounds):
    for build in (level, time_ratio):
        with pytest.raises(ValueError, match="needs at_least or at_most"):
            build("a", "b", **bounds)


@pytest.mark.parametrize(
    "terms",
    [
        (),
        (Term(-1, "accuracy", "a", "pgd"),),
        (Term(1, "accuracy", "a", "pgd"), Term(1, "accuracy", "b", "pgd")),
        (Term(1, "accuracy", "a", "pgd"), Term(-1, "success", "b", "pgd")),
        [Term(sign, "transfer", "a", "pgd") for sign in (1, -1, -1, 1)],
    ],
)
def test_sums_without_an_interval_are_refused(terms):
    with pytest.raises(ValueError, match="A comparison has one term, two with"):
        Comparison(terms, at_least=0.0)


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(ValueError, match="accuracy"):
        level("a", "pgd", metric="acuracy", at_least=0.0)
