"""Runs under KERAS_BACKEND=jax: killed, begun on TensorFlow, and without it."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest

from common.engine import strategy
from common.training import checkpoint, loop
from tests import resume_test, small_paper, under_jax, worker
from tests.without_tensorflow import THEN


def trained(*runs, status=0, **environment):
    """Trains runs, each a folder and a recipe's name, in one process on JAX."""
    words = []
    for workdir, name in runs:
        words += [THEN, "tests.worker", "train", name, f"--workdir={workdir}"]
    done = under_jax.result("tests.without_tensorflow", *words, **environment)
    assert done.returncode == status, done.stderr[-2_000:]


def begin_on_tensorflow(recipe, run_dir):
    """Trains here until it is stopped after update 7; saved at 5."""
    with resume_test.interrupted(7):
        loop.train(recipe, run_dir, distribution=strategy.make("one_device"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Returns the folder of runs that ended in another process than they began in.

    The first process trains a whole run, then begins one and is killed after its update
    7, the third use of the second minibatch. The second ends that, and TensorFlow's.
    """
    folder = tmp_path_factory.mktemp("runs")
    moment = f"update:{small_paper.FREE.num_steps + 7}"
    both = (folder / "whole", "free"), (folder, "free")
    trained(*both, status=-signal.SIGKILL, DIE_AT=moment)
    assert checkpoint.steps(worker.run_dir(folder, "free") / "checkpoints") == [5]
    begin_on_tensorflow(small_paper.NATURAL, worker.run_dir(folder, "natural"))
    trained((folder, "free"), (folder, "natural"))
    return folder


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


def commanded(*words):
    done = under_jax.result("tests.without_tensorflow", *words)
    assert done.returncode in (0, 1), done.stderr[-2_000:]
    assert done.stderr == ""  # no library says anything
    return done.stdout


def test_the_commands_need_no_tensorflow(tmp_path):
    place = ("--scale=digits", f"--workdir={tmp_path}")
    short = (*place, "--set=num_steps=2", "--set=probe=null")
    said = commanded(
        *("free_at", "train", "cifar10_free_2", *short, THEN),
        *("free_at", "evaluate", "cifar10_free_2", "clean", *short, THEN),
        *("free_at", "claims", *place),
    )
    (record,) = tmp_path.rglob("evaluations/clean.json")
    found = json.loads(record.read_text())
    assert (found["total"], found["backend"]) == (500, "jax")
    assert found["hardware"] and found["versions"]["jax"]
    assert "NOT JUDGED AT THIS SCALE" in said


@pytest.mark.slow
def test_a_table_needs_no_tensorflow(tmp_path):
    place = ("--scale=digits", f"--workdir={tmp_path}")
    table = commanded("free_at", "table", "cifar10", *place)
    assert "Free m=8" in table
    commanded("free_at", "claims", *place)
    assert len(list(tmp_path.rglob("evaluations/pgd_20.json"))) == 5
