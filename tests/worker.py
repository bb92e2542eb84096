"""The commands of the small paper, in a process that can be told when to die.

`DIE_AT=rename:3 python -m tests.worker train free`: SIGKILL at the third renaming.
With `HANG_AT` in its place it stays there. `WORDS` has further flags.
"""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from common import cli, lazy, logs
from common.training import metrics
from tests import sources

small_paper = lazy.module("tests.small_paper")  # its network derives from Keras's

MOMENTS = {
    "update": (metrics.Meter, "add"),  # after an update, before what is due
    "write": (np, "savez"),  # a file of a checkpoint is open and empty
    "rename": (os, "replace"),  # a file is written, and not yet in its place
    "removal": (
        pathlib.Path,
        "unlink",
    ),  # of old events, or of a file of an old checkpoint
}
TIMEOUT = 180.0  # seconds until a process counts as hung


def start(
    workdir: pathlib.Path, *words: str, command: str = "train", **environment: str
) -> subprocess.Popen:
    """Starts a command of the small paper with further words and flags."""
    words = (command, *words, f"--workdir={workdir}")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.worker", *words],
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


def at(moment: str, act: Callable[[], None]) -> None:
    """Arranges for an act just before the n-th call of what `name:n` names."""
    name, number = moment.split(":")
    owner, attribute = MOMENTS[name]
    original, left = getattr(owner, attribute), int(number)

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            act()
        return original(*args, **kwargs)

    setattr(owner, attribute, counted)


if __name__ == "__main__":
    acts = {
        "DIE_AT": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "HANG_AT": lambda: time.sleep(TIMEOUT),
    }
    for variable, act in acts.items():
        if os.environ.get(variable):
            at(os.environ[variable], act)
    logs.show(None)
    with logs.held_back():
        paper = small_paper.PAPER
    sys.argv += os.environ.get("WORDS", "").split()
    sys.exit(cli.main(paper))
