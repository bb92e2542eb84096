"""What the versions of AutoAttack are made of."""

import json

import pytest

from common import attacks, recipe

APGD = ("APGD", "cross_entropy", 1)
TARGETED = ("APGD", "targeted_dlr", 9)


def said(attack):
    """Each part by its kind, its loss and its restarts, where it has them."""
    fields = ("loss", "num_restarts", "num_queries", "share", "at_least")
    return [
        (type(part).__name__, *(getattr(part, f) for f in fields if hasattr(part, f)))
        for part in attack.parts
    ]


@pytest.mark.parametrize(
    ("version", "parts"),
    [
        ("standard", [APGD, TARGETED, ("FAB", 9), ("Square", 5000)]),
        (
            "plus",
            [
                ("APGD", "cross_entropy", 5),
                ("APGD", "dlr", 5),
                *(("Square", 5000), TARGETED, ("FAB", 9)),
            ],
        ),
        ("rand", [APGD, ("APGD", "dlr", 1)]),
        (
            "quick",
            [
                *(("MultiTargeted", 9), ("Nearest", 0.2, 10)),
                *(APGD, ("APGD", "gap_scaled", 1), TARGETED, ("Square", 100)),
            ],
        ),
    ],
)
def test_the_parts_of_a_version(version, parts):
    attack = attacks.autoattack(4.0, version)
    assert said(attack) == [("Clean",), *parts]
    assert {getattr(part, "epsilon", 4.0) for part in attack.parts} == {4.0}
    steps = [part.num_steps for part in attack.parts if hasattr(part, "num_steps")]
    quick = [10, 100, 100, 40]
    assert steps == (quick if version == "quick" else [100] * len(steps))
    assert attack.allows_chance == (version == "rand")
    is_cut = any(part.rounds.chunks > 1 for part in attack.parts)
    assert is_cut == (version != "rand")  # by chance each judgement may break an image
    record = recipe.to_dict(attack)
    assert json.loads(json.dumps(record)) == record


def test_one_part_that_judges_by_luck_is_enough_to_refuse_answers_by_chance():
    means, once = attacks.APGD(8.0, samples=20), attacks.Square(8.0)
    assert attacks.Worst((means, means)).allows_chance
    assert not attacks.Worst((means, once)).allows_chance


def test_without_words_it_is_the_standard_version_at_8():
    assert attacks.autoattack() == attacks.autoattack(8.0, "standard")


@pytest.mark.parametrize(("classes", "targets"), [(2, 1), (5, 4), (10, 9), (1000, 9)])
def test_targets_are_the_wrong_classes_up_to_nine(classes, targets):
    parts = [p.fitted(classes) for p in attacks.autoattack(8.0).parts]
    assert [getattr(part, "num_restarts", None) for part in parts] == [
        *(None, 1, targets, targets, None)
    ]
    first = attacks.autoattack(8.0, "quick").parts[1].fitted(classes)
    assert first.num_restarts == targets
    untargeted = attacks.autoattack(8.0, "plus").parts[1].fitted(classes)
    assert untargeted.num_restarts == 5


def test_the_reference_takes_as_many_passes():
    """1 + 9 + 9 runs of 100 gradients, 100 passes of FAB beside, and 5,000 queries."""
    rounds = [part.rounds for part in attacks.autoattack(8.0).parts]
    steps = [found.num_steps * found.restarts for found in rounds]
    pairs = list(zip(rounds, steps, strict=True))
    assert sum(found.gradients * count for found, count in pairs) == 1900
    assert sum(found.forwards * count for found, count in pairs) == 900 + 5000


def test_evaluations_of_papers_are_named_by_the_version():
    known = recipe.autoattacks(8.0, num_images=500)
    assert list(known) == [
        *("autoattack", "autoattack_plus", "autoattack_rand", "autoattack_quick")
    ]
    assert known["autoattack_quick"].attack == attacks.autoattack(8.0, "quick")
    assert {value.num_images for value in known.values()} == {500}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((8.0, "standart"), "Nearest: standard"), ((0.03,), "pixels of 255")],
)
def test_what_is_unknown_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        attacks.autoattack(*arguments)
