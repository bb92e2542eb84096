"""Measures one benchmark and writes its record.

    python -m benchmarks.measure LETTER WORKDIR [CLASSIFIER ...]

A process of its own for each, so that none inherits memory or names from another.
"""

from __future__ import annotations

import functools
import os
import pathlib
import sys
import time
from collections.abc import Callable

from benchmarks import (
    attack,
    doubtful,
    engines,
    memory,
    peer_autoattack,
    peer_training,
    peer_updates,
    peers,
    records,
    replay,
    restarts,
    trained,
)
from common import manifest

MEASURES: dict[str, Callable[[pathlib.Path], tuple[records.Comparison, ...]]] = {
    "a": lambda _: attack.measure(),
    "b": lambda _: replay.measure(),
    "c": restarts.measure,
    "d": lambda _: memory.measure(),
    "e": peers.measure,
    "f": lambda _: engines.measure(),
    "h": lambda _: peer_updates.measure(),
    "i": lambda _: peer_training.measure(),
    "j": peer_autoattack.measure,
}
COUNTS: dict[str, Callable[..., tuple[records.Counts, ...]]] = {"g": doubtful.measure}
VERSIONS: dict[str, Callable[[], dict[str, str]]] = {  # beside this suite's own
    "e": peers.versions,
    "f": functools.partial(peers.versions, ("jax", "jaxlib")),
    "g": functools.partial(peers.versions, peers.ON_TENSORFLOW),
    "h": functools.partial(peers.versions, ("torch",)),
    "i": functools.partial(peers.versions, ("adversarial-robustness-toolbox",)),
    "j": functools.partial(peers.versions, ("torch", "pyautoattack")),
}


def main(letter: str, workdir: pathlib.Path, *classifiers: str) -> None:
    """Measures and saves; classifiers are networks of their own to `COUNTS`."""
    begin, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()
    comparisons = MEASURES[letter](workdir) if letter in MEASURES else ()
    counts = COUNTS[letter](workdir, *classifiers) if letter in COUNTS else ()
    seconds = time.perf_counter() - begin
    notes = manifest.environment()
    if letter in VERSIONS:
        notes["versions"].update(VERSIONS[letter]())
    names = [f"--classifier={trained.said(c).without_folders}" for c in classifiers]
    notes["command"] = " ".join(["python -m benchmarks", letter, *names])
    notes["seconds"] = seconds
    if busy is not None:
        others = (_busy_seconds() or 0.0) - busy - (_own_seconds() - own)
        notes["others"] = max(0.0, others) / seconds / (os.cpu_count() or 1)
    records.Record(letter, comparisons, notes, counts).save()


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
    main(sys.argv[1], pathlib.Path(sys.argv[2]), *sys.argv[3:])
