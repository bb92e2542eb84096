"""Numbers of updates, drops of the rate, and radii."""

import pytest

from common import data
from common.foreign import plans, tuning
from common.foreign.parts import Adopted
from common.training.natural import NaturalTraining
from tests import small_paper

NATURAL = NaturalTraining()
FREE, MIXTURE = (small_paper.RECIPES[name].method for name in ("free", "mixture"))
MODEL = Adopted("model", "model.keras?pixels=unit", "0")


def recipe(method=NATURAL, **numbers):
    return plans.Plan(**numbers).recipe(MODEL, data.Digits(), method)


def test_epochs_become_updates_that_are_whole_minibatches():
    assert recipe(epochs=3, batch_size=100).num_steps == 39  # of 1,297 images
    free = recipe(FREE, epochs=3, batch_size=100)
    assert (FREE.num_replays, free.num_steps) == (4, 40)
    assert free.schedule.boundaries == (20, 28)
    assert free.checkpoint_every % 4 == 0
    assert recipe(FREE, steps=13).num_steps == 13


def test_the_rate_falls_twice():
    found = recipe(steps=200, rate=0.5)
    assert found.schedule.boundaries == (100, 150)
    assert found.schedule.values == pytest.approx((0.5, 0.05, 0.005))
    assert recipe(steps=1).schedule.boundaries == (1, 2)


def test_the_probe_has_the_radius_of_the_method():
    assert recipe(tuning.with_epsilon(FREE, 3)).probe.epsilon == 3.0
    assert recipe(MIXTURE).probe.epsilon == MIXTURE.attack.epsilon
    assert recipe().probe is None


@pytest.mark.parametrize("numbers", [{"epochs": 0.0}, {"steps": -1}, {"rate": -1.0}])
def test_numbers_that_train_nothing_are_refused(numbers):
    with pytest.raises(ValueError, match=r"must be positive.*Received: "):
        plans.Plan(**numbers)
    with pytest.raises(ValueError, match="batch_size must be a whole number, at least"):
        plans.Plan(batch_size=0)
