"""Pieces of work side by side, each in a process of its own."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from typing import Any

from common.training import errors


def each(act: Callable[[str], Any], names: Sequence[str], jobs: int) -> list[Any]:
    """Returns `act(name)` of every name, with up to `jobs` at a time.

    One job is this process. Several are processes of their own, which see none of its
    state; they print whole lines, which say the name, and no progress bars.

    Args:
      act: a function of a module, or a `functools.partial` of one.
      names: what it is called with.
      jobs: at least 1.

    Raises:
      Exception: the first that an `act` raised, once all have ended.
      RunError: a process was killed.
    """
    if jobs == 1 or len(names) == 1:
        return [act(name) for name in names]
    # A fork would have the locks of TensorFlow's threads, without the threads.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        jobs, mp_context=context, max_tasks_per_child=1
    ) as pool:
        futures = [pool.submit(_printing, act, name) for name in names]
        try:
            return [future.result() for future in futures]
        except concurrent.futures.BrokenExecutor:
            raise errors.RunError(
                "A process was killed, perhaps for want of memory; the same command "
                f"goes on, with --jobs=1 in one process. Received: --jobs={jobs}"
            ) from None


def _printing(act: Callable[[str], Any], name: str) -> Any:
    with contextlib.redirect_stdout(_Lines(name)):
        return act(name)


class _Lines(io.TextIOBase):
    """Passes on whole lines, but for those that a progress bar draws over."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._out, self._begun = name, sys.stdout, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line and line.isprintable():
                named = line if self._name in line else f"{self._name}: {line}"
                # One call, so that no other process writes within the line.
                self._out.write(f"{named}\n")
                self._out.flush()
        return len(text)
