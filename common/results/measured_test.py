import json

import numpy as np
import pytest

from common import files, intervals
from common.results import measured


def find(tmp_path, name="free_4"):
    return measured.find(tmp_path / "runs", "fake", "paper")[name]


def test_a_run_gives_counts_interval_and_outcomes(tmp_path, write_run, outcomes):
    write_run("free_4", {"clean": outcomes(800), "pgd_20": outcomes(500)})
    run = find(tmp_path)
    assert run.evaluations == ("clean", "pgd_20")
    found = run.evaluation("pgd_20")
    assert (found.correct, found.total, found.accuracy) == (500, 1000, 50.0)
    assert found.interval == intervals.wilson(500, 1000)
    assert found.attack["num_steps"] == 20
    assert not run.evaluation("clean").attack
    np.testing.assert_array_equal(run.survived("pgd_20"), outcomes(500))


def test_what_was_not_run_is_none(tmp_path, write_run):
    assert measured.find(tmp_path / "runs", "fake", "paper") == {}
    write_run("free_4", {}, minutes=None)
    run = find(tmp_path)
    assert run.evaluation("clean") is None
    assert run.training_minutes is None


def test_a_resumed_training_counts_each_step_once(tmp_path, write_run):
    train = [{"kind": "train", "step": s, "loss": x} for s, x in [(5, 2.0), (10, 3.0)]]
    again = {"kind": "train", "step": 10, "loss": 1.0}
    end = {"kind": "end", "step": 10, "training_minutes": 7.0}
    write_run("free_4", {}, metrics=(*train, end, again), minutes=8.0)
    run = find(tmp_path)
    assert [line["loss"] for line in run.lines("train")] == [2.0, 1.0]
    assert run.training_minutes == 8.0


@pytest.mark.parametrize("name", ["recipe.json", "evaluations/clean.json"])
def test_half_written_json_is_an_error_that_names_the_file(
    tmp_path, write_run, outcomes, name
):
    path = write_run("free_4", {"clean": outcomes(800)})
    (path / name).write_text((path / name).read_text()[:-9])
    run = find(tmp_path)
    with pytest.raises(ValueError, match=f"{path / name}.*half-written JSON"):
        _ = run.manifest, run.evaluation("clean")


def test_outcomes_without_their_record_yet_are_no_evaluation(tmp_path, write_run):
    path = write_run("free_4", {}) / "evaluations"
    path.mkdir(exist_ok=True)
    (path / "clean.npz").write_bytes(b"PK\x03\x04half")
    run = find(tmp_path)
    assert run.evaluations == () and run.evaluation("clean") is None


def test_every_count_is_at_most_the_total(tmp_path, write_run, outcomes):
    record = {"survived": outcomes(5), "transferred": 1001}
    write_run("free_4", {"clean": record})
    with pytest.raises(ValueError, match="transferred=1001, total=1000"):
        find(tmp_path).evaluation("clean")


@pytest.mark.parametrize("counts", [(5, 4), (-1, 4), (0, 0), ("3", 4), (True, 4)])
def test_impossible_counts_are_refused(tmp_path, write_run, outcomes, counts):
    path = write_run("free_4", {"clean": outcomes(800)}) / "evaluations/clean.json"
    record = dict(zip(("correct", "total"), counts, strict=True))
    path.write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"clean.json: expected counts"):
        find(tmp_path).evaluation("clean")


def test_outcomes_that_disagree_with_the_count_are_refused(
    tmp_path, write_run, outcomes
):
    path = write_run("free_4", {"clean": outcomes(800)}) / "evaluations/clean.npz"
    np.savez(path, survived=outcomes(799))
    with pytest.raises(ValueError, match=r"clean.npz.*799 of 1000"):
        find(tmp_path).survived("clean")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04half", None])
def test_broken_outcomes_are_an_error_that_names_the_file(
    tmp_path, write_run, outcomes, content
):
    path = write_run("free_4", {"clean": outcomes(800)}) / "evaluations/clean.npz"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=r"clean.npz: cannot be read"):
        find(tmp_path).survived("clean")


def test_a_missing_array_is_named(tmp_path):
    np.savez(tmp_path / "x.npz", other=np.ones(1))
    with pytest.raises(ValueError, match=r"expected an array clean\. Received: other"):
        files.load_arrays(tmp_path / "x.npz", "clean")


def test_every_array_adds_up_to_a_count(tmp_path, write_run, outcomes):
    arrays = {name: outcomes(i) for i, name in enumerate(measured.COUNTS)}
    path = write_run("free_4", {"pgd_20": {**arrays, "target": "natural"}})
    run = find(tmp_path)
    assert run.evaluation("pgd_20").target == "natural"
    for name, array in arrays.items():
        np.testing.assert_array_equal(run.outcomes("pgd_20", name), array)
    np.savez(path / "evaluations" / "pgd_20.npz", **arrays | {"fooled": outcomes(9)})
    with pytest.raises(ValueError, match=r"pgd_20.npz.*fooled of 9 of 1000"):
        find(tmp_path).outcomes("pgd_20", "fooled")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({}, {"seed": 1}, True),
        ({"num_images": 0}, {"num_images": 0, "seed": 1}, True),
        ({"num_images": 1000}, {"num_images": 1000}, True),
        ({"num_images": 1000}, {"num_images": 1000, "seed": 1}, False),
        ({"num_images": 1000}, {"seed": 1}, False),
    ],
)
def test_drawn_images_are_the_same_by_their_seed(
    tmp_path, write_run, outcomes, left, right, same
):
    write_run(
        "free_4",
        {
            "clean": {"survived": outcomes(5), "seed": 0, **left},
            "pgd_20": {"survived": outcomes(9), "seed": 0, **right},
            "pgd_100": outcomes(5, 10),
        },
    )
    clean, pgd, short = (
        find(tmp_path).evaluation(n) for n in ("clean", "pgd_20", "pgd_100")
    )
    assert clean.same_images(pgd) == pgd.same_images(clean) == same
    assert not clean.same_images(short)
