"""Evaluation in rounds, against an attack that is run on everything to its end."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from common import attacks, backend, data, evaluation
from common.attacks import ascent, objective, steps
from common.attacks import attack as contract
from common.evaluation import stream
from tests.agreement import doubtful

COUNT = 60
STEPS = 300
LONG = attacks.PGD(epsilon=45.0, step_size=0.12, num_steps=STEPS)
TARGETED = dataclasses.replace(LONG, targeted="random", epsilon=60.0, step_size=0.4)
ATTACKS = {
    "untargeted": LONG,
    "random": TARGETED,
    "least_likely": dataclasses.replace(TARGETED, targeted="least_likely"),
    "restarts": dataclasses.replace(TARGETED, num_restarts=2),
}
every_attack = pytest.mark.parametrize("name", ATTACKS)

IMAGES, LABELS = next(data.Digits().test_batches(batch_size=COUNT).as_numpy_iterator())
logits_fn = doubtful.honest
DATASET = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(25)


@tf.function
def predictions(attack, seed, num_steps):
    """The class and the target of every example after some steps of a start."""
    attack = dataclasses.replace(attack, num_restarts=1, num_steps=num_steps)
    adv_images = attack(logits_fn, tf.constant(IMAGES), LABELS, seed=seed)
    logits = logits_fn(adv_images)
    problem = contract.Problem(logits_fn, tf.constant(IMAGES), LABELS, seed)
    return tf.argmax(logits, -1, tf.int32), attack.ascended(problem).choose(logits)


def judged(attack, seed):
    """Right and hit after every 100 steps of each restart; bool [judgements, total]."""
    found = []
    for restart in range(attack.num_restarts):
        folded = contract.restart_seed(seed, restart)
        every = attack.rounds.chunk
        for num_steps in range(every, attack.num_steps + 1, every):
            classes, target = predictions(attack, folded, tf.constant(num_steps))
            found.append((classes == LABELS, classes == target))
    return np.array(found).swapaxes(0, 1)


@dataclasses.dataclass(frozen=True)
class Waning(ascent.Ascent):
    """Steps that shorten with the number of those that an image has behind it."""

    num_steps: Any

    @property
    def rounds(self):
        number = self.num_steps
        return contract.Rounds(number, number // 10 if isinstance(number, int) else 1)

    def start(self, problem):
        return problem.images, ops.zeros_like(problem.images[:, 0, 0, 0])

    def blank(self, images):
        return images, np.zeros(len(images), np.float32)

    def judged(self, state):
        return state[0]

    def ascended(self, problem):
        return objective.objective(problem)

    def proceed(self, problem, state, climbed, num_steps):
        def body(_, state):
            adv_images, taken = state
            _, gradient = backend.value_and_gradients(climbed, adv_images)
            length = self.epsilon / ops.reshape(20.0 + taken, (-1, 1, 1, 1))
            moved = adv_images + steps.sign(gradient, length)
            return self.project(problem.images)(moved), taken + 1.0

        return ops.fori_loop(0, num_steps, body, state)


WANING = Waning(45.0, 30)


@functools.cache
def naive(attack, seed=0):
    """Returns survived, hit and rounds of each example, each judged by itself."""
    right, hit = judged(attack, seed)
    goal = hit if attack.is_targeted else ~right
    rounds = np.where(goal.any(0), goal.argmax(0) + 1, len(goal))
    seen = np.arange(len(goal))[:, None] < rounds
    return (right | ~seen).all(0), (hit & seen).any(0), rounds


JUDGES = evaluation.Judges(logits_fn)


def evaluate(attack, *, judges=JUDGES, **kwargs):
    return evaluation.evaluate(judges, DATASET, attack, **kwargs)


@every_attack
@pytest.mark.parametrize("batch_size", [7, 60])
def test_it_equals_every_judgement_on_every_example(name, batch_size):
    attack = ATTACKS[name]
    survived, hit, rounds = naive(attack, seed=2)
    record = evaluate(attack, seed=2, batch_size=batch_size)
    np.testing.assert_array_equal(record.survived, survived)
    if attack.is_targeted:
        np.testing.assert_array_equal(record.hit, hit)
    else:
        assert record.hit is None
    # Not a test of nothing: examples leave in each round, and some are left.
    assert len(np.unique(rounds)) >= 3
    assert 0 < survived.sum() < COUNT
    if attack.is_targeted:
        assert (~survived & ~hit).any() and hit.any()
    assert record.passes == 100 * rounds.sum()
    assert record.top5 is None


@pytest.mark.parametrize("batch_size", [7, 60])
def test_a_state_of_several_tensors_goes_along_with_its_image(batch_size):
    right = np.array(
        [
            tf.argmax(logits_fn(attack(logits_fn, IMAGES, LABELS)), -1) == LABELS
            for attack in (
                dataclasses.replace(WANING, num_steps=n) for n in (10, 20, 30)
            )
        ]
    )
    record = evaluate(WANING, batch_size=batch_size)
    np.testing.assert_array_equal(record.survived, right.all(0))
    # Not a test of nothing: examples leave after each chunk, and some are left.
    assert 0 < right.all(0).sum() < right[:2].all(0).sum() < right[0].sum() < COUNT


def in_tens(attack):
    """A tenth of the steps, ten times as long."""
    return dataclasses.replace(
        attack, num_steps=attack.num_steps // 10, step_size=10 * attack.step_size
    )


@pytest.fixture
def rounds_of_ten(monkeypatch):
    """Sets rounds of ten steps: as many as in the other tests, in less time."""
    monkeypatch.setattr(contract, "CHUNK", 10)


def test_what_fills_a_batch_up_is_counted_and_changes_nothing(
    rounds_of_ten, monkeypatch
):
    monkeypatch.setattr(stream.backend, "takes_any_size", lambda: False)
    for attack in map(in_tens, (LONG, TARGETED)):
        survived, _, rounds = naive(attack)
        assert len(np.unique(rounds)) == 3
        needed = 10 * rounds.sum()
        assert evaluate(attack, batch_size=1).passes == needed
        record = evaluate(attack, batch_size=16)
        np.testing.assert_array_equal(record.survived, survived)
        assert needed < record.passes <= 2 * needed
        assert record.passes % (10 * 2) == 0  # batches of 16, 8, 4 and 2


def test_other_numbers_of_steps_are_judged_once_at_the_end():
    attack = dataclasses.replace(TARGETED, num_steps=150)
    (right,), (hit,) = judged(attack, 0)
    record = evaluate(attack)
    np.testing.assert_array_equal(record.survived, right)
    np.testing.assert_array_equal(record.hit, hit)
    batches = [stream.filled(count, 25) for count in (25, 25, 10)]
    assert record.passes == 150 * sum(batches)
    assert record.top5 is not None


def test_a_targeted_restart_goes_on_until_the_target_is_hit():
    attack = attacks.PGD(40.0, 12.0, 4, targeted="random", num_restarts=3)
    survived, hit, rounds = naive(attack)
    record = evaluate(attack, batch_size=1)
    np.testing.assert_array_equal(record.hit, hit)
    np.testing.assert_array_equal(record.survived, survived)
    assert record.passes == 4 * rounds.sum()
    _, every_hit = judged(attack, 0)
    assert every_hit[0].sum() < hit.sum() < (~survived).sum()


@pytest.mark.parametrize("name", ["untargeted", "random", "least_likely"])
def test_shorter_attacks_are_beginnings_of_longer_ones(name):
    long = evaluate(ATTACKS[name], seed=4, batch_size=11)
    for num_steps in (100, 200, 300):
        attack = dataclasses.replace(ATTACKS[name], num_steps=num_steps)
        alone = evaluate(attack, seed=4, batch_size=11)
        part = long.beginning(attack)
        for array in ("survived", "hit", "top5"):
            np.testing.assert_array_equal(getattr(part, array), getattr(alone, array))
        assert part.attack == alone.attack
        assert part.attack["num_steps"] == num_steps
        assert 0 <= abs(part.passes - alone.passes) <= 100 * 11 * num_steps / 100
    assert long.beginning(attack).passes == long.passes


def test_the_passes_of_beginnings_are_those_needed_without_padding(rounds_of_ten):
    long = evaluate(in_tens(LONG), batch_size=1)
    for num_steps in (10, 20):
        attack = dataclasses.replace(in_tens(LONG), num_steps=num_steps)
        alone = evaluate(attack, batch_size=1)
        assert long.beginning(attack).passes == alone.passes < long.passes


def test_two_replicas_go_the_same_rounds(two_replicas):
    one = evaluate(TARGETED, seed=3)
    judges = evaluation.Judges(logits_fn, two_replicas)
    two = evaluate(TARGETED, seed=3, batch_size=30, judges=judges)
    np.testing.assert_array_equal(one.survived, two.survived)
    np.testing.assert_array_equal(one.hit, two.hit)
