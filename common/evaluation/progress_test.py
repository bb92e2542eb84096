"""A killed evaluation goes on where it was, to the same record."""

import dataclasses
import functools
import time

import numpy as np
import pytest

from common import attacks, evaluation, files
from common.attacks import attack as contract
from common.attacks import worst
from common.evaluation import attackable, progress, rounds_test, stream, tally

ATTACKS = {"clean": None}
ATTACKS |= {
    name: rounds_test.in_tens(rounds_test.ATTACKS[name])
    for name in ("untargeted", "random", "restarts")
}
ATTACKS["waning"] = rounds_test.WANING
ATTACKS["worst"] = attacks.Worst(
    (
        attacks.APGD(20.0, 40),
        attacks.APGD(30.0, 40, loss="targeted_dlr", num_restarts=2),
        worst.Nearest(0.5),
        rounds_test.WANING,
        attacks.Square(8.0, 20),
    )
)
TARGETED = ATTACKS["random"]
ANSWERS = np.eye(3)
SIZE = 13


class Killed(Exception):
    pass


class Mortal(evaluation.Judges):
    """Judges that die after some batches, and count those that they have judged."""

    def __init__(self, life=10**9):
        super().__init__(rounds_test.logits_fn)
        self._compiled = rounds_test.JUDGES._compiled
        self.life, self.seen = life, 0

    def __call__(self, *args, **kwargs):
        if self.seen == self.life:
            raise Killed
        self.seen += 1
        return super().__call__(*args, **kwargs)


@pytest.fixture(autouse=True)
def after_every_batch(monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(contract, "CHUNK", 10)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "evaluations" / "pgd.progress.npz"


def evaluate(
    attack, path, judges=None, *, seed=5, batch_size=SIZE, key="step 3", keep=False
):
    return rounds_test.evaluate(
        attack,
        seed=seed,
        batch_size=batch_size,
        judges=judges or Mortal(),
        progress_file=path,
        progress_key=key,
        keep_images=keep or isinstance(attack, attacks.Worst),
    )


def kill(attack, path, life):
    with pytest.raises(Killed):
        evaluate(attack, path, Mortal(life))


@functools.cache
def whole(name):
    """Returns the record of an attack that nothing stops, and the batches judged."""
    judges = Mortal()
    return evaluate(ATTACKS[name], None, judges), judges.seen


def assert_same(record, expected):
    for name in ("survived", "hit", "top5", "broken_by", "adv_images"):
        found, wanted = getattr(record, name), getattr(expected, name)
        np.testing.assert_array_equal(found, wanted, strict=wanted is not None)
    assert (record.passes, record.attack) == (expected.passes, expected.attack)
    assert record.parts == expected.parts


def assert_removed(record, path):
    """The progress is there until the record is: a full disk must not lose it."""
    assert path.exists()
    record.save(path.with_name("pgd.json"))
    assert {p.name for p in path.parent.iterdir()} == {"pgd.json", "pgd.npz"}


@pytest.mark.parametrize(
    ("name", "share"),
    [*((name, 0.5) for name in ATTACKS), ("worst", 0.1), ("worst", 0.95)],
)
def test_killed_anywhere_it_gives_the_same_record(name, share, path):
    expected, seen = whole(name)
    life = max(1, int(share * seen))
    kill(ATTACKS[name], path, life)
    assert path.exists()
    rest = Mortal()
    record = evaluate(ATTACKS[name], path, rest)
    assert_same(record, expected)
    assert rest.seen == seen - life  # nothing is judged again
    assert_removed(record, path)


def test_killed_twice_it_still_gives_the_same_record(path):
    expected, _ = whole("random")
    kill(TARGETED, path, 3)
    kill(TARGETED, path, 4)
    arrays = files.load_arrays(path)
    assert arrays["seconds"] > 0
    np.savez(path, **{**arrays, "seconds": 1e6})
    record = evaluate(TARGETED, path)
    assert_same(record, expected)
    assert 1e6 < record.seconds < 1e6 + 1000  # with those of before


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 6},
        {"key": "step 4"},
        {"key": {"step": 3}},
        {"keep": True},
        {"attack": ATTACKS["untargeted"]},
    ],
)
def test_progress_of_another_evaluation_is_replaced(other, path):
    attack = TARGETED
    kill(attack, path, 6)
    arguments = {"attack": attack, **other}
    judges, fresh = Mortal(), Mortal()
    record = evaluate(**arguments, path=path, judges=judges)
    assert_same(record, evaluate(**arguments, path=None, judges=fresh))
    assert judges.seen == fresh.seen


@pytest.mark.parametrize("batch_size", [SIZE - 4, SIZE + 4])
def test_it_goes_on_with_batches_of_another_size(batch_size, path):
    """As where memory ran out, or on another number of devices."""
    kill(TARGETED, path, 9)
    judges, fresh = Mortal(), Mortal()
    record = evaluate(TARGETED, path, judges, batch_size=batch_size)
    expected = evaluate(TARGETED, None, fresh, batch_size=batch_size)
    assert 0 < judges.seen < fresh.seen
    # Where batches are filled up, as on JAX and on GPUs, the passes may differ.
    assert_same(dataclasses.replace(record, passes=expected.passes), expected)


def test_progress_of_more_images_is_refused(path):
    kill(TARGETED, path, 9)
    fewer = [(rounds_test.IMAGES[:40], rounds_test.LABELS[:40])]
    with pytest.raises(
        ValueError, match=r"delete it\. Received: progress_file=.* 40 im"
    ):
        evaluation.evaluate(
            rounds_test.logits_fn,
            fewer,
            TARGETED,
            seed=5,
            progress_file=path,
            progress_key="step 3",
        )


def test_answers_by_chance_need_a_key_since_they_tell_nothing(path):
    attack = attacks.Worst((attacks.APGD(20.0, 4, samples=2),))
    with pytest.raises(ValueError, match="progress_file needs progress_key"):
        evaluate(attack, path, key=None)


@pytest.mark.parametrize("other", ["network", "images", "fewer images"])
def test_progress_of_another_network_or_dataset_is_replaced(other, path):
    kill(TARGETED, path, 6)
    images, labels = rounds_test.IMAGES, rounds_test.LABELS
    dataset, judges = [(images, labels)], rounds_test.JUDGES
    if other == "network":
        judges = evaluation.Judges(lambda x: rounds_test.logits_fn(x)[:, ::-1])
    elif other == "images":
        dataset = [(images[::-1], labels[::-1])]
    else:
        dataset = [(images[:20], labels[:20])]
    settings = {"seed": 5, "batch_size": SIZE}
    found, expected = (
        evaluation.evaluate(judges, dataset, TARGETED, **settings, **further)
        for further in ({"progress_file": path, "progress_key": "step 3"}, {})
    )
    assert_same(found, expected)


@pytest.mark.parametrize("length", [0, 10, 0.5, -1])
def test_a_truncated_file_is_passed_over(length, path):
    expected, _ = whole("random")
    kill(TARGETED, path, 6)
    content = path.read_bytes()
    cut = int(length * len(content)) if isinstance(length, float) else length
    path.write_bytes(content[:cut])
    judges = Mortal()
    assert_same(evaluate(TARGETED, path, judges), expected)
    assert judges.seen > 6


def test_a_kill_while_it_is_written_leaves_what_was_there(path, monkeypatch):
    expected, _ = whole("random")
    kill(TARGETED, path, 4)
    before = path.read_bytes()

    def die(file, **arrays):
        file.write(b"half of it")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", die)
        kill(TARGETED, path, 10**9)
    assert path.read_bytes() == before
    record = evaluate(TARGETED, path)
    assert_same(record, expected)
    assert_removed(record, path)


def test_it_is_written_once_in_a_while(path, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 60.0)
    found = tally.Tally(None, 10)
    now = time.perf_counter()
    progress.File(path, "key", answers=ANSWERS, begin=now).save([], found)
    assert not path.exists()
    file = progress.File(path, "key", answers=ANSWERS, begin=now - 61)
    file.save([], found)
    path.unlink()
    file.save([], found)
    assert not path.exists()
    short = rounds_test.evaluate(None, progress_file=path)
    assert short.total == rounds_test.COUNT and not path.exists()


def test_images_without_a_gradient_are_remembered(path):
    found, again = tally.Tally(None, 10), tally.Tally(None, 10)
    found.no_gradient.update({3, 5})
    progress.File(path, "key", answers=ANSWERS, begin=0.0).save([], found)
    questions = attackable.Questions(rounds_test.logits_fn)
    examples = stream.Examples(rounds_test.DATASET, questions)
    progress.File(path, "key", answers=ANSWERS, begin=0.0).load(examples, again)
    assert again.no_gradient == {3, 5}


def test_what_is_done_is_read_and_dropped(path):
    found = tally.Tally(None, 10)
    found.outcomes = {index: stream.record.UNKNOWN for index in range(50)}
    progress.File(path, "key", answers=ANSWERS, begin=0.0).save([], found)
    examples = stream.Examples(
        rounds_test.DATASET, attackable.Questions(rounds_test.logits_fn)
    )
    for other in (ANSWERS[:2], 1.1 * ANSWERS):  # of another network
        empty = tally.Tally(None, 10)
        file = progress.File(path, "key", answers=other, begin=0.0)
        assert file.load(examples, empty) == [] and not empty.outcomes
    file = progress.File(path, "key", answers=ANSWERS + 1e-6, begin=0.0)
    assert file.load(examples, tally.Tally(None, 10)) == []
    assert [slot.index for slot in examples.take(2)] == [50, 51]
