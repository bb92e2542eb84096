"""Two processes under MultiWorkerMirroredStrategy, against two replicas in this one."""

from __future__ import annotations

import json
import pathlib
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tensorflow as tf

from common.training import loop
from tests import small_paper, worker

Start = Callable[..., list[subprocess.Popen]]


@pytest.fixture
def cluster(tmp_path: pathlib.Path) -> Iterator[Start]:
    """Returns what starts two workers on one folder; ends those that are left."""
    started = []

    def start(*, second: dict[str, str] | None = None) -> list[subprocess.Popen]:
        cluster = {"worker": [f"localhost:{port}" for port in free_ports()]}
        for index, more in enumerate(({}, second or {})):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": cluster, "task": task})
            started.append(
                worker.start(
                    tmp_path,
                    "free",
                    "--strategy=multi_worker",
                    TF_CONFIG=config,
                    **more,
                )
            )
        return started[-2:]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def mirrored(tmp_path: pathlib.Path, two_replicas: tf.distribute.Strategy):
    """Returns the folder of the same run on two replicas of this process."""
    run_dir = tmp_path / "mirrored"
    loop.train(small_paper.FREE, run_dir, distribution=two_replicas)
    return run_dir


def free_ports() -> list[int]:
    """Returns two ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def check_same_bits(run_dir: pathlib.Path, expected: pathlib.Path) -> None:
    arrays, wanted = small_paper.saved(run_dir), small_paper.saved(expected)
    assert arrays.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    assert small_paper.logged(run_dir) == small_paper.logged(expected)


def test_two_workers_give_the_bits_of_two_replicas(cluster, mirrored, tmp_path):
    """With local batch norm, whose moving statistics both average over replicas."""
    for process in cluster():
        status, output = worker.ended(process)
        assert status == 0, output
    run_dir = worker.run_dir(tmp_path, "free")
    check_same_bits(run_dir, mirrored)
    assert "state 0" in small_paper.saved(run_dir)
    names = {path.name for path in (run_dir / "checkpoints").iterdir()}
    assert {"00000018.npz", "00000018.state-0.npz", "00000018.state-1.npz"} <= names


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_and_a_restart_of_both_goes_on(
    cluster, mirrored, tmp_path
):
    first, second = cluster(second={"DIE_AT": "update:12"})
    assert worker.ended(second)[0] == -signal.SIGKILL
    status, output = worker.ended(first)
    assert status == 3
    error = output.strip().splitlines()[-1]
    assert "error: A worker was lost after step 1" in error
    assert "the same command, on every worker, goes on" in error
    assert "Traceback" not in output
    for process in cluster():
        status, output = worker.ended(process)
        assert status == 0, output
        assert "Going on from step 10" in output
    check_same_bits(worker.run_dir(tmp_path, "free"), mirrored)
