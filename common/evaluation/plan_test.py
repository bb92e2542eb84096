"""Which attacks are cut into rounds, and which begin alike."""

import dataclasses

import pytest

from common import attacks
from common.evaluation import plan

PGD = attacks.PGD(16.0, 1.0, 100, targeted="random")


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (None, plan.Plan(0, 1, 1)),
        (attacks.FGSM(8.0), plan.Plan(1, 1, 1)),
        (attacks.RandomSign(8.0), plan.Plan(0, 1, 1)),
        (attacks.PGD(8.0, 2.0, 20), plan.Plan(20, 1, 1)),
        (attacks.PGD(8.0, 2.0, 150), plan.Plan(150, 1, 1)),
        (attacks.PGD(8.0, 2.0, 100), plan.Plan(100, 1, 1)),
        (attacks.PGD(8.0, 2.0, 200), plan.Plan(100, 2, 1)),
        (attacks.PGD(8.0, 2.0, 2000, num_restarts=3), plan.Plan(100, 20, 3)),
        (attacks.IterBasic(8.0, 1.0, 200), plan.Plan(200, 1, 1)),
        (PGD, plan.Plan(100, 1, 1, is_targeted=True)),
        (lambda logits_fn, images, labels, seed: images, plan.Plan(1, 1, 1)),
    ],
)
def test_only_pgd_of_several_hundred_steps_is_cut(attack, expected):
    assert plan.of(attack) == expected


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({"num_steps": 2000}, True),
        ({"num_steps": 300, "reaching": True}, True),
        ({"num_steps": 200, "step_size": 0.06, "reaching": True}, False),
        ({"num_steps": 150}, False),
        ({"num_steps": 200, "num_restarts": 2}, False),
        ({"num_steps": 200, "epsilon": 8.0}, False),
        ({"num_steps": 200, "step_size": 2.0}, False),
        ({"num_steps": 200, "targeted": "no"}, False),
        ({"num_steps": 200, "loss": "margin"}, False),
        ({"num_steps": 200, "random_start": False}, False),
    ],
)
def test_attacks_begin_alike_that_take_the_same_first_steps(change, alike):
    other = dataclasses.replace(PGD, **change)
    assert (plan.course(other) == plan.course(PGD)) == alike


@pytest.mark.parametrize("step_size", [0.1, 0.16])
def test_a_length_that_the_steps_decide_makes_another_course(step_size):
    short, long = (
        dataclasses.replace(PGD, step_size=step_size, num_steps=n, reaching=True)
        for n in (100, 200)
    )
    assert (plan.course(short) == plan.course(long)) == (step_size == 0.16)


def test_every_other_attack_is_its_own_course():
    for attack in (None, attacks.FGSM(2.0), attacks.PGD(8.0, 2.0, 20)):
        assert plan.course(attack) is attack
