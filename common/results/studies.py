"""Tables of a study: attacks on networks that were trained elsewhere.

Its records lie in `WORKDIR/PAPER/study/NETWORK/evaluations/`, see
`common.foreign.study`. A table is a list of lines of fields, of which the first is its
head.
"""

from __future__ import annotations

import functools
import pathlib
import shlex
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

from common import files, intervals

STUDY = "study"  # in place of a scale

Record = dict[str, Any]


class Network(NamedTuple):
    """One network under attack.

    Attributes:
      name: of the network.
      total: clean images.
      error: on them in percent, with its interval.
      lines: the error under every attack, by epsilon.
      warnings: of the evaluation on clean images.
    """

    name: str
    total: int
    error: str
    lines: list[list[str]]
    warnings: list[str]


class Study:
    """The records of a paper's study, read when they are first asked for.

    Args:
      workdir: folder of all runs.
      paper: name of the paper package.
    """

    def __init__(self, workdir: pathlib.Path, paper: str) -> None:
        self._folder = workdir / paper / STUDY
        self._paper = paper

    @functools.cached_property
    def records(self) -> dict[str, dict[str, Record]]:
        """Network -> evaluation -> record, both sorted by name."""
        return {
            folder.parent.name: {
                path.stem: files.read_json(path)
                for path in sorted(folder.glob("*.json"))
            }
            for folder in sorted(self._folder.glob("*/evaluations"))
        }

    @property
    def networks(self) -> list[Network]:
        """Every network with its error under every attack."""
        found = []
        for name, records in self.records.items():
            clean = records.get("clean")
            if clean is None:  # the study has only begun
                continue
            attacked = {
                (_attack(record), _radius(record)): _error(record)
                for record in records.values()
                if record["attack"] and not record.get("target")
            }
            warnings = [
                f"{name}: {warning}"
                for name, record in records.items()
                for warning in record.get("warnings", ())
            ]
            lines = _by_epsilon(attacked)
            found.append(Network(name, clean["total"], _error(clean), lines, warnings))
        return found

    @property
    def transfers(self) -> list[list[str]]:
        """Transfer rate and error of the target for every pair of networks."""
        return _by_epsilon(
            {
                (
                    f"{network} to {record['target']}, {_attack(record)}",
                    _radius(record),
                ): _transfer(record)
                for network, records in self.records.items()
                for record in records.values()
                if record.get("target")
            }
        )

    @property
    def made_by(self) -> str:
        """The commands that made the records, or that there are none yet."""
        records = [r for found in self.records.values() for r in found.values()]
        if not records:
            return self.not_run
        networks: dict[str, dict[str, None]] = {}  # images -> networks in their order
        for record in records:
            known = networks.setdefault(_images(record["images"]), {})
            known[record["network"]["spec"]] = None
        commands = (
            f"`python -m {self._paper} study {shlex.join((images, *specs))}`"
            for images, specs in networks.items()
        )
        return f"Made by {' and '.join(commands)}."

    @property
    def not_run(self) -> str:
        """Says that there are no records yet."""
        return f"Not run yet; see `python -m {self._paper} --help`, command `study`."

    def keep(self, records: pathlib.Path) -> None:
        """Copies the records to the folder `records`."""
        target = records / self._paper / STUDY
        if self._folder.is_dir() and self._folder != target:
            unfinished = shutil.ignore_patterns("*.partial", "*.progress.npz", "*.lock")
            shutil.copytree(self._folder, target, ignore=unfinished, dirs_exist_ok=True)


def _by_epsilon(cells: Mapping[tuple[str, float], str]) -> list[list[str]]:
    """Returns cells by row and epsilon as lines, or no line without a cell."""
    if not cells:
        return []
    rows = dict.fromkeys(row for row, _ in cells)
    radii = sorted({epsilon for _, epsilon in cells})
    lines = [["", *(f"eps={epsilon:g}" for epsilon in radii)]]
    lines += [[row, *(cells.get((row, e), "") for e in radii)] for row in rows]
    return lines


def _attack(record: Record) -> str:
    """Returns the name of an evaluation without its radius and its target."""
    ends = f"_eps{_radius(record):g}", f"_to_{record.get('target')}"
    return record["evaluation"].removesuffix(ends[1]).removesuffix(ends[0])


def _radius(record: Record) -> float:
    """Returns the epsilon of an attack, or of the first attack of several."""
    attack = record["attack"]
    first, *_ = attack.get("attacks", [attack])
    return first["epsilon"]


def _error(record: Record) -> str:
    wrong, total = record["total"] - record["correct"], record["total"]
    low, high = intervals.wilson(wrong, total)
    return f"{100 * wrong / total:.1f} [{low:.1f}, {high:.1f}]"


def _transfer(record: Record) -> str:
    rate = "-" if record["rate"] is None else f"{record['rate']:.1f}"
    error = 100 - 100 * record["correct"] / record["total"]
    return f"{rate} (of {record['eligible']}); {error:.1f}"


def _images(record: Record) -> str:
    """Returns the word of the command that names the images."""
    said = [f"{key}={record[key]}" for key in ("split", "classes") if record.get(key)]
    return "?".join([record["folder"], "&".join(said)]).removesuffix("?")
