"""The commands of the small paper, in a process that can be told when to die.

`DIE_AT=rename:3 python -m tests.worker train free`: SIGKILL at the third renaming.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
from typing import Any

import numpy as np

from common import cli
from common.training import metrics
from tests import small_paper, sources

MOMENTS = {
    "update": (metrics.Meter, "add"),  # after an update, before what is due
    "write": (np, "savez"),  # a file of a checkpoint is open and empty
    "rename": (os, "replace"),  # a file is written, and not yet in its place
    "removal": (pathlib.Path, "unlink"),  # of a file of an old checkpoint
}
TIMEOUT = 180.0  # seconds until a process counts as hung


def start(workdir: pathlib.Path, *words: str, **environment: str) -> subprocess.Popen:
    """Starts `train` of the small paper with further words and flags."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.worker", "train", *words, f"--workdir={workdir}"],
        cwd=sources.ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen) -> tuple[int, str]:
    """Returns the exit status, negative for a signal, and what went to stderr."""
    output = process.communicate(timeout=TIMEOUT)[1]
    return process.returncode, output


def run_dir(workdir: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the folder of a run of the small paper."""
    return workdir / small_paper.PAPER.name / "digits" / name


def die_at(moment: str) -> None:
    """Arranges for SIGKILL just before the n-th call of what `name:n` names."""
    name, number = moment.split(":")
    owner, attribute = MOMENTS[name]
    original, left = getattr(owner, attribute), int(number)

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, attribute, counted)


if __name__ == "__main__":
    if os.environ.get("DIE_AT"):
        die_at(os.environ["DIE_AT"])
    sys.exit(cli.main(small_paper.PAPER))
