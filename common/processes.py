"""How the processes of a command begin and end; pieces of work side by side."""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from common import errors
from common.engine import cluster

_PR_SET_PDEATHSIG = 1  # of Linux's prctl


def end_on_signals(*, in_cluster: bool = True) -> None:
    """Lets SIGTERM and Ctrl-C end the command at once, whatever it waits for.

    Only the main thread of a command's own process may call this. In a cluster the
    command goes on in a child, which ends with this process: TensorFlow takes SIGTERM
    for itself there, and lets no other handler run while it waits for the others.

    Args:
      in_cluster: whether the command joins the cluster of `TF_CONFIG` if there is one.

    Raises:
      ValueError: `TF_CONFIG` is malformed.
    """
    _take_defaults()
    if in_cluster and cluster.described() and sys.platform == "linux":
        _go_on_in_child()


def _take_defaults() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _go_on_in_child() -> None:
    """Returns in a child; this process does nothing but end as the child does.

    TensorFlow has computed nothing yet, so no thread holds a lock that is lost here.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    child = os.fork()
    if child:
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status < 0:
            os.kill(parent, -status)
        os._exit(abs(status))
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def cores() -> int:
    """Returns how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def each(act: Callable[[str], Any], names: Sequence[str], jobs: int) -> list[Any]:
    """Returns `act(name)` of every name, with up to `jobs` at a time.

    One job is this process. Several are as many processes of their own, which share the
    processors evenly and see none of its state; they print whole lines, which say the
    name, and no progress bars.

    Args:
      act: a function of a module, or a `functools.partial` of one.
      names: what it is called with.
      jobs: at least 1.

    Raises:
      Exception: the first that an `act` raised; of several jobs once all have ended,
        and those of the others are printed.
      RunError: a process was killed.
    """
    if jobs == 1 or len(names) == 1:
        return [act(name) for name in names]
    # A fork would have the locks of TensorFlow's threads, without the threads.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        jobs,
        mp_context=context,
        initializer=_begin,
        initargs=(max(1, cores() // min(jobs, len(names))),),
    ) as pool:
        futures = {name: pool.submit(_printing, act, name) for name in names}
    failed = {name: e for name, future in futures.items() if (e := future.exception())}
    killed = concurrent.futures.BrokenExecutor
    told = {name: e for name, e in failed.items() if not isinstance(e, killed)}
    if len(told) < len(failed):
        error: BaseException = errors.RunError(
            "A process was killed, perhaps for want of memory; the same command "
            f"goes on, with --jobs=1 in one process. Received: --jobs={jobs}"
        )
    elif told:
        error = told.pop(next(iter(told)))
    else:
        return [future.result() for future in futures.values()]
    for name, other in told.items():
        print(f"{name}: {other}", file=sys.stderr)
    raise error


def _begin(threads: int) -> None:
    """Begins a process of `each`, which ends when its parent does.

    Args:
      threads: of an operation of TensorFlow, which would else take all processors.
    """
    _take_defaults()
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
    # The first process would take the memory of a GPU whole.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


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
