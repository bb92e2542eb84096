"""Rates at and around the boundaries."""

import numpy as np
import pytest
import tensorflow as tf

from common.training import schedules

PAPER = schedules.PiecewiseConstant((40_000, 60_000), (0.1, 0.01, 0.001))


def check_rates(schedule, expected, rel=1e-6):
    """Compares the rates at updates, counted from 0, of each kind of counter."""
    for update, rate in expected.items():
        for step in (update, tf.constant(update, tf.int64), tf.Variable(update)):
            assert float(schedule(step)) == pytest.approx(rate, rel=rel), update


def test_the_rate_drops_at_the_boundary_itself():
    expected = {0: 0.1, 39_999: 0.1, 40_000: 0.01, 59_999: 0.01, 60_000: 0.001}
    check_rates(PAPER.build(), expected)


@pytest.mark.parametrize(
    ("boundaries", "values", "message"),
    [
        ((1, 2), (0.1, 0.01), "one value more"),
        ((), (0.1,), "needs boundaries"),
        ((2, 1), (0.1, 0.01, 0.001), r"increasing.*boundaries=\(2, 1\)"),
        ((0, 1), (0.1, 0.01, 0.001), r"from 1 on.*boundaries=\(0, 1\)"),
        ((1,), (0.1, -0.01), r"values must be positive.*-0.01"),
        ((1,), (float("nan"), 0.1), r"values must be positive.*nan"),
    ],
)
def test_bad_arguments_are_refused_when_built(boundaries, values, message):
    with pytest.raises(ValueError, match=message):
        schedules.PiecewiseConstant(boundaries, values)


def test_the_rate_decays_in_stairs_at_the_boundary_itself():
    drops = {0: 0, 1_600: 0, 1_601: 1, 3_201: 1, 3_202: 2, 149_999: 93}
    schedule = schedules.ExponentialDecay(0.045, 0.94, every=1_601).build()
    expected = {update: 0.045 * 0.94**count for update, count in drops.items()}
    check_rates(schedule, expected, rel=1e-5)


@pytest.mark.parametrize("every", [1, 3, 49, 800, 1_601])
def test_every_stair_is_as_long_as_the_others(every):
    """Float32 divides the step: no boundary of a long run may round to its side."""
    schedule = schedules.ExponentialDecay(1.0, 0.5, every=every).build()
    stairs = np.arange(1, 120)
    first = schedule(tf.constant(stairs * every, tf.int64)).numpy()
    last_before = schedule(tf.constant(stairs * every - 1, tf.int64)).numpy()
    np.testing.assert_allclose(first, 0.5**stairs, rtol=1e-5)
    np.testing.assert_allclose(last_before, 0.5 ** (stairs - 1.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("rate", "factor", "every", "message"),
    [
        (0.0, 0.94, 10, "rate must be positive. Received: rate=0.0"),
        (0.1, 0.0, 10, r"factor must be in \(0, 1\]. Received: factor=0.0"),
        (0.1, 0.94, 0, "every must be at least 1. Received: every=0"),
    ],
)
def test_bad_numbers_of_a_decay_are_refused_when_built(rate, factor, every, message):
    with pytest.raises(ValueError, match=message):
        schedules.ExponentialDecay(rate, factor, every)


# As Goyal et al. for 4096 images: from 0.1 to 1.6 in 5 epochs of 313 updates.
LARGE = schedules.Warmup(
    schedules.PiecewiseConstant((10_955, 21_910), (1.6, 0.16, 0.016)),
    num_steps=1_565,
    start=0.1,
)


def test_the_rate_warms_up_in_a_line_and_then_is_the_schedules():
    line = {n: 0.1 + 1.5 * n / 1_565 for n in (0, 1, 313, 626, 1_564)}
    rest = {1_565: 1.6, 10_954: 1.6, 10_955: 0.16, 21_909: 0.16, 21_910: 0.016}
    check_rates(LARGE.build(), line | rest)


@pytest.mark.parametrize("num_steps", [1, 7, 1_565, 200_180])
@pytest.mark.parametrize(
    "inner",
    [
        schedules.PiecewiseConstant((300_000,), (1.6, 0.16)),
        schedules.ExponentialDecay(1.6, 0.94, every=300_000),
    ],
)
def test_a_warmup_ends_exactly_with_the_schedule(inner, num_steps):
    schedule = schedules.Warmup(inner, num_steps, start=0.0).build()
    steps = np.unique(np.linspace(0, num_steps, 50).astype(int))
    found = [float(schedule(int(step))) for step in steps]
    np.testing.assert_allclose(found, 1.6 * steps / num_steps, rtol=1e-6)
    for step in (num_steps, num_steps + 1, 299_999, 300_000, 300_001):
        assert float(schedule(step)) == float(inner.build()(step))


def test_a_warmup_aims_at_the_first_rate_even_if_the_schedule_falls_meanwhile():
    halving = schedules.ExponentialDecay(1.0, 0.5, every=2)
    schedule = schedules.Warmup(halving, num_steps=4, start=0.2).build()
    found = [float(schedule(step)) for step in range(7)]
    np.testing.assert_allclose(found, [0.2, 0.4, 0.6, 0.8, 0.25, 0.25, 0.125], 1e-6)


@pytest.mark.parametrize(
    ("num_steps", "start", "message"),
    [
        (0, 0.1, "num_steps must be at least 1. Received: num_steps=0"),
        (5, -0.1, "start must be at least 0. Received: start=-0.1"),
        (5, float("nan"), "Received: start=nan"),
    ],
)
def test_bad_numbers_of_a_warmup_are_refused_when_built(num_steps, start, message):
    with pytest.raises(ValueError, match=message):
        schedules.Warmup(PAPER, num_steps, start)
