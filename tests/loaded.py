"""Commands one after another, and what they have loaded: `python -m tests.loaded`.

Each line of stdin is a command, without `python -m`. It is answered by a line of its
exit status and of the heavy packages that are loaded by now.
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys

HEAVY = ("jax", "keras", "matplotlib", "scipy", "sklearn", "tensorboard", "tensorflow")


def status(words: list[str]) -> int | str | None:
    """Runs a command, without what it prints, and returns its exit status."""
    sys.argv[:] = words
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            return end.code
    return None


if __name__ == "__main__":
    for line in sys.stdin:
        code = status(line.split())
        print(code, *[name for name in HEAVY if name in sys.modules])
