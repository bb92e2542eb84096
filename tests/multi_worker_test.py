"""Two tasks under MultiWorkerMirroredStrategy, against two replicas in this process."""

from __future__ import annotations

import json
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
import tensorflow as tf

from common.training import loop
from tests import resume_test, small_paper, worker

Start = Callable[..., list[subprocess.Popen]]
Tasks = tuple[tuple[str, int], ...]


WORKERS = (("worker", 0), ("worker", 1))
CHIEF = (("chief", 0), ("worker", 0))


@pytest.fixture
def cluster(tmp_path: pathlib.Path) -> Iterator[Start]:
    """Returns what starts tasks on one folder; ends those that are left."""
    started = []

    def start(
        tasks: Tasks = WORKERS,
        *,
        ports: list[int] | None = None,
        words: tuple[str, ...] = ("train", "free"),
        second: dict[str, str] | None = None,
    ) -> list[subprocess.Popen]:
        cluster: dict[str, list[str]] = {}
        for (job, _), port in zip(tasks, ports or free_ports(), strict=True):
            cluster.setdefault(job, []).append(f"localhost:{port}")
        for (job, index), more in zip(tasks, ({}, second or {}), strict=True):
            task = {"type": job, "index": index}
            config = json.dumps({"cluster": cluster, "task": task})
            started.append(
                worker.start(
                    tmp_path,
                    *words[1:],
                    "--strategy=multi_worker",
                    command=words[0],
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


@pytest.mark.parametrize(
    "tasks", [CHIEF, pytest.param(WORKERS, marks=pytest.mark.slow)]
)
def test_two_tasks_give_the_bits_of_two_replicas(cluster, mirrored, tmp_path, tasks):
    """With local batch norm, whose moving statistics both average over replicas."""
    for process in cluster(tasks):
        assert worker.ended(process) == (0, "")  # no library says anything
    run_dir = worker.run_dir(tmp_path, "free")
    resume_test.check_same_run(run_dir, mirrored)
    assert "state 0" in small_paper.saved(run_dir)
    names = {path.name for path in (run_dir / "checkpoints").iterdir()}
    assert {"00000018.npz", "00000018.state-0.npz", "00000018.state-1.npz"} <= names


@pytest.mark.slow
def test_tasks_that_were_given_different_recipes_end_before_the_first_update(
    cluster, tmp_path
):
    processes = cluster(CHIEF, second={"WORDS": "--seed=5"})
    for process in processes:
        status, output = worker.ended(process)
        assert status == 3, output
        assert "the same code and get the same command" in output
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.slow
def test_two_tasks_train_the_sources_of_a_recipe_first(cluster, two_replicas, tmp_path):
    """The worker goes on when the chief has saved the source, not before."""
    source, mirrored = tmp_path / "source", tmp_path / "mirrored"
    loop.train(small_paper.NATURAL, source, distribution=two_replicas)
    loop.train(
        small_paper.ENSEMBLE,
        mirrored,
        distribution=two_replicas,
        sources=[source / "checkpoints"],
    )
    for process in cluster(CHIEF, words=("train", "ensemble")):
        assert worker.ended(process) == (0, "")
    for name, expected in (("natural", source), ("ensemble", mirrored)):
        resume_test.check_same_run(worker.run_dir(tmp_path, name), expected)


@pytest.mark.slow
def test_a_killed_worker_ends_the_other_and_a_restart_of_both_goes_on(
    cluster, mirrored, tmp_path
):
    first, second = cluster(second={"DIE_AT": "update:12"})
    assert worker.ended(second)[0] == -signal.SIGKILL
    status, output = worker.ended(first)
    assert status == 3
    error = output.strip().splitlines()[-1]
    assert "error: A worker failed or was lost after step 1" in error
    assert "the same command, on every worker, goes on" in error
    assert "Traceback" not in output
    for process in cluster():
        status, output = worker.ended(process)
        assert status == 0, output
        assert "Going on from step 10" in output
    resume_test.check_same_run(worker.run_dir(tmp_path, "free"), mirrored)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", [0, 1])
def test_a_task_that_waits_for_the_other_ends_on_a_signal(cluster, number, place):
    ports = free_ports()
    processes = cluster(CHIEF, ports=ports)
    processes[1 - place].kill()
    wait_until(lambda: listens(ports[place]))
    time.sleep(1.0)  # until TensorFlow has taken SIGTERM for itself
    check_ended_by(number, processes[place : place + 1], ports)


@pytest.mark.slow
def test_tasks_in_a_collective_operation_end_on_sigterm_and_go_on_when_restarted(
    cluster, mirrored, tmp_path
):
    ports, run_dir = free_ports(), worker.run_dir(tmp_path, "free")
    processes = cluster(CHIEF, ports=ports, second={"HANG_AT": "update:12"})
    wait_until((run_dir / "checkpoints" / "00000010.npz").exists)
    time.sleep(1.0)  # until the chief is in the update that the worker does not do
    assert [process.poll() for process in processes] == [None, None]
    check_ended_by(signal.SIGTERM, processes, ports)
    for process in cluster(CHIEF, ports=ports):
        status, output = worker.ended(process)
        assert status == 0, output
        assert "Going on from step 10" in output
    resume_test.check_same_run(run_dir, mirrored)


@pytest.mark.slow
def test_the_chief_evaluates_when_the_worker_has_left(cluster, tmp_path):
    """The worker has nothing to do; the chief needs none of its computations."""
    for words in (("train", "free"), ("evaluate", "free", "clean")):
        for process in cluster(CHIEF, words=words):
            status, output = worker.ended(process)
            assert status == 0, output
    record = worker.run_dir(tmp_path, "free") / "evaluations" / "clean.json"
    assert json.loads(record.read_text())["total"] == small_paper.FREE.dataset.num_test


@pytest.mark.slow
def test_a_taken_address_is_said_in_one_line(cluster):
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        first, _ = cluster(CHIEF, ports=[port, *free_ports()[:1]])
        status, output = worker.ended(first)
    assert status == 3
    assert "error: --strategy=multi_worker did not come up" in output.splitlines()[-1]
    assert "Traceback" not in output


def check_ended_by(
    number: int, processes: list[subprocess.Popen], ports: list[int]
) -> None:
    """Sends a signal; all that the tasks started must end at once."""
    for process in processes:
        process.send_signal(number)
    for process in processes:
        # The output ends when the last process that could write to it has ended.
        process.communicate(timeout=10)
        assert process.returncode == -number
    wait_until(lambda: not any(map(listens, ports)))


def listens(port: int) -> bool:
    with socket.socket() as each:
        return each.connect_ex(("localhost", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + worker.TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
