"""Radii of methods and attacks, whose steps keep their share of them."""

import pytest

from common.foreign import tuning
from common.training.natural import NaturalTraining
from tests import small_paper

PGD, MIXTURE = (small_paper.RECIPES[name].method for name in ("pgd", "mixture"))


def test_steps_keep_their_share_of_another_radius():
    assert (PGD.epsilon, PGD.step_size) == (40.0, 10.0)
    assert tuning.with_epsilon(PGD, 4) == type(PGD)(4.0, 1.0, PGD.num_steps)
    found = tuning.tuned(tuning.Tuning(MIXTURE, {"pgd": MIXTURE.attack}), 4.0)
    assert found.method.attack == found.attacks["pgd"]
    assert (found.method.attack.epsilon, found.method.attack.step_size) == (4.0, 1.5)
    assert found.method.attack.targeted == "random"
    with pytest.raises(ValueError, match="NaturalTraining has no epsilon"):
        tuning.with_epsilon(NaturalTraining(), 4.0)
    assert tuning.epsilon_of(PGD) == 40.0
    assert tuning.epsilon_of(NaturalTraining()) == 0.0
