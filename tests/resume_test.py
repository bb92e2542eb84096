"""SIGKILL at any moment, then the same command again: the same bits.

Op determinism is left off throughout: on the CPU the same run repeats its bits without.
"""

from __future__ import annotations

import contextlib
import pathlib
import signal
from collections.abc import Iterator

import numpy as np
import pytest

from common import cli
from common.engine import strategy
from common.training import checkpoint, learner, loop, metrics
from tests import small_paper, worker


def train(recipe, run_dir, distribution=None):
    distribution = distribution or strategy.make("one_device")
    loop.train(recipe, run_dir, distribution=distribution)


def check_same_run(run_dir: pathlib.Path, expected: pathlib.Path) -> None:
    """Every saved array has the same bits, and the log every step once."""
    arrays, wanted = small_paper.saved(run_dir), small_paper.saved(expected)
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    assert small_paper.logged(run_dir) == small_paper.logged(expected)
    kinds = [line["kind"] for line in metrics.read(run_dir / "metrics.jsonl")]
    assert kinds.count("end") == 1


@contextlib.contextmanager
def interrupted(update: int) -> Iterator[None]:
    """Interrupts the training within, before an update is counted."""
    add = metrics.Meter.add

    def stop(meter, step, values):
        if step == update:
            raise KeyboardInterrupt
        add(meter, step, values)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(metrics.Meter, "add", stop)
        yield


def killed(workdir: pathlib.Path, name: str, moment: str) -> None:
    """Trains until the process kills itself."""
    status, output = worker.ended(worker.start(workdir, name, DIE_AT=moment))
    assert status == -signal.SIGKILL, output


def finished(workdir: pathlib.Path, name: str, *flags: str) -> None:
    """Trains to the end."""
    status, output = worker.ended(worker.start(workdir, name, *flags))
    assert status == 0, output


def test_a_run_killed_amid_the_replays_of_a_minibatch_goes_on_to_the_same_bits(
    tmp_path,
):
    """Killed after update 7, the third use of the second minibatch; saved at 5."""
    train(small_paper.FREE, tmp_path / "whole")
    killed(tmp_path, "free", "update:7")
    run_dir = worker.run_dir(tmp_path, "free")
    assert checkpoint.steps(run_dir / "checkpoints") == [5]
    train(small_paper.FREE, run_dir)
    check_same_run(run_dir, tmp_path / "whole")
    assert np.abs(small_paper.saved(run_dir)["state 0"]).max() == small_paper.EPSILON


def test_a_run_with_sources_goes_on_to_the_same_bits_and_leaves_them(tmp_path):
    """The source is trained before, so that it is the other run that is stopped."""
    whole, run_dir = tmp_path / "whole", worker.run_dir(tmp_path, "ensemble")
    source = worker.run_dir(tmp_path, "natural")
    train(small_paper.NATURAL, source)
    place, sources = strategy.make("one_device"), [source / "checkpoints"]
    loop.train(small_paper.ENSEMBLE, whole, distribution=place, sources=sources)
    before = small_paper.saved(source)
    built = learner.build(small_paper.ENSEMBLE, place, "float32", sources)
    assert built.fixed
    for variable in built.fixed:  # the weights of the source, not the initial ones
        np.testing.assert_array_equal(variable.numpy(), before[variable.path])
    words = ("small_paper", "train", "ensemble", f"--workdir={tmp_path}")
    with interrupted(7):
        cli.main(small_paper.PAPER, words)
    assert checkpoint.steps(run_dir / "checkpoints") == [5]
    assert cli.main(small_paper.PAPER, words) == cli.GOOD
    check_same_run(run_dir, whole)
    after = small_paper.saved(source)
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["free", "pgd"])
def test_a_run_killed_at_moment_after_moment_ends_with_the_same_bits(name, tmp_path):
    """Each process goes on where the one before was killed."""
    train(small_paper.RECIPES[name], tmp_path / "whole")
    directory = worker.run_dir(tmp_path, name) / "checkpoints"
    for moment, steps in (
        ("rename:1", []),  # of the manifest
        ("update:3", []),  # before the first checkpoint
        ("write:2", []),  # the state of step 5 is there, its variables are not
        ("rename:4", [5]),  # after those of the log and of step 5: the state of 10
        # First what was half written is removed, then TensorBoard's earlier events.
        ("removal:3", [5, 10, 15]),  # before step 5 is dropped
        ("update:3", [5, 10, 15]),  # after the last update, before the last checkpoint
        ("removal:4", [15, 18]),  # old variables are dropped, their states are not
    ):
        killed(tmp_path, name, moment)
        assert checkpoint.steps(directory) == steps, moment
    finished(tmp_path, name)
    check_same_run(directory.parent, tmp_path / "whole")


@pytest.mark.parametrize("damaged", ["00000018.npz", "00000018.state-0.npz"])
def test_a_checkpoint_cut_short_is_passed_over_with_a_warning(
    damaged, tmp_path, capsys
):
    train(small_paper.FREE, tmp_path)
    wanted = small_paper.saved(tmp_path)
    path = tmp_path / "checkpoints" / damaged
    path.write_bytes(path.read_bytes()[:-100])
    train(small_paper.FREE, tmp_path)
    warning = capsys.readouterr().err.splitlines()[0]
    assert warning.startswith("Checkpoint 18 does not read back")
    assert warning.endswith("taking the one before.")
    arrays = small_paper.saved(tmp_path)
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    assert [step for step, *_ in small_paper.logged(tmp_path)] == [5, 10, 15, 18]
