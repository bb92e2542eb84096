"""Tables of a study: attacks on networks that were trained elsewhere.

Its records lie in `WORKDIR/PAPER/study/NETWORK/evaluations/`, see
`common.foreign.study`.
"""

from __future__ import annotations

import json
import pathlib
import re
import shutil
from collections.abc import Callable, Iterable
from typing import Any

from common import intervals

STUDY = "study"  # in place of a scale
# A transfer's record is looked up as `SOURCE NAME`; networks have no space in theirs.
_NAME = re.compile(
    r"((?P<source>\S+) )?(?P<attack>.+)_eps(?P<epsilon>[^_]+)(_to_(?P<target>.+))?"
)

Record = dict[str, Any]


def read(workdir: pathlib.Path, paper: str) -> dict[str, dict[str, Record]]:
    """Returns network -> evaluation -> record, both sorted by name."""
    folders = sorted((workdir / paper / STUDY).glob("*/evaluations"))
    return {
        folder.parent.name: {
            path.stem: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.json"))
        }
        for folder in folders
    }


def keep(workdir: pathlib.Path, paper: str, records: pathlib.Path) -> None:
    """Copies a study's records to `records`."""
    source = workdir / paper / STUDY
    if source.is_dir() and source != records / paper / STUDY:
        unfinished = shutil.ignore_patterns("*.partial")
        target = records / paper / STUDY
        shutil.copytree(source, target, ignore=unfinished, dirs_exist_ok=True)


def errors(paper: str, workdir: pathlib.Path) -> str:
    """Returns the error of every network under every attack, as Markdown."""
    found = read(workdir, paper)
    blocks = []
    for network, records in found.items():
        clean = records["clean"]
        attacked = {name: r for name, r in records.items() if not r.get("target")}
        table = _table(attacked, _error, row=lambda match: match["attack"])
        blocks.append(
            f"**{network}**, error on {clean['total']} clean images: "
            f"{_error(clean)} %; under attack, %:\n\n{table}"
            + "".join(f"\n\nWarning: {text}." for text in clean.get("warnings", ()))
        )
    return "\n\n".join([*blocks, _made_by(paper, found)])


def transfers(paper: str, workdir: pathlib.Path) -> str:
    """Returns transfer rate and error of the target of every pair, as Markdown."""
    found = read(workdir, paper)
    shown = {
        f"{network} {name}": record
        for network, records in found.items()
        for name, record in records.items()
        if record.get("target")
    }
    if not shown:
        return _made_by(paper, {})
    table = _table(shown, _transfer, row=_pair)
    return (
        f"{table}\n\nEach cell: transfer rate, % (of how many images that fooled the "
        "source); error of the target on all adversarial images, %. "
        + _made_by(paper, found)
    )


def _table(
    records: dict[str, Record],
    cell: Callable[[Record], str],
    *,
    row: Callable[[re.Match[str]], str],
) -> str:
    """Returns the records by what `row` makes of their names, and by epsilon."""
    matches = {name: _NAME.fullmatch(name) for name in records}
    cells = {
        (row(match), float(match["epsilon"])): cell(records[name])
        for name, match in matches.items()
        if match
    }
    rows = dict.fromkeys(name for name, _ in cells)
    columns = sorted({epsilon for _, epsilon in cells})
    heading = "|".join(["", "", *(f" eps={epsilon:g} " for epsilon in columns), ""])
    lines = [heading.replace("||", "| |", 1), _line(["---"] * (len(columns) + 1))]
    lines += [
        _line([name, *(cells.get((name, epsilon), "") for epsilon in columns)])
        for name in rows
    ]
    return "\n".join(lines)


def _pair(match: re.Match[str]) -> str:
    return f"{match['source']} to {match['target']}, {match['attack']}"


def _line(fields: Iterable[str]) -> str:
    return f"| {' | '.join(fields)} |"


def _error(record: Record) -> str:
    wrong, total = record["total"] - record["correct"], record["total"]
    low, high = intervals.wilson(wrong, total)
    return f"{100 * wrong / total:.1f} [{low:.1f}, {high:.1f}]"


def _transfer(record: Record) -> str:
    rate = "-" if record["rate"] is None else f"{record['rate']:.1f}"
    error = 100 - 100 * record["correct"] / record["total"]
    return f"{rate} (of {record['eligible']}); {error:.1f}"


def _made_by(paper: str, found: dict[str, dict[str, Record]]) -> str:
    if not found:
        return f"Not run yet; see `python -m {paper} --help`, command `study`."
    records = [r for records in found.values() for r in records.values()]
    images = " ".join(dict.fromkeys(_images(r["images"]) for r in records))
    networks = " ".join(dict.fromkeys(f"'{r['network']['spec']}'" for r in records))
    return f"Made by `python -m {paper} study {images} {networks}`."


def _images(record: Record) -> str:
    """Returns the word of the command that names the images."""
    said = [f"{key}={record[key]}" for key in ("split", "classes") if record.get(key)]
    word = "?".join([record["folder"], "&".join(said)]).removesuffix("?")
    return f"'{word}'" if "&" in word else word
