"""Rates at and around the boundaries."""

import numpy as np
import pytest
import tensorflow as tf

from common.training import optimizers, schedules

PAPER = schedules.PiecewiseConstant((40_000, 60_000), (0.1, 0.01, 0.001))


@pytest.mark.parametrize(
    ("update", "rate"),  # updates counted from 0: update 39,999 is the 40,000th
    [
        (0, 0.1),
        (39_999, 0.1),
        (40_000, 0.01),
        (40_001, 0.01),
        (59_999, 0.01),
        (60_000, 0.001),
        (79_999, 0.001),
    ],
)
def test_the_rate_drops_at_the_boundary_itself(update, rate):
    schedule = PAPER.build()
    for step in (update, tf.constant(update, tf.int64), tf.Variable(update)):
        assert float(schedule(step)) == pytest.approx(rate)


def test_an_optimizer_applies_each_rate_as_often_as_the_schedule_says():
    schedule = schedules.PiecewiseConstant((3, 5), (1.0, 0.1, 0.01))
    optimizer = optimizers.Momentum(0.0).build(schedule.build())
    variable = tf.Variable(0.0)
    optimizer.build([variable])
    values = [0.0]
    for _ in range(7):
        optimizer.apply([tf.constant(-1.0)], [variable])
        values.append(float(variable))
    rates = [1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01]
    np.testing.assert_allclose(np.diff(values), rates, atol=1e-6)


@pytest.mark.parametrize(
    ("boundaries", "values", "message"),
    [
        ((1, 2), (0.1, 0.01), "one value more"),
        ((), (), "one value more"),
        ((), (0.1,), "needs boundaries"),
        ((1,), (0.1, 0.01, 0.001), "one value more"),
        ((2, 1), (0.1, 0.01, 0.001), r"increasing.*boundaries=\(2, 1\)"),
        ((2, 2), (0.1, 0.01, 0.001), r"increasing.*boundaries=\(2, 2\)"),
    ],
)
def test_bad_arguments_are_refused_when_built(boundaries, values, message):
    with pytest.raises(ValueError, match=message):
        schedules.PiecewiseConstant(boundaries, values)


@pytest.mark.parametrize(
    ("update", "rate"),
    [
        (0, 0.045),
        (1_600, 0.045),
        (1_601, 0.045 * 0.94),
        (1_602, 0.045 * 0.94),
        (3_201, 0.045 * 0.94),
        (3_202, 0.045 * 0.94**2),
        (149_999, 0.045 * 0.94**93),
    ],
)
def test_the_rate_decays_in_stairs_at_the_boundary_itself(update, rate):
    schedule = schedules.ExponentialDecay(0.045, 0.94, every=1_601).build()
    for step in (update, tf.constant(update, tf.int64), tf.Variable(update)):
        assert float(schedule(step)) == pytest.approx(rate, rel=1e-5)


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
        (float("nan"), 0.94, 10, "Received: rate=nan"),
        (0.1, 0.0, 10, r"factor must be in \(0, 1\]. Received: factor=0.0"),
        (0.1, 1.1, 10, "Received: factor=1.1"),
        (0.1, 0.94, 0, "every must be at least 1. Received: every=0"),
    ],
)
def test_bad_numbers_of_a_decay_are_refused_when_built(rate, factor, every, message):
    with pytest.raises(ValueError, match=message):
        schedules.ExponentialDecay(rate, factor, every)
