"""The record of a benchmark: every sample or count, and what it was measured on."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import statistics
from collections.abc import Mapping
from typing import Any

from common import files

FOLDER = pathlib.Path(__file__).with_name("records")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Rows measured in turns, each beside the reference.

    Attributes:
      setting: what all rows share, in one line.
      reference: the row that the others are divided by.
      samples: row -> one number for each round; a row that does not run has none.
      unit: of the samples, `s` or `MiB`.
      passes: row -> what was counted -> how many.
      counts: row -> (images still classified correctly, images attacked).
      failures: row -> why it does not run.
    """

    setting: str
    reference: str
    samples: Mapping[str, list[float]]
    unit: str = "s"
    passes: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)
    counts: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    failures: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The beginning of the setting, which tells it from others of the record."""
        return self.setting.partition(",")[0]

    @property
    def rows(self) -> list[str]:
        """Every row, those that do not run last."""
        return list(dict.fromkeys([*self.samples, *self.failures]))

    def ratios(self, row: str) -> list[float]:
        """Returns row / reference, round by round."""
        pairs = zip(self.samples[row], self.samples[self.reference], strict=True)
        return [sample / reference for sample, reference in pairs]

    def ratio(self, row: str) -> float:
        """Returns the median of the ratios."""
        return statistics.median(self.ratios(row))


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one column counted of one row.

    Attributes:
      count: how many, or None where nothing could be counted.
      total: of how many.
      said: in one line, why there is no count, or what was said beside it.
    """

    count: int | None
    total: int
    said: str = ""


@dataclasses.dataclass(frozen=True)
class Counts:
    """A table of counts, which no clock and no other process can change.

    Attributes:
      setting: what all cells share, in one line.
      cells: row -> column -> cell; every row has the same columns.
    """

    setting: str
    cells: Mapping[str, Mapping[str, Cell]]


@dataclasses.dataclass(frozen=True)
class Record:
    """One run of a benchmark.

    Attributes:
      benchmark: its letter.
      comparisons: what was timed or weighed.
      notes: command, versions, hardware, commit, time and load.
      counts: what was counted alone.
    """

    benchmark: str
    comparisons: tuple[Comparison, ...] = ()
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    counts: tuple[Counts, ...] = ()

    def save(self, folder: pathlib.Path = FOLDER) -> None:
        """Writes `LETTER.json`, whole or not at all."""
        content = json.dumps(dataclasses.asdict(self), indent=1)
        files.write_text(folder / f"{self.benchmark}.json", f"{content}\n")


def load(letter: str, folder: pathlib.Path = FOLDER) -> Record | None:
    """Returns the record of a benchmark, or None where it was not run."""
    path = folder / f"{letter}.json"
    if not path.exists():
        return None
    found = files.read_json(path)
    comparisons = tuple(Comparison(**part) for part in found["comparisons"])
    counts = tuple(map(_counts, found.get("counts", ())))
    return Record(found["benchmark"], comparisons, found["notes"], counts)


def _counts(found: Mapping[str, Any]) -> Counts:
    cells = {
        row: {column: Cell(**cell) for column, cell in columns.items()}
        for row, columns in found["cells"].items()
    }
    return Counts(found["setting"], cells)
