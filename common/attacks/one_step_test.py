"""What one-step attacks share: the checked radius, and being told apart by class."""

import dataclasses

import pytest

from common import attacks, recipe
from common.attacks import cost
from common.attacks.one_step import OneStep


@dataclasses.dataclass(frozen=True)
class Sub(OneStep):
    """A step whose class comes from nowhere known."""

    source = "nowhere"


def test_attacks_of_one_radius_are_different_attacks():
    kinds = (attacks.FGSM, attacks.StepLL, attacks.FastGradL2, attacks.RandomSign)
    made = [kind(8.0) for kind in kinds]
    for i, one in enumerate(made):
        assert [one == other for other in made] == [i == j for j in range(len(made))]
        record = {"type": kinds[i].__name__, "epsilon": 8.0}
        if isinstance(one, OneStep):
            record["cost"] = recipe.to_dict(cost.HARD)
        assert recipe.to_dict(one) == record
        assert type(dataclasses.replace(one, epsilon=4.0)) is kinds[i]


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match="Received: nowhere"):
        Sub(8.0)(lambda images: images, [[[[0.0]]]], [0])
