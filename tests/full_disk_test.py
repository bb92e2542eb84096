"""A disk that fills up, and a run that goes on once there is room.

In a namespace of its own a command gets a file system of a few kilobytes, which grows
before it is given again.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from common.engine import strategy
from common.training import loop
from tests import resume_test, small_paper, sources, worker

TINY = """
mount -t tmpfs -o size={size} tmpfs {disk} || exit 99
{command}
echo "status $?" >&2
mount -o remount,size=64m {disk}
{command}
status=$?
cp -r {disk} {kept}
exit $status
"""
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def grown(command: str, disk: pathlib.Path, size: str) -> tuple[int, list[str]]:
    """Runs a command on a full disk and then on a larger one.

    Returns:
      The second exit status, and what was written on stderr.
    """
    disk.mkdir()
    script = TINY.format(command=command, disk=disk, size=size, kept=f"{disk}.kept")
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", script],
        cwd=sources.ROOT,
        env={**os.environ, "MPLCONFIGDIR": str(disk.parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode == 99:
        pytest.skip("no file system can be mounted here")
    return done.returncode, done.stderr.splitlines()


@pytest.fixture(autouse=True)
def namespaces():
    """Skips where a process can have no namespace of its own."""
    if not shutil.which("unshare") or subprocess.run([*NAMESPACE, "true"]).returncode:
        pytest.skip("no namespace can be made here")


@pytest.mark.slow
@pytest.mark.parametrize("size", ["8k", "24k", "64k"])
def test_a_training_that_fills_the_disk_goes_on_to_the_same_bits(tmp_path, size):
    recipe = small_paper.RECIPES["free"]
    loop.train(recipe, tmp_path / "whole", distribution=strategy.make("one_device"))
    disk = tmp_path / "disk"
    command = f"{sys.executable} -m tests.worker train free --workdir={disk}"
    status, lines = grown(command, disk, size)
    (error,) = (line for line in lines if line.startswith("error: "))
    assert status == 0, lines
    assert "status 3" in lines
    assert error.startswith(f"error: No space is left in {disk}/small_paper/digits/")
    assert "the same command goes on" in error
    assert not any("Traceback" in line or "Exception" in line for line in lines)
    run_dir = worker.run_dir(tmp_path / "disk.kept", "free")
    resume_test.check_same_run(run_dir, tmp_path / "whole")


def test_a_report_that_fills_the_disk_says_so(tmp_path):
    disk = tmp_path / "disk"
    words = f"reproduce.py free_at --norun --scale=digits --report={disk}/report"
    status, lines = grown(f"{sys.executable} {words}", disk, "16k")
    assert status == 0, lines
    error, status_line = lines
    assert error.startswith(f"error: No space is left in {disk}/report;")
    assert status_line == "status 3"
    assert (tmp_path / "disk.kept" / "report" / "index.html").is_file()
