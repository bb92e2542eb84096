"""Runs under KERAS_BACKEND=jax: killed, begun on TensorFlow, and without it."""

from __future__ import annotations

import json
import pathlib
import signal
from typing import NamedTuple

import numpy as np
import pytest

from common.engine import strategy
from common.training import checkpoint, loop
from tests import resume_test, small_paper, under_jax, worker
from tests.without_tensorflow import THEN


class Found(NamedTuple):
    """What the processes have left: a folder, and what the last one said."""

    folder: pathlib.Path
    said: str


def trained(*runs):
    """Returns the words that train runs, each a folder and a recipe's name."""
    return [
        word
        for workdir, name in runs
        for word in ("tests.worker", "train", name, f"--workdir={workdir}", THEN)
    ]


def answered(*words, statuses=(0, 1), **environment):
    """Returns what commands say in one process on JAX that ends with such a status."""
    done = under_jax.result("tests.without_tensorflow", *words, **environment)
    assert done.returncode in statuses, done.stderr[-2_000:]
    for line in done.stderr.splitlines():  # no library says anything
        assert line.startswith("Going on from step 5 of ")
    return done.stdout


def begin_on_tensorflow(recipe, run_dir):
    """Trains here until it is stopped after update 7; saved at 5."""
    with resume_test.interrupted(7):
        loop.train(recipe, run_dir, distribution=strategy.make("one_device"))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Returns what two processes have left.

    The first trains a whole run, then begins one and is killed after its update 7, the
    third use of the second minibatch. The second ends that, and TensorFlow's, and runs
    commands of a paper.
    """
    folder = tmp_path_factory.mktemp("runs")
    moment = f"update:{small_paper.FREE.num_steps + 7}"
    both = (folder / "whole", "free"), (folder, "free")
    answered(*trained(*both), statuses=[-signal.SIGKILL], DIE_AT=moment)
    assert checkpoint.steps(worker.run_dir(folder, "free") / "checkpoints") == [5]
    begin_on_tensorflow(small_paper.NATURAL, worker.run_dir(folder, "natural"))
    short = (*places(folder), "--set=num_steps=2", "--set=probe=null")
    said = answered(
        *trained((folder, "free"), (folder, "natural")),
        *("free_at", "train", "cifar10_free_2", *short, THEN),
        *("free_at", "evaluate", "cifar10_free_2", "clean", *short, THEN),
        *("free_at", "claims", *places(folder)),
    )
    return Found(folder, said)


@pytest.fixture
def folder(found):
    """Returns the folder of runs that ended in another process than they began in."""
    return found.folder


def places(folder):
    return "--scale=digits", f"--workdir={folder}"


def test_a_killed_run_goes_on_to_the_same_bits(folder):
    run_dir = worker.run_dir(folder, "free")
    resume_test.check_same_run(run_dir, worker.run_dir(folder / "whole", "free"))
    assert np.abs(small_paper.saved(run_dir)["state 0"]).max() == small_paper.EPSILON
    manifest = json.loads((run_dir / "recipe.json").read_text())
    assert (manifest["backend"], manifest["strategy"]) == ("jax", "OneDevice")
    assert "continued" not in manifest
    assert {"jax", "keras", "python"} == set(manifest["versions"])


def test_a_run_that_tensorflow_began_ends_as_if_it_had_ended_it(folder, tmp_path):
    recipe = small_paper.NATURAL
    loop.train(recipe, tmp_path / "whole", distribution=strategy.make("one_device"))
    run_dir = worker.run_dir(folder, "natural")
    manifest = json.loads((run_dir / "recipe.json").read_text())
    (continued,) = manifest["continued"]
    assert (manifest["backend"], continued["backend"]) == ("tensorflow", "jax")
    assert continued["step"] == 5
    arrays, wanted = map(small_paper.saved, (run_dir, tmp_path / "whole"))
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(arrays[name], array, atol=1e-4, err_msg=name)
    logged, expected = map(small_paper.logged, (run_dir, tmp_path / "whole"))
    np.testing.assert_allclose(logged, expected, atol=1e-3)


def test_the_commands_need_no_tensorflow(found):
    (record,) = found.folder.rglob("free_at/**/evaluations/clean.json")
    read = json.loads(record.read_text())
    assert (read["total"], read["backend"]) == (500, "jax")
    assert read["hardware"] and read["versions"]["jax"]
    assert "NOT JUDGED AT THIS SCALE" in found.said


@pytest.mark.slow
def test_a_table_needs_no_tensorflow(tmp_path):
    place = places(tmp_path)
    words = ("free_at", "table", "cifar10", *place, THEN, "free_at", "claims", *place)
    # These compute for longer than they compile.
    assert "Free m=8" in answered(*words, XLA_FLAGS="")
    assert len(list(tmp_path.rglob("evaluations/pgd_20.json"))) == 5
