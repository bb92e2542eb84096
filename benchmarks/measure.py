"""Measures one benchmark and writes its record: `python -m benchmarks.measure LETTER`.

A process of its own for each, so that none inherits memory or names from another.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Callable

from benchmarks import attack, engines, memory, peers, records, replay, restarts
from common.training import manifest

MEASURES: dict[str, Callable[[pathlib.Path], tuple[records.Comparison, ...]]] = {
    "a": lambda _: attack.measure(),
    "b": lambda _: replay.measure(),
    "c": restarts.measure,
    "d": lambda _: memory.measure(),
    "e": peers.measure,
    "f": lambda _: engines.measure(),
}
VERSIONS = {"e": peers.versions, "f": engines.versions}  # beside this suite's own


def main(letter: str, workdir: pathlib.Path) -> None:
    """Measures and saves."""
    begin, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()
    comparisons = MEASURES[letter](workdir)
    seconds = time.perf_counter() - begin
    notes = manifest.environment()
    if letter in VERSIONS:
        notes["versions"].update(VERSIONS[letter]())
    notes["command"] = f"python -m benchmarks {letter}"
    notes["seconds"] = seconds
    if busy is not None:
        others = (_busy_seconds() or 0.0) - busy - (_own_seconds() - own)
        notes["others"] = max(0.0, others) / seconds / (os.cpu_count() or 1)
    records.Record(letter, comparisons, notes).save()


def _busy_seconds() -> float | None:
    """Returns the processor seconds of all processes, where the system tells them."""
    try:
        line = pathlib.Path("/proc/stat").read_text(encoding="ascii").split("\n")[0]
    except OSError:
        return None
    user, nice, system, _, _, *interrupts = map(int, line.split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Returns the processor seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
