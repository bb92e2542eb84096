"""Events, as TensorBoard itself reads them."""

from tensorboard.backend.event_processing import event_accumulator

from common.training import board


def shown(accumulator):
    """Returns what TensorBoard shows: tag -> (step, value)."""
    accumulator.Reload()
    return {
        tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def opened(folder):
    return event_accumulator.EventAccumulator(str(folder))


def test_numbers_are_read_under_their_names_and_steps(tmp_path):
    written = board.Board(tmp_path / "tensorboard")
    written.write(10, {"train/loss": 1.5, "train/accuracy": 50})
    written.write(11, {"train/loss": 0.5})
    assert shown(opened(tmp_path / "tensorboard")) == {
        "train/loss": [(10, 1.5), (11, 0.5)],
        "train/accuracy": [(10, 50.0)],
    }


def test_a_board_takes_the_place_of_the_one_before(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "events.out.tfevents.1.host.7.0.v2").write_bytes(b"of an older run")
    board.Board(tmp_path).write(10, {"loss": 1.0})
    board.Board(tmp_path).write(5, {"loss": 2.0})
    assert shown(opened(tmp_path)) == {"loss": [(5, 2.0)]}
    assert sum("tfevents" in path.name for path in tmp_path.iterdir()) == 1
    assert (tmp_path / "plugins").is_dir()


def test_a_tensorboard_that_is_open_forgets_it(tmp_path):
    open_one = opened(tmp_path)
    for step in (10, 20):
        written = board.Board(tmp_path)
        for number in range(3):
            written.write(step + number, {"loss": float(step)})
        shown(open_one)
    assert shown(open_one) == {"loss": [(20, 20.0), (21, 20.0), (22, 20.0)]}
