"""What is left of an evaluation, by hand."""

import itertools
import time

import numpy as np
import pytest

from common import attacks
from common.attacks import worst
from common.evaluation import estimate, stream, tally

LONG = attacks.PGD(8.0, 1.0, 200, num_restarts=2)  # 2 x 2 chunks of 100 steps
QUICK = attacks.Worst(
    (
        attacks.PGD(8.0, 1.0, 10),
        worst.Nearest(0.25),
        attacks.PGD(8.0, 1.0, 50),
        attacks.FGSM(8.0),
    )
)


def slot(part=0, restart=0, chunk=0):
    return stream.Slot(0, np.zeros(1), 0, part=part, restart=restart, chunk=chunk)


def test_a_part_costs_what_it_passes_through_the_network():
    assert estimate.after([LONG]) == [2 * 2 * (1 + 2 * 100)]
    last, long = 1 + 2, 1 + 2 * 50
    gate = last + long / 4  # all meet the last one
    first = 1 + 2 * 10 + gate
    assert estimate.after(QUICK.parts) == [1 + first, first, gate, long + last, last]


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by a second each time it is asked."""
    seconds = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(seconds))


def test_seconds_follow_from_the_passes_so_far(clock):
    found = tally.Tally(LONG, 10)
    left = estimate.Estimate(found, 10)
    found.passes += [[3, 1]]  # 4 chunks in a second
    # One has 2 chunks to go, one all 4; 6 are unread, and cost as the 4 that were read.
    slots = [slot(restart=1), slot()]
    assert left(slots, 4) == pytest.approx((2 + 4 + 6 * (4 + 2 + 4) / 4) / 4)
    assert left([], 10) == 0


def test_images_that_break_at_once_cost_time_as_well(clock):
    found = tally.Tally(LONG, 10)
    left = estimate.Estimate(found, 10)
    found.passes += [[4, 0]]  # in a second; none waits
    assert left([], 4) == pytest.approx(6 / 4)


def test_without_a_length_nothing_is_foretold():
    assert estimate.Estimate(tally.Tally(LONG, 10), None)([slot()], 1) is None
