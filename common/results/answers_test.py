"""Results read every record once, and know which run is whose."""

import pytest

from common import files


def test_every_record_is_read_once_for_all_answers(
    results, write_run, outcomes, monkeypatch
):
    for name in ("natural", "free_4"):
        write_run(name, {"clean": outcomes(900), "pgd_20": outcomes(400)})
    read = []
    for home, function in ((files, "read_json"), (files, "json_lines")):
        kept = getattr(home, function)
        monkeypatch.setattr(
            home, function, lambda path, kept=kept: read.append(path) or kept(path)
        )
    found = results()
    assert found.cells is found.cells and found.claims is found.claims
    for _ in range(2):
        assert found.cells and found.claims and not found.findings
        assert all(found.time_ratio(run) for run in found.trained.values())
    assert len(read) == len(set(read)) == 2 * (1 + 1 + 2)


def ratios(results):
    return {name: results.time_ratio(run) for name, run in results.trained.items()}


def test_time_is_divided_by_that_of_a_method_that_crafts_no_images(results, write_run):
    write_run("natural", {}, minutes=10.0)
    write_run("free_4", {}, minutes=15.0)
    write_run("free_4@epsilon=1", {}, minutes=20.0)
    found = ratios(results())
    assert found == {"natural": 1.0, "free_4": 1.5, "free_4@epsilon=1": 2.0}


@pytest.mark.parametrize(
    "field", ["dataset", "network", "batch_size", "num_steps", "seed"]
)
def test_another_network_length_or_seed_has_no_ratio(results, write_run, field):
    write_run("natural", {}, recipe={"num_steps": 10, "l2": 0.0})
    write_run("natural@l2=1", {}, recipe={"num_steps": 10, "l2": 1.0})
    write_run("free_4", {}, recipe={"num_steps": 10, field: 20})
    assert ratios(results()) == {"natural": 1.0, "natural@l2=1": 1.0, "free_4": None}


def test_an_unfinished_training_has_no_ratio(results, write_run):
    write_run("natural", {})
    write_run("free_4", {}, minutes=None)
    assert ratios(results()) == {"natural": 1.0, "free_4": None}
    write_run("natural", {}, minutes=None)
    assert set(ratios(results()).values()) == {None}


def test_a_training_of_another_machine_has_no_ratio(results, write_run):
    write_run("natural", {}, hardware="an abacus")
    write_run("free_4", {}, hardware="a loom")
    assert ratios(results())["free_4"] is None
    anew = {"step": 0, "hardware": "an abacus"}  # before the first checkpoint
    write_run("free_4", {}, hardware="a loom", continued=[anew])
    assert ratios(results())["free_4"] == 1.0
    moved = {"step": 5, "hardware": "a loom"}
    write_run("free_4", {}, hardware="an abacus", continued=[moved])
    assert ratios(results())["free_4"] is None
