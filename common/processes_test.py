import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from common import errors, processes


def noted(name, folder):
    """Prints, and returns the name with the process."""
    print("begun")
    print(f"[1/2] {name}", flush=True)
    print("\b\b 3/5", end="")
    print()
    if name.startswith("broken"):
        raise ValueError(f"Received: {name}")
    pathlib.Path(folder, name).touch()
    return name, os.getpid()


def threads(name):
    return os.environ["TF_NUM_INTRAOP_THREADS"]


def killed(name):
    if name == "broken":
        raise ValueError("Received: broken")
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


def held(name, folder):
    """Says which process this is, and stays."""
    partial = pathlib.Path(folder, f"{name}.partial")
    partial.write_text(str(os.getpid()))
    partial.rename(pathlib.Path(folder, name))
    time.sleep(600)


def command(text, **environment):
    """Starts a command of its own: `text`, after what ends it on signals."""
    begin = "import functools, os, signal, sys; from common import processes_test; "
    begin += "from common import processes; processes.end_on_signals(); "
    return subprocess.Popen(
        [sys.executable, "-c", begin + text], env={**os.environ, **environment}
    )


def found(path):
    """Returns the process that a file names, once it is there."""
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    return int(path.read_text())


def check_gone(process):
    end = time.monotonic() + 10
    while pathlib.Path(f"/proc/{process}").exists():
        assert time.monotonic() < end, f"{process} is left over"
        time.sleep(0.05)


ENDS = (
    signal.SIGTERM,
    pytest.param(signal.SIGINT, marks=pytest.mark.slow),
    pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
)
CLUSTER = {
    "cluster": {"worker": ["localhost:1", "localhost:2"]},
    "task": {"type": "worker", "index": 0},
}


@pytest.mark.parametrize("number", ENDS)
def test_no_job_outlives_the_command(tmp_path, number):
    act = f"functools.partial(processes_test.held, folder={str(tmp_path)!r})"
    process = command(f"processes.each({act}, ['a', 'b'], 2)")
    jobs = [found(tmp_path / name) for name in "ab"]
    process.send_signal(number)
    assert process.wait(10) == -number
    for job in jobs:
        check_gone(job)


@pytest.mark.parametrize("number", ENDS)
def test_in_a_cluster_no_child_outlives_the_command(tmp_path, number):
    # As in TensorFlow, which takes SIGTERM for itself and lets no handler run.
    text = "signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    text += f"processes_test.held('child', {str(tmp_path)!r})"
    process = command(text, TF_CONFIG=json.dumps(CLUSTER))
    child = found(tmp_path / "child")
    assert child != process.pid
    process.send_signal(number)
    assert process.wait(10) == -number
    check_gone(child)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("sys.exit(3)", 3),
        ("", 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_in_a_cluster_the_command_ends_as_its_child(text, status):
    assert command(text, TF_CONFIG=json.dumps(CLUSTER)).wait(120) == status


def test_a_signal_that_is_ignored_stays_so(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    taken = (signal.SIGINT, signal.SIGTERM)
    former = [signal.getsignal(number) for number in taken]
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # as under nohup
        processes.end_on_signals()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in zip(taken, former, strict=True):
            signal.signal(number, handler)


def test_a_killed_process_is_named_with_what_to_change(capfd):
    with pytest.raises(errors.RunError, match=r"killed.*Received: --jobs=2"):
        processes.each(killed, ["broken", "b"], 2)
    assert "broken: Received: broken\n" in capfd.readouterr().err


def test_one_job_is_this_process(tmp_path, capfd):
    found = processes.each(functools.partial(noted, folder=tmp_path), ["a", "b"], 1)
    assert found == [("a", os.getpid()), ("b", os.getpid())]
    assert capfd.readouterr().out == "".join(
        f"begun\n[1/2] {name}\n\b\b 3/5\n" for name in "ab"
    )


def test_several_jobs_are_processes_that_print_whole_lines(tmp_path, capfd):
    names = ["x", "y", "z"]
    found = processes.each(functools.partial(noted, folder=tmp_path), names, 2)
    assert [name for name, _ in found] == names
    used = {process for _, process in found}
    assert os.getpid() not in used and 1 <= len(used) <= 2
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted(
        line for name in names for line in (f"{name}: begun", f"[1/2] {name}")
    )


def test_errors_are_told_when_all_have_ended(tmp_path, capfd):
    act = functools.partial(noted, folder=tmp_path)
    with pytest.raises(ValueError, match=r"Received: broken_1"):
        processes.each(act, ["broken_1", "a", "broken_2"], 2)
    assert (tmp_path / "a").exists()
    assert capfd.readouterr().err == "broken_2: Received: broken_2\n"


def test_several_jobs_share_the_processors(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS")
    monkeypatch.setattr(processes, "cores", lambda: 6)
    assert processes.each(threads, ["a", "b"], 2) == ["3", "3"]
    monkeypatch.setattr(processes, "cores", lambda: 1)
    assert processes.each(threads, ["a", "b"], 2) == ["1", "1"]
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "5")
    assert processes.each(threads, ["a", "b"], 2) == ["5", "5"]


def test_the_processors_are_known_without_linux(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert processes.cores() == 6
