"""The commands of the small paper, in a process that can be told when to die.

`DIE_AT=rename:3 python -m tests.worker train free`: SIGKILL at the third renaming.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from typing import Any

import numpy as np

from common import cli
from common.training import metrics
from tests import small_paper

MOMENTS = {
    "update": (metrics.Meter, "add"),  # after an update, before what is due
    "write": (np, "savez"),  # a file of a checkpoint is begun
    "rename": (os, "replace"),  # the file is written, under another name
    "removal": (pathlib.Path, "unlink"),
}


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
