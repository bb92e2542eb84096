"""Modules run where TensorFlow is missing: `... without_tensorflow MODULE WORDS`.

`+` stands between two commands in one process; the exit status is the largest.
"""

from __future__ import annotations

import itertools
import runpy
import sys
from typing import Any

THEN = "+"


class Refusal:
    """Finds no TensorFlow, whatever is installed."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def status(words: list[str]) -> Any:
    """Runs a module with words, and returns its exit status."""
    sys.argv[:] = words
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code or 0
    return 0


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    parts = itertools.groupby(sys.argv[1:], THEN.__eq__)
    sys.exit(max([status([*words]) for is_then, words in parts if not is_then]))
