"""Step sizes against a table of all losses that is looked back at."""

import numpy as np
import pytest
import tensorflow as tf

from common.attacks import halving
from tests.oracles import autopgd


def twin(losses, size, num_steps):
    """Step sizes before each step, best losses, and where an image goes back."""
    begin, was_halved, checked = 0, True, losses[0]
    sizes, back = [], []
    for step in range(len(losses)):
        halves = False
        if step in autopgd.checks(num_steps):
            halves = autopgd.is_halved(
                losses, begin, step, was_halved=was_halved, checked=checked
            )
            begin, was_halved, checked = step, halves, max(losses[: step + 1])
        size = size / 2 if halves else size
        sizes.append(size)
        back.append(halves)
    return sizes, np.maximum.accumulate(losses).tolist(), back


def run(losses, size, num_steps):
    """What `halving` says to losses [B, steps] at each of them."""
    progress = halving.begin(tf.constant(size, tf.float32), num_steps)
    said = []
    for loss in np.transpose(losses).astype(np.float32):
        progress, is_best, halves = halving.after(progress, loss, num_steps)
        said.append((progress.size, progress.best, halves, is_best))
    return [np.stack(part, axis=1) for part in zip(*said, strict=True)]


def test_the_looks_back_are_those_of_the_paper():
    known = [22, 41, 57, 70, 80, 87, 93, 99]
    assert autopgd.checks(100) == known
    falling = -np.arange(100.0)[None]
    sizes, _, back, _ = run(falling, [16.0], 100)
    assert np.flatnonzero(back[0]).tolist() == known
    np.testing.assert_allclose(sizes[0, -1], 16 / 2**8)


@pytest.mark.parametrize("num_steps", [1, 2, 7, 20, 100, 130])
def test_sizes_equal_those_of_a_table(num_steps):
    rng = np.random.default_rng(num_steps)
    drift = np.array([-1.0, 0.0, 0.3, 0.8, 1.5, 5.0])[:, None]
    losses = np.cumsum(rng.normal(drift, 1.0, (6, num_steps)), axis=1)
    losses = np.round(losses).astype(np.float32)  # so that some are equal
    sizes, best, back, is_best = run(losses, [16.0] * 6, num_steps)
    for row, line in enumerate(losses.tolist()):
        expected = twin(line, 16.0, num_steps)
        for found, wanted in zip((sizes, best, back), expected, strict=True):
            assert found[row].tolist() == wanted
        rises = [b > max(line[:n]) for n, b in enumerate(line) if n]
        assert is_best[row].tolist() == [True, *rises]
    # Not a test of nothing: some halve, and some do not.
    assert num_steps < 20 or len(set(map(tuple, back.tolist()))) > 2


def test_exactly_three_quarters_of_rises_are_too_few():
    losses = np.array([[0.0, 1.0, 2.0, 3.0, 2.0], [0.0, 1.0, 2.0, 3.0, 4.0]])
    _, _, back, _ = run(losses, [16.0, 16.0], 20)  # the first window has 4 steps
    assert back[:, 4].tolist() == [True, False]


def test_images_of_other_numbers_of_steps_share_a_batch():
    numbers = np.array([10, 20, 100], np.int32)
    losses = np.random.default_rng(0).normal(size=(3, 100))
    together = run(losses, [16.0] * 3, numbers)
    for row, number in enumerate(numbers.tolist()):
        alone = run(losses[row : row + 1, :number], [16.0], number)
        for found, wanted in zip(together, alone, strict=True):
            np.testing.assert_array_equal(found[row, :number], wanted[0])


def test_a_loss_that_is_no_number_is_never_the_best():
    losses = [[np.nan, 1.0, np.nan, 2.0]]
    _, best, _, is_best = run(losses, [16.0], 100)
    assert is_best[0].tolist() == [False, True, False, True]
    assert best[0].tolist() == [-np.inf, 1.0, 1.0, 2.0]
