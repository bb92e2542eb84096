"""The line that says, while a reproduction runs, what runs and how long it will take.

It is read off the work folder, so it does not matter in which process a network is
trained. How long a piece takes is told by records of the same runs that were kept
earlier, and then by the pace of this one.
"""

from __future__ import annotations

import itertools
import math
import pathlib
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self, TextIO

from common.results import measured
from common.results.answers import Results

TRAINING = "training"
EVERY = 1.0  # seconds between two looks at the folder
EVERY_IN_A_FILE = 30.0  # where the line cannot be written over
_COMPILING = 5.0  # seconds of a training that its record does not have
_SURE = 0.1  # share of the work after which the pace of this run is believed


class Piece(NamedTuple):
    """A training or an evaluation that is to be done.

    Attributes:
      paper: name of the package.
      folder: of the run.
      part: `TRAINING`, or the name of the evaluation.
      seconds: that it took in an earlier run on a CPU; NaN if none was kept.
    """

    paper: str
    folder: pathlib.Path
    part: str
    seconds: float

    @property
    def is_done(self) -> bool:
        """Whether its record is there."""
        if self.part == TRAINING:
            return measured.Run(self.folder).training_minutes is not None
        record = self.folder / "evaluations" / f"{self.part}.json"
        return record.exists() and record.with_suffix(".npz").exists()


def plan(papers: Sequence[Results], kept: Sequence[Results]) -> list[Piece]:
    """Returns what is to be done: of each paper the trainings, then the evaluations.

    Args:
      papers: of each paper what is in the work folder.
      kept: the same papers in a folder of earlier records, for the seconds.
    """
    pieces = []
    for results, before in zip(papers, kept, strict=True):
        at, home = results.at, results.workdir / results.at.name / results.at.scale
        known = {name: before.runs.get(name) for name in at.run_names}
        parts = [(name, TRAINING) for name in at.run_names]
        parts += [
            (name, e) for name in at.run_names for e in at.needed_evaluations(name)
        ]
        pieces += [
            Piece(at.name, home / name, part, _seconds(known[name], part))
            for name, part in parts
        ]
    return [piece for piece in pieces if not piece.is_done]


def ending_first(names: Iterable[str], pieces: Sequence[Piece], jobs: int) -> list[str]:
    """Returns the papers in the order in which the last of them ends first.

    Each job takes the next paper when it has done one. Where the seconds of a piece are
    not known, the order stays as it is.

    Args:
      names: of the papers.
      pieces: of the work, as `plan` returns them.
      jobs: papers at a time.
    """
    seconds = dict.fromkeys(names, 0.0)
    for piece in pieces:
        seconds[piece.paper] += piece.seconds

    def end(order: Iterable[str]) -> float:
        ends = [0.0] * jobs
        for name in order:
            ends[ends.index(min(ends))] += seconds[name]
        return max(ends)

    if any(map(math.isnan, seconds.values())):
        return list(seconds)
    return list(min(itertools.permutations(seconds), key=end))


class Line:
    """Writes the line anew every second, as a context around the work.

    Attributes:
      minutes: since the work began.
    """

    def __init__(
        self, pieces: Sequence[Piece], jobs: int, file: TextIO | None = None
    ) -> None:
        """Starts nothing.

        Args:
          pieces: of the work, as `plan` returns them.
          jobs: papers at a time.
          file: to write to; standard output by default.
        """
        self._known = not any(math.isnan(piece.seconds) for piece in pieces)
        if not self._known:
            pieces = [piece._replace(seconds=1.0) for piece in pieces]
        self._left, self._jobs = list(pieces), jobs
        self._total = sum(piece.seconds for piece in pieces)
        self._file = file or sys.stdout  # also while that is redirected
        self._over = self._file.isatty()  # whether a line can be written over
        self._begin = time.perf_counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def minutes(self) -> float:
        """Minutes since the line was made."""
        return (time.perf_counter() - self._begin) / 60

    def __enter__(self) -> Self:
        """Says how much there is to do."""
        trainings = sum(piece.part == TRAINING for piece in self._left)
        evaluations = len(self._left) - trainings
        if self._left:
            words = f"{trainings} networks to train, {evaluations} evaluations"
            seconds = self._total / self._jobs
            about = f", about {_duration(seconds)}" if self._known else ""
            self._file.write(f"{words}{about}\n")
            self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        """Clears the line."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._over:
            self._write("")

    def text(self) -> str:
        """Returns the line: the share that is done, what runs, and what is left."""
        self._left = [piece for piece in self._left if not piece.is_done]
        left = sum(piece.seconds for piece in self._left)
        done = 1 - left / self._total if self._total else 1.0
        words = [f"{100 * done:3.0f} %"]
        if done > _SURE:
            words.append(f"{_duration(60 * self.minutes * (1 / done - 1))} left")
        elif self._known:
            words.append(f"{_duration(left / self._jobs)} left")
        first = {piece.paper: piece for piece in reversed(self._left)}  # of each paper
        running = list(reversed(first.values()))[: self._jobs]
        words += [f"{p.paper} {p.folder.name}: {p.part}" for p in running]
        return ", ".join(words)

    def _watch(self) -> None:
        every = EVERY if self._over else EVERY_IN_A_FILE
        while not self._ended.wait(every):
            self._write(self.text())

    def _write(self, text: str) -> None:
        if self._over:
            width = shutil.get_terminal_size().columns - 1
            self._file.write(f"\r\N{ESCAPE}[K{text[:width]}")
        else:
            self._file.write(f"{text}\n")
        self._file.flush()


def _seconds(run: measured.Run | None, part: str) -> float:
    """Returns the seconds that a piece took in an earlier run; NaN if none tells.

    What an accelerator took would promise too much to a machine that has none.
    """
    if run is None:
        return math.nan
    try:
        entries, seconds = _told(run, part)
    except ValueError:  # a broken record only costs the estimate
        return math.nan
    return (
        seconds if str(entries.get("hardware", "CPU")).startswith("CPU") else math.nan
    )


def _told(run: measured.Run, part: str) -> tuple[Mapping[str, Any], float]:
    """Returns what a file says of a piece, and the seconds; NaN if it says none."""
    if part == TRAINING:
        minutes = run.training_minutes
        return run.manifest, math.nan if minutes is None else 60 * minutes + _COMPILING
    record = run.evaluation(part)
    return ({}, math.nan) if record is None else (record.record, record.seconds)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
