"""Events that TensorFlow did not write, read by TensorFlow."""

import tensorflow as tf

from common.training.engine import jax_board


def test_numbers_are_read_under_their_names_and_steps(tmp_path):
    board = jax_board.Board(tmp_path / "tensorboard")
    board.write(10, {"train/loss": 1.5, "train/accuracy": 50})
    board.write(11, {"train/loss": 0.5})
    (path,) = (tmp_path / "tensorboard").iterdir()
    found = [
        (value.tag, event.step, value.simple_value)
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    ]
    assert found == [
        ("train/loss", 10, 1.5),
        ("train/accuracy", 10, 50.0),
        ("train/loss", 11, 0.5),
    ]
