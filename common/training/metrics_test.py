"""The log of a run: what it keeps, what it drops, and what it stops."""

import json
import math
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from common import errors
from common.training import metrics


def open_log(run_dir, step=0, chief=True):
    return metrics.Log(run_dir, step=step, num_steps=100, chief=chief)


def steps(run_dir, kind="train"):
    lines = metrics.read(run_dir / "metrics.jsonl")
    return [line["step"] for line in lines if line["kind"] == kind]


def test_a_line_is_json_with_kind_step_and_values(tmp_path):
    log = open_log(tmp_path)
    log.write("train", 10, loss=1.5, accuracy=50.0)
    log.write("alarm", 10, message="look")
    assert metrics.read(log.path) == [
        {"kind": "train", "step": 10, "loss": 1.5, "accuracy": 50.0},
        {"kind": "alarm", "step": 10, "message": "look"},
    ]


def scalars(run_dir):
    """Returns what TensorBoard shows: tag -> (step, value)."""
    folder = str(run_dir / "tensorboard")
    found = event_accumulator.EventAccumulator(folder).Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def test_tensorboard_shows_no_update_twice_after_a_kill(tmp_path):
    log = open_log(tmp_path)
    for step in (10, 20, 30):
        log.write("train", step, loss=float(step))
    log.write("probe", 30, pgd_accuracy=1.0)
    again = open_log(tmp_path, step=20)  # the first log was not closed
    again.write("train", 30, loss=3.0)
    expected = {"train/loss": [(10, 10.0), (20, 20.0), (30, 3.0)]}
    assert scalars(tmp_path) == expected
    open_log(tmp_path, step=30)
    assert scalars(tmp_path) == expected


def test_what_is_done_again_after_an_interruption_is_dropped(tmp_path):
    log = open_log(tmp_path)
    for step in (10, 20, 30):
        log.write("train", step, loss=1.0)
    log.write("probe", 30, pgd_accuracy=1.0)
    open_log(tmp_path, step=20).write("train", 25, loss=2.0)
    assert steps(tmp_path) == [10, 20, 25]
    assert steps(tmp_path, "probe") == []


def test_without_a_checkpoint_the_log_begins_anew(tmp_path):
    open_log(tmp_path).write("train", 10, loss=1.0)
    open_log(tmp_path, step=0)
    assert metrics.read(tmp_path / "metrics.jsonl") == []


def test_a_run_has_one_end_line_however_often_it_is_called(tmp_path):
    for _ in range(3):
        open_log(tmp_path, step=10).write("end", 10, training_minutes=1.0)
    assert steps(tmp_path, "end") == [10]


def test_a_last_line_cut_short_is_left_out_and_then_removed(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"kind": "train", "step": 10}\n{"kind": "tra')
    assert metrics.read(path) == [{"kind": "train", "step": 10}]
    open_log(tmp_path, step=10).write("train", 20)
    assert steps(tmp_path) == [10, 20]
    assert [p.name for p in tmp_path.glob("*.partial")] == []


def test_a_broken_line_in_the_middle_names_file_and_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"kind": "train", "step": 10}\nbroken\n{"kind": "end"}\n')
    with pytest.raises(errors.RunError, match=r"metrics\.jsonl is damaged.*line 2"):
        metrics.read(path)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/full")
@pytest.mark.parametrize("name", ["metrics.jsonl", "tensorboard"])
def test_a_line_for_which_there_is_no_room_names_the_folder(tmp_path, name):
    log = open_log(tmp_path)
    place = tmp_path / name
    (place,) = place.iterdir() if place.is_dir() else (place,)
    place.unlink()
    place.symlink_to("/dev/full")
    with pytest.raises(errors.RunError, match=f"No space is left in {tmp_path};"):
        log.write("train", 10, loss=1.0)


def test_another_worker_writes_nothing(tmp_path):
    log = open_log(tmp_path, chief=False)
    log.write("train", 10, loss=1.0)
    log.progress(10, loss=1.0)
    assert list(tmp_path.iterdir()) == []


def test_the_meter_gives_means_over_the_updates_since_the_last_line():
    meter = metrics.Meter(batch_size=32, rates="schedule.values")
    for step, loss in enumerate((1.0, 2.0, 6.0), start=1):
        meter.add(step, {"loss": tf.constant(loss), "accuracy": tf.constant(50.0)})
    first = meter.flush()
    assert (first["loss"], first["accuracy"]) == (3.0, 50.0)
    meter.add(4, {"loss": tf.constant(8.0), "accuracy": tf.constant(0.0)})
    assert meter.flush()["loss"] == 8.0


def test_the_seconds_of_a_step_leave_out_what_the_clock_was_stopped_for(monkeypatch):
    now = iter([0.0, 100.0, 104.0, 104.0, 130.0])
    monkeypatch.setattr(metrics.time, "perf_counter", lambda: next(now))
    meter = metrics.Meter(batch_size=32, rates="schedule.values")
    meter.add(1, {"loss": 1.0})
    meter.restart_clock()  # at 100, after the compilation
    meter.add(2, {"loss": 1.0})
    meter.add(3, {"loss": 1.0})
    values = meter.flush()  # at 104
    assert values["step_seconds"] == 2.0
    assert values["images_per_second"] == 16.0


def test_an_update_that_was_not_timed_has_no_seconds():
    meter = metrics.Meter(batch_size=32, rates="schedule.values")
    meter.add(1, {"loss": 1.0})
    meter.restart_clock()
    assert meter.flush() == {"loss": 1.0}


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_and_names_its_step(loss):
    meter = metrics.Meter(batch_size=32, rates="schedule.values")
    for step in (11, 12, 13):
        meter.add(step, {"loss": tf.constant(loss if step == 12 else 1.0)})
    with pytest.raises(errors.RunError, match=r"at step 12. Received: loss=") as caught:
        meter.flush()
    assert "--set schedule.values=" in str(caught.value)
    assert "\n" not in str(caught.value)


def write_seconds(path, seconds):
    lines = [{"kind": "train", "step": i, "step_seconds": s} for i, s in seconds]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text + '{"kind": "probe", "step": 3}\n')


def test_training_minutes_leave_out_the_time_of_other_programs(tmp_path):
    path = tmp_path / "metrics.jsonl"
    disturbed = [0.06, 0.5] * 50
    write_seconds(path, enumerate(disturbed, start=1))
    assert metrics.training_minutes(path, 100) == pytest.approx(0.1)


def test_training_minutes_are_the_tenth_percentile_times_the_updates(tmp_path):
    path = tmp_path / "metrics.jsonl"
    seconds = np.tile(np.linspace(1.0, 2.0, 11), 10)
    write_seconds(path, enumerate(seconds, start=1))
    assert metrics.training_minutes(path, 110) == pytest.approx(110 * 1.1 / 60)


def test_training_minutes_count_updates_of_two_kinds_as_often_as_they_are(tmp_path):
    path = tmp_path / "metrics.jsonl"
    before_a_delay = [1.0] * 30 + [2.0] * 70
    write_seconds(path, enumerate(before_a_delay, start=1))
    assert metrics.training_minutes(path, 100) == pytest.approx(170 / 60)


def test_training_minutes_are_unknown_without_a_timed_update(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert metrics.training_minutes(path, 60) is None
    write_seconds(path, [])
    assert metrics.training_minutes(path, 60) is None
