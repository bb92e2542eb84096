"""When an example is done, and what is noted of each round."""

import numpy as np
import pytest

from common import attacks
from common.attacks import worst
from common.evaluation import judges, record, stream, tally

LONG = attacks.PGD(8.0, 1.0, 300)
TARGETED = attacks.PGD(8.0, 1.0, 300, targeted="random")
RESTARTS = attacks.PGD(8.0, 1.0, 20, num_restarts=2)
IMAGE = np.zeros((1, 1, 1), np.float32)


def verdict(*examples):
    """What was found of each: right, and hit; its image says its place."""
    top1, hit = (np.array(part, bool) for part in zip(*examples, strict=True))
    images = np.arange(len(examples), dtype=np.float32).reshape(-1, 1, 1, 1)
    still, near = np.zeros(len(hit), bool), np.zeros(len(hit), np.float32)
    return judges.Verdict(top1, ~hit, hit, still, near, lambda: images)


def slots(count):
    return [stream.Slot(index, IMAGE, 0) for index in range(count)]


def add(found, pool, *examples):
    batch = stream.batch(found.parts, pool, len(pool))
    found.add(pool, batch, verdict(*examples))
    return [slot for slot in pool if slot.index not in found.outcomes]


RIGHT, WRONG, HIT = (True, False), (False, False), (False, True)


@pytest.mark.parametrize(
    ("attack", "left"),
    [
        (None, []),
        (attacks.FGSM(8.0), []),
        (LONG, [0]),
        (TARGETED, [0, 1]),
        (RESTARTS, [0]),
    ],
)
def test_an_example_leaves_at_the_goal_of_its_attack(attack, left):
    found = tally.Tally(attack, 10)
    pool = add(found, slots(3), RIGHT, WRONG, HIT)
    assert [slot.index for slot in pool] == left
    assert set(found.outcomes) == {0, 1, 2} - set(left)


def test_a_slot_goes_from_chunk_to_chunk_with_its_images():
    found = tally.Tally(LONG, 10)
    first = add(found, slots(3), WRONG, RIGHT, RIGHT)
    assert [(s.restart, s.chunk, int(s.state.item())) for s in first] == [
        (0, 1, 1),
        (0, 1, 2),
    ]
    pool = add(found, first, RIGHT, RIGHT)
    pool = add(found, pool, RIGHT, WRONG)
    assert pool == []
    lost = [found.outcomes[index].lost for index in range(3)]
    assert lost == [1, record.NEVER, 3]
    assert found.passes.tolist() == [[3, 2, 2]]
    assert found.right == 1


def test_a_restart_begins_anew():
    attack = attacks.PGD(8.0, 1.0, 200, num_restarts=2)
    found = tally.Tally(attack, 10)
    pool = slots(1)
    seen = []
    while pool:
        seen.append((pool[0].restart, pool[0].chunk, pool[0].state is None))
        pool = add(found, pool, RIGHT)
    assert seen == [(0, 0, True), (0, 1, False), (1, 0, True), (1, 1, False)]
    assert found.passes.tolist() == [[2, 2]]


@pytest.mark.parametrize(("other", "asked"), [(0, [1, 1]), (1, [0, 0])])
def test_all_of_a_batch_are_asked_for_starts_where_one_of_it_begins(other, asked):
    attack = attacks.Square(8.0, 200)  # of two chunks
    found = tally.Tally(attack, 10)
    pool = slots(2)
    pool[0].chunk, pool[1].chunk = 1, other
    pool[0].state = stream.rows(attack.blank(IMAGE[None]), 1)[0]
    batch = stream.batch(found.parts, pool, 2)
    found.add(pool, batch, verdict(RIGHT, RIGHT)._replace(fetch=lambda: batch.state))
    assert found.asked[0].tolist() == asked
    assert found.passes[0].sum() == 2


def test_an_image_is_as_near_as_the_nearest_that_it_came():
    found, pool = tally.Tally(RESTARTS, 10), slots(1)
    for near in (-1.0, -2.0):
        batch = stream.batch(found.parts, pool, 1)
        found.add(pool, batch, verdict(RIGHT)._replace(near=np.float32([near])))
    assert pool[0].near == -1.0


def test_an_image_that_is_broken_later_did_not_lack_a_gradient():
    found = tally.Tally(RESTARTS, 10)
    pool = add(found, slots(2), RIGHT, RIGHT)
    found.no_gradient.update((0, 1))
    add(found, pool, WRONG, RIGHT)
    assert found.record(RESTARTS, seconds=1.0).no_gradient.tolist() == [False, True]


@pytest.mark.parametrize(
    ("attack", "outcome", "share"),
    [
        (attacks.APGD(8.0, 40), RIGHT, 0.0),
        (attacks.APGD(8.0, 40), WRONG, None),  # no restart that left an image right
        (attacks.Square(8.0, 200), RIGHT, None),
    ],
)
def test_only_an_attack_that_knows_says_whether_it_was_finished(attack, outcome, share):
    found = tally.Tally(attacks.Worst((attack,)), 10)
    state = stream.rows(attack.blank(IMAGE[None]), 1)[0]
    (slot,) = slots(1)
    slot.part, slot.chunk, slot.state = 1, 1, state
    batch = stream.batch(found.parts, [slot], 1)
    seen = verdict(outcome)._replace(fetch=lambda: batch.state)
    found.add([slot], batch, seen)
    result = found.record(found.attack, seconds=1.0)
    assert result.parts[1].unfinished == share


def test_the_record_is_in_the_order_of_the_dataset():
    found = tally.Tally(TARGETED, 10)
    pool = add(found, slots(3), WRONG, HIT, RIGHT)
    pool = add(found, pool, HIT, RIGHT)
    add(found, pool, RIGHT)
    result = found.record(TARGETED, seed=4, seconds=1.0)
    assert result.survived.tolist() == [False, False, True]
    assert result.hit.tolist() == [True, True, False]
    assert (result.top5, result.passes, result.seed) == (None, 600, 4)
    short = attacks.PGD(8.0, 1.0, 100, targeted="random")
    part = result.beginning(short)
    assert part.hit.tolist() == [False, True, False]
    assert part.survived.tolist() == [False, False, True]
    assert part.top5.tolist() == [True, False, True]
    assert part.passes == 300


@pytest.mark.parametrize(
    ("at_least", "onward"), [(1, [3, 4, 5]), (5, [2, 3, 4, 5, 6]), (12, range(11))]
)
def test_a_share_of_the_nearest_goes_on_to_the_next_part_and_the_rest_to_the_last(
    at_least, onward
):
    gate = worst.Nearest(0.2, at_least)
    parts = attacks.FGSM(8.0), gate, attacks.FGSM(4.0), attacks.FGSM(2.0)
    found = tally.Tally(attacks.Worst(parts), 10)
    pool = slots(11)
    for slot in pool:
        slot.part, slot.near = 2, -((slot.index - 4.0) ** 2)  # the fifth is nearest
    found.sift(pool)
    assert [slot.index for slot in pool if slot.part == 3] == list(onward)
    assert [slot.index for slot in pool if slot.part == 4] == [
        index for index in range(11) if index not in onward
    ]
