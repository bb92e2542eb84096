"""Times are divided by natural training of the same network on the same data."""

import pytest

from common.results import measured, times


def ratios(tmp_path):
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    return {name: times.ratio(run, runs) for name, run in runs.items()}


def test_time_is_divided_by_natural_training_on_the_same_data(tmp_path, write_run):
    for name, minutes in (
        ("a_natural", 10.0),
        ("a_free", 15.0),
        ("b_natural", 50.0),
        ("b_free", 25.0),
        ("c_free", 1.0),
    ):
        write_run(name, {}, minutes=minutes)
    assert ratios(tmp_path) == {
        "a_natural": 1.0,
        "a_free": 1.5,
        "b_natural": 1.0,
        "b_free": 0.5,
        "c_free": None,
    }


def test_the_longest_prefix_counts_and_a_baseline_is_natural(tmp_path, write_run):
    for name, minutes in (
        ("baseline", 10.0),
        ("wide_baseline", 20.0),
        ("step_ll", 15.0),
        ("wide_step_ll", 50.0),
    ):
        write_run(name, {}, minutes=minutes)
    assert ratios(tmp_path) == {
        "baseline": 1.0,
        "wide_baseline": 1.0,
        "step_ll": 1.5,
        "wide_step_ll": 2.5,
    }


@pytest.mark.parametrize("field", ["dataset", "network", "batch_size", "num_steps"])
def test_another_network_or_length_has_no_ratio(tmp_path, write_run, field):
    write_run("natural", {}, recipe={"num_steps": 10, "l2": 0.0})
    write_run("same", {}, recipe={"num_steps": 10, "l2": 1.0})
    write_run("other", {}, recipe={"num_steps": 10, field: 20})
    assert ratios(tmp_path) == {"natural": 1.0, "same": 1.0, "other": None}


def test_an_unfinished_training_has_no_ratio(tmp_path, write_run):
    write_run("natural", {})
    write_run("free", {}, minutes=None)
    assert ratios(tmp_path) == {"natural": 1.0, "free": None}
