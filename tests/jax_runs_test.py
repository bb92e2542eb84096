"""Runs under KERAS_BACKEND=jax: killed, begun on TensorFlow, and without it."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest

from common.engine import strategy
from common.training import checkpoint, loop
from tests import agreement, resume_test, small_paper, under_jax, worker

JAX = {"KERAS_BACKEND": "jax", "XLA_FLAGS": agreement.QUICK_XLA}


def ended(workdir, name, status=0, **environment):
    """Trains in a process, and returns the folder of the run."""
    found, output = worker.ended(worker.start(workdir, name, **environment))
    assert found == status, output
    return worker.run_dir(workdir, name)


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    """Killed after update 7, the third use of the second minibatch; saved at 5."""
    whole = ended(tmp_path / "whole", "free", **JAX)
    killed = -signal.SIGKILL
    run_dir = ended(tmp_path, "free", killed, DIE_AT="update:7", **JAX)
    assert checkpoint.steps(run_dir / "checkpoints") == [5]
    ended(tmp_path, "free", **JAX)
    resume_test.check_same_run(run_dir, whole)
    assert np.abs(small_paper.saved(run_dir)["state 0"]).max() == small_paper.EPSILON
    manifest = json.loads((run_dir / "recipe.json").read_text())
    assert (manifest["backend"], manifest["strategy"]) == ("jax", "OneDevice")
    assert "continued" not in manifest
    assert {"jax", "keras", "python"} == set(manifest["versions"])


def test_a_run_that_tensorflow_began_ends_as_if_it_had_ended_it(tmp_path):
    recipe = small_paper.RECIPES["natural"]
    loop.train(recipe, tmp_path / "whole", distribution=strategy.make("one_device"))
    ended(tmp_path, "natural", -signal.SIGKILL, DIE_AT="update:7")
    run_dir = ended(tmp_path, "natural", **JAX)
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
    done = under_jax.result("tests.without_tensorflow", "free_at", *words)
    assert done.returncode in (0, 1), done.stderr[-2_000:]
    assert done.stderr == ""  # no library says anything
    return done.stdout


def test_the_commands_need_no_tensorflow(tmp_path):
    place = ("--scale=digits", f"--workdir={tmp_path}")
    short = ("--set=num_steps=2",)
    commanded("train", "cifar10_free_2", *place, *short)
    commanded("evaluate", "cifar10_free_2", "clean", *place, *short)
    (record,) = tmp_path.rglob("evaluations/clean.json")
    found = json.loads(record.read_text())
    assert (found["total"], found["backend"]) == (500, "jax")
    assert found["hardware"] and found["versions"]["jax"]
    assert "NOT JUDGED AT THIS SCALE" in commanded("claims", *place)


@pytest.mark.slow
def test_a_table_needs_no_tensorflow(tmp_path):
    place = ("--scale=digits", f"--workdir={tmp_path}")
    table = commanded("table", "cifar10", *place)
    assert "Free m=8" in table
    commanded("claims", *place)
    assert len(list(tmp_path.rglob("evaluations/pgd_20.json"))) == 5
