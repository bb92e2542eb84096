import functools
import os
import pathlib
import signal

import pytest

from common import processes
from common.training import errors


def noted(name, folder):
    """Prints, and returns the name with the process."""
    print("begun")
    print(f"[1/2] {name}", flush=True)
    print("\b\b 3/5", end="")
    print()
    if name == "broken":
        raise ValueError("Received: broken")
    pathlib.Path(folder, name).touch()
    return name, os.getpid()


def killed(name):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_is_named_with_what_to_change():
    with pytest.raises(errors.RunError, match=r"killed.*Received: --jobs=2"):
        processes.each(killed, ["a", "b"], 2)


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
    assert len({os.getpid(), *(process for _, process in found)}) == 4
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == sorted(
        line for name in names for line in (f"{name}: begun", f"[1/2] {name}")
    )


def test_an_error_is_raised_when_all_have_ended(tmp_path):
    act = functools.partial(noted, folder=tmp_path)
    with pytest.raises(ValueError, match="Received: broken"):
        processes.each(act, ["broken", "a"], 2)
    assert (tmp_path / "a").exists()
