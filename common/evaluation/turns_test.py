"""Which examples share a batch, and when further ones are read."""

import itertools

import numpy as np
import pytest

from common import attacks
from common.attacks import worst
from common.evaluation import stream, turns

PARTS = attacks.Worst(
    (
        attacks.APGD(8.0),
        attacks.APGD(4.0, 200, loss="targeted_dlr"),
        worst.Nearest(0.5),
        attacks.FGSM(8.0),
        attacks.FGSM(4.0),
    )
).parts
CLEAN, APGD, TARGETED, NEAREST, FGSM, WEAKER = range(6)


class Examples:
    """Slots without images, as many as are asked for or are left."""

    def __init__(self, count):
        self.left = iter(range(count))

    def take(self, count):
        return [
            stream.Slot(index, np.zeros(1), 0)
            for index in itertools.islice(self.left, count)
        ]


def pool(*parts, size=4, further=0, replicas=1):
    """A pool with examples in these parts, and a number of further ones."""
    slots = [
        stream.Slot(n, np.zeros(1), 0, part=part) for n, part in enumerate(parts, 100)
    ]
    return turns.Pool(PARTS, Examples(further), size, slots, replicas=replicas)


def turn(found):
    return [slot.part for slot in found.next()]


def test_examples_are_read_only_if_no_batch_is_full():
    found = pool(*[APGD] * 3, *[CLEAN] * 1, further=10)
    assert turn(found) == [CLEAN] * 4
    assert len(found.slots) == 7
    full = pool(*[APGD] * 4, *[CLEAN] * 3, further=10)
    assert turn(full) == [APGD] * 4
    assert len(full.slots) == 7


def test_one_kind_of_attack_shares_a_batch():
    mixed = [APGD, TARGETED, TARGETED, APGD]
    assert turn(pool(*mixed, WEAKER, FGSM, FGSM)) == mixed
    assert turn(pool(*[FGSM, WEAKER] * 2)) == [FGSM] * 2  # of other numbers: no


def test_the_furthest_full_batch_comes_first():
    assert turn(pool(*[APGD] * 5, *[FGSM] * 4, further=1)) == [FGSM] * 4


def test_at_the_end_the_least_far_come_first():
    assert turn(pool(*[FGSM] * 2, *[TARGETED] * 3)) == [TARGETED] * 3
    assert turn(pool()) == []


@pytest.mark.parametrize(
    ("waiting", "judged", "replicas"),
    [
        *((59, 50, 1), (45, 45, 1), (30, 25, 1), (20, 20, 1), (9, 9, 1), (1, 1, 1)),
        *((30, 12, 2), (59, 50, 2)),  # 25 does not divide by two replicas
    ],
)
def test_at_the_end_a_batch_is_not_filled_up_by_more_than_half(
    waiting, judged, replicas, monkeypatch
):
    settings = {"size": 100, "replicas": replicas}
    monkeypatch.setattr(stream.backend, "takes_any_size", lambda: True)
    assert turn(pool(*[APGD] * waiting, **settings)) == [APGD] * waiting
    monkeypatch.setattr(stream.backend, "takes_any_size", lambda: False)
    assert turn(pool(*[APGD] * waiting, **settings)) == [APGD] * judged
    whole = [NEAREST] * waiting
    assert turn(pool(*whole, **settings)) == whole


def test_the_nearest_are_chosen_when_all_others_wait_for_it():
    waiting = [NEAREST] * 9
    assert turn(pool(*waiting, TARGETED, further=1)) == [CLEAN]
    assert turn(pool(*waiting, TARGETED)) == [TARGETED]
    assert turn(pool(*waiting)) == waiting


def test_examples_that_are_done_go():
    found = pool(APGD, APGD, FGSM)
    found.drop({101})
    assert [slot.index for slot in found.slots] == [100, 102]


def test_each_gate_waits_for_all_before_it():
    gate = worst.Nearest(0.5)
    between = attacks.APGD(8.0), gate, PARTS[4], PARTS[5]
    attack = attacks.Worst((attacks.FGSM(8.0), gate, *between))
    first, between, second = 2, 3, 4
    slots = [
        stream.Slot(n, np.zeros(1), 0, part=part)
        for n, part in enumerate([second] * 3 + [between])
    ]
    assert turn(turns.Pool(attack.parts, Examples(0), 4, slots)) == [between]
    assert isinstance(attack.parts[first], worst.Nearest)
