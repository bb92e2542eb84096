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
