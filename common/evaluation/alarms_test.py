"""Which accuracies contradict each other, and which do not."""

import re

import pytest

from common import attacks, recipe
from common.evaluation import alarms, record

PGD = recipe.to_dict(attacks.PGD(8.0, 2.0, 10))
TARGETED = recipe.to_dict(attacks.PGD(8.0, 2.0, 10, targeted="random"))


def seen(*rows, attack=PGD, **counts):
    """Step and kind of the alarms of rows clean, fgsm, pgd."""
    names = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
    lines = [
        {"step": step, **dict(zip(names, row, strict=True)), **counts}
        for step, row in enumerate(rows, start=1)
    ]
    return [(step, kind) for step, kind, _ in alarms.of_probe(lines, attack)]


@pytest.mark.parametrize(
    "rows",
    [
        [(80, 60, 24)],  # PGD is the stronger attack
        [(60, 10, 5), (90, 60, 5), (99, 70, 0)],  # natural training
        [(70, 40, 35), (75, 30, 16), (80, 40, 34)],  # a fall within the noise
        [(70, 40, 45), (70, 78, 40)],  # so are these
        [(0, 0, 0)],
    ],
)
def test_an_ordinary_network_raises_no_alarm(rows):
    assert seen(*rows) == []


@pytest.mark.parametrize(
    ("rows", "kind", "words"),
    [
        (
            [(70, 40, 35), (80, 90, 1)],
            "overfitting",
            "fell to 1.0 % after 35.0 %, while",
        ),
        ([(70, 40, 35), (80, 70, 18)], "overfitting", "FGSM leaves 70.0 % right"),
        ([(70, 30, 35), (70, 30, 41)], "masking", "PGD leaves 41.0 % right, more than"),
        (
            [(70, 40, 35), (70, 81, 35)],
            "label leak",
            "81.0 % is above the clean 70.0 %",
        ),
    ],
)
def test_a_contradiction_is_named_at_its_step(rows, kind, words):
    assert seen(*rows) == [(2, kind)]
    names = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
    lines = [
        {"step": 7 * i, **dict(zip(names, row, strict=True))}
        for i, row in enumerate(rows)
    ]
    ((step, _, message),) = alarms.of_probe(lines, PGD)
    assert step == 7 and words in message


def test_it_goes_on_until_robustness_is_back():
    rows = [(30, 30, 30), (30, 5, 5), (30, 4, 4), (30, 29, 29)]
    assert seen(*rows) == [(2, "overfitting"), (3, "overfitting")]


def test_images_without_a_gradient_are_an_alarm():
    assert seen((80, 60, 50), no_gradient=0) == []
    assert seen((80, 60, 50), no_gradient=3) == [(1, "gradient")]


@pytest.mark.parametrize(
    "attack", [TARGETED, recipe.to_dict(attacks.PGD(8.0, 0.5, 10)), {}]
)
def test_an_attack_that_need_not_outdo_one_step_masks_nothing(attack):
    assert seen((70, 30, 60), attack=attack) == []


@pytest.mark.parametrize(
    ("attack", "outdoes"),
    [
        (attacks.PGD(8.0, 2.0, 4), True),
        (attacks.PGD(8.0, 2.0, 4, loss="margin"), True),
        (attacks.PGD(8.0, 0.5, 4, reaching=True), True),
        (attacks.PGD(8.0, 1.9, 4), False),
        (attacks.PGD(8.0, 2.0, 4, targeted="least_likely"), False),
        (attacks.IterBasic(8.0), True),
        (attacks.IterBasic(8.0, source="predicted"), False),
        (attacks.IterLL(8.0), False),
        (attacks.FGSM(8.0), False),
        (attacks.RandomSign(8.0), False),
    ],
)
def test_what_outdoes_one_step_goes_from_the_label_to_the_boundary(attack, outdoes):
    assert alarms.outdoes_fgsm(recipe.to_dict(attack)) is outdoes


def part(kind, *, broken, gradients=100, unfinished=None):
    attack = {"type": kind} if kind else None
    return record.Part(attack, 0, broken, gradients, 100, unfinished)


CLIMBED = part("APGD", broken=20)


def test_one_image_that_square_breaks_is_chance():
    for broken, alarm in ((1, False), (2, True)):
        found = [CLIMBED, part("Square", broken=broken, gradients=0)]
        assert bool(list(alarms.of_parts(found, 100))) == alarm


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (attacks.PGD(8.0, 2.0, 20), ""),
        (attacks.PGD(8.0, 0.5, 10), "10 steps of 0.5 do not cross a ball of radius 8"),
        (attacks.PGD(8.0, 0.5, 10, reaching=True), ""),
        (attacks.APGD(0.3), "epsilon=0.3 is less than one .* it is 76.5 here"),
        # Of attacks that are not of the suite, whose fields may be anything.
        ({"epsilon": 8.0, "step_size": 0.5, "iterations": 10}, ""),
        ({"radius": 8.0, "step_size": 0.5, "num_steps": 10}, ""),
        ({"epsilon": 8.0, "step_size": "auto", "num_steps": 10}, ""),
        (None, ""),
    ],
)
def test_an_attack_that_cannot_reach_far_says_so(attack, words):
    found = " ".join(alarms.of_reach(recipe.to_dict(attack)))
    assert re.search(words, found) and bool(words) == bool(found)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part(None, broken=90, gradients=0), CLIMBED], []),
        ([CLIMBED, part("Square", broken=2, gradients=0)], []),
        (
            [CLIMBED, part("Square", broken=3, gradients=0)],
            ["Square breaks 3 images, of 1000"],
        ),
        ([part("Square", broken=9, gradients=0), CLIMBED], []),  # before any gradient
        ([part("APGD", broken=0, unfinished=0.1)], []),
        ([part("APGD", broken=0, unfinished=0.12)], ["not finished in 12 %"]),
    ],
)
def test_parts_contradict_each_other_where_gradients_are_beaten(parts, words):
    found = list(alarms.of_parts(parts, 1000))
    assert len(found) == len(words)
    for message, word in zip(found, words, strict=True):
        assert word in message
