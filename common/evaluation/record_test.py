"""What a record writes, and that the results read the same back."""

import dataclasses
import json

import numpy as np
import pytest

from common import attacks, evaluation, files, intervals
from common.attacks import attack as contract
from common.evaluation import Record
from common.evaluation import record as records
from common.evaluation.record import NEVER, UNKNOWN
from common.results import measured

SURVIVED = np.array([True, False, True, True, False])
ATTACK = {"type": "PGD", "epsilon": 8.0}


@pytest.fixture
def record():
    notes = {"evaluation": "pgd_20", "recipe": "free", "step": 480}
    return Record(SURVIVED, ATTACK, seed=3, passes=100, seconds=1.5, notes=notes)


def test_counts_percent_and_interval(record):
    assert (record.correct, record.total, record.accuracy) == (3, 5, 60.0)
    assert record.interval == intervals.wilson(3, 5)


def test_the_results_read_back_what_was_saved(record, tmp_path):
    record.save(tmp_path / "evaluations" / "pgd_20.json")
    run = measured.Run(tmp_path)
    assert run.evaluations == ("pgd_20",)
    found = run.evaluation("pgd_20")
    assert (found.correct, found.total, found.step) == (3, 5, 480)
    assert (found.accuracy, found.interval) == (record.accuracy, record.interval)
    assert found.attack == ATTACK
    np.testing.assert_array_equal(run.survived("pgd_20"), SURVIVED)


def test_clean_images_read_back_as_no_attack(tmp_path):
    Record(SURVIVED).save(tmp_path / "evaluations" / "clean.json")
    assert measured.Run(tmp_path).evaluation("clean").attack == {}


def test_the_file_has_every_entry(record, tmp_path):
    record.save(tmp_path / "pgd_20.json")
    content = json.loads((tmp_path / "pgd_20.json").read_text())
    assert content == {
        "evaluation": "pgd_20",
        "recipe": "free",
        "step": 480,
        "attack": ATTACK,
        "seed": 3,
        "correct": 3,
        "total": 5,
        "accuracy": 60.0,
        "interval": list(record.interval),
        "passes": 100,
        "forwards": 0,
        "seconds": 1.5,
    }


def test_top5_is_an_array_and_a_count(record, tmp_path):
    top5 = np.array([True, True, True, True, False])
    dataclasses.replace(record, top5=top5).save(tmp_path / "pgd_20.json")
    assert json.loads((tmp_path / "pgd_20.json").read_text())["top5"] == 4
    arrays = files.load_arrays(tmp_path / "pgd_20.npz", "survived", "top5")
    np.testing.assert_array_equal(arrays["top5"], top5)
    np.testing.assert_array_equal(arrays["survived"], SURVIVED)


def test_hit_is_an_array_a_count_and_a_rate(record, tmp_path):
    assert (record.success, record.success_interval) == (None, None)
    hit = np.array([False, True, False, False, False])
    found = dataclasses.replace(record, hit=hit)
    assert found.success == 20.0
    assert found.success_interval == intervals.wilson(1, 5)
    found.save(tmp_path / "evaluations" / "pgd_20.json")
    content = json.loads((tmp_path / "evaluations" / "pgd_20.json").read_text())
    assert (content["hit"], content["success"]) == (1, 20.0)
    assert content["success_interval"] == list(intervals.wilson(1, 5))
    outcomes = measured.Run(tmp_path).outcomes("pgd_20", "hit")
    np.testing.assert_array_equal(outcomes, hit)


def test_an_outcome_keeps_the_first_round_of_each_kind():
    found = UNKNOWN
    seen = []
    for round, *judged in (
        (1, True, True, False),
        (2, False, False, False),
        (3, True, True, True),
        (4, False, True, True),
    ):
        found = found.after(round, *judged)
        seen.append((found.lost, found.hit, found.top5))
    assert seen == [
        (NEVER, NEVER, True),
        (2, NEVER, True),
        (2, 3, True),
        (2, 3, True),
    ]


def test_a_record_that_no_evaluation_made_has_no_beginning(record):
    with pytest.raises(ValueError, match="Received: tally=None") as caught:
        record.beginning(None)
    assert "\n" not in str(caught.value)


def test_another_attack_is_no_beginning():
    def logits_fn(images):
        return images[:, 0, :2, 0]

    images = np.array([[[[90.0], [10.0]]]], np.float32)
    long = attacks.PGD(8.0, 1.0, 2 * contract.CHUNK)
    found = evaluation.evaluate(logits_fn, [(images, [0])], long, keep_images=True)
    part = found.beginning(dataclasses.replace(long, num_steps=contract.CHUNK))
    assert part.total == 1 and part.adv_images is None
    longer = dataclasses.replace(long, num_steps=3 * contract.CHUNK)
    for other in (attacks.FGSM(8.0), dataclasses.replace(long, epsilon=16.0), longer):
        with pytest.raises(ValueError, match="the number of steps alone"):
            found.beginning(other)


def test_a_record_is_a_json_file_beside_which_its_arrays_have_a_name(tmp_path):
    for name in ("eps1.5", "record", "record.npz"):
        with pytest.raises(ValueError, match=r"is NAME.json. Received: path=.*" + name):
            records.write(tmp_path / name, {}, {})
    assert not list(tmp_path.iterdir())


def test_a_record_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "clean.json"
    records.write(str(path), {"correct": 1}, {"survived": np.ones(1, bool)})
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(file, **_):
        file.write(b"PK")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        records.write(path, {"correct": 0}, {"survived": np.zeros(1, bool)})
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert {name: after[name] for name in before} == before
