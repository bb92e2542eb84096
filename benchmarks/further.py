"""Networks that others have trained, trained further by each paper's method.

    python -m benchmarks.further FOLDER [--workdir=runs] [--data_dir=TFDS_FOLDER]
    python -m benchmarks.further --norun

FOLDER has the networks and photographs that the commands in `ROWS` name, and TFDS has
CIFAR-10. Every command is run as it stands on the page `docs/own-network.md`, whose
tables are made from the record, `records/further.json`; without --run the page is
written again. A row that is done is not run again, and a killed one goes on.
Exit status: 0 written, 2 usage, 3 a command failed.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from benchmarks import records, report
from common import cli, errors, files, manifest
from common.results import pages, readmes

RECORD = records.FOLDER / "further.json"
PAGE = pathlib.Path(__file__).parent.parent / "docs" / "own-network.md"
BLOCK, ART = "further", "art"  # names of the generated blocks
RESNET = "akamaster_resnet20_std.keras?pixels=unit"
CROPS = ("--crop=2", "--flip")
MOBILENET = "MobileNetV2:mobilenet_v2_1.0_224_dequant.weights.h5?image_size=224"
PHOTOGRAPHS = ("--epsilon=2", "--steps=16", "--batch_size=16")


class Row(NamedTuple):
    """A command.

    Attributes:
      paper: whose method it is.
      model: as the command names it, with a name of its own.
      data: likewise.
      flags: what else it has.
    """

    paper: str
    model: str
    data: str
    flags: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command as one gives it in the folder of its files."""
        words = (f'"{self.model}"', self.data, *self.flags)
        return f"python -m {self.paper} fit {' '.join(words)}"


ROWS = {
    "Free, m = 4": Row(
        "free_at",
        f"{RESNET}&name=free",
        "cifar10",
        ("--epsilon=8", "--steps=4000", *CROPS),
    ),
    "Smooth, SiLU": Row(
        "smooth_at",
        f"{RESNET}&name=smooth",
        "cifar10",
        ("--epsilon=8", "--steps=1900", *CROPS),
    ),
    "Mixed minibatches": Row(
        "kurakin2017",
        f"{RESNET}&name=mixed",
        "cifar10",
        ("--epsilon=8", "--steps=2800", *CROPS),
    ),
    "AdvProp, clean branch": Row(
        "intriguing_at",
        f"{RESNET}&name=advprop",
        "cifar10",
        ("--epsilon=2", "--branch=clean", "--steps=700", *CROPS),
    ),
    "MobileNetV2, photographs": Row(
        "free_at",
        MOBILENET,
        "imagenet_sample",
        (*PHOTOGRAPHS, "--rate=0.001"),
    ),
    "MobileNetV2, frozen batch norm": Row(
        "free_at",
        f"{MOBILENET}&frozen=batch_norm&name=frozen",
        "imagenet_sample",
        (*PHOTOGRAPHS, "--rate=0.00001"),
    ),
}


def main(argv: Sequence[str]) -> int:
    """Runs what is missing, writes record and page, and returns the exit status."""
    values = flags.FlagValues()
    flags.DEFINE_boolean("run", True, "train what is missing", flag_values=values)
    flags.DEFINE_string("workdir", "runs", "folder of all runs", flag_values=values)
    flags.DEFINE_string("data_dir", None, "TFDS folder", flag_values=values)
    try:
        _, *words = values(list(argv))
        if values.run and not (len(words) == 1 and pathlib.Path(words[0]).is_dir()):
            raise ValueError(
                f"Expected one FOLDER that is there. Received: {' '.join(words)}"
            )
        found = load()
        if values.run:
            workdir = pathlib.Path(values.workdir).expanduser().resolve()
            data_dir = values.data_dir and os.path.abspath(values.data_dir)
            for title, row in ROWS.items():
                if found.get(title, {}).get("command") != row.command:
                    _run(row, pathlib.Path(words[0]), workdir, data_dir)
                    found[title] = _read(row, workdir)
                    files.write_text(RECORD, json.dumps(found, indent=1) + "\n")
        refresh(PAGE, found)
    except Exception as error:
        return cli.fail(error)
    return cli.GOOD


def load() -> dict[str, Any]:
    """Returns the record: row -> what came of it; empty before the first run."""
    return files.read_json(RECORD) if RECORD.exists() else {}


def refresh(page: pathlib.Path, found: Mapping[str, Any]) -> bool:
    """Writes the generated blocks of the page anew; returns whether it changed."""
    old = page.read_text(encoding="utf-8")
    new = readmes.replaced(old, BLOCK, text(found), page)
    new = readmes.replaced(new, ART, report.measured(records.load("i")), page)
    if new != old:
        files.write_text(page, new)
    return new != old


def text(found: Mapping[str, Any]) -> str:
    """Returns the table, the commands and what made them."""
    by = "Made by `python -m benchmarks.further FOLDER`"
    if not found:
        return f"Not run yet. {by.removeprefix('Made by ')} makes this table."
    lines = [["", "attack", "clean before", "now", "attacked before", "now", "minutes"]]
    for title, row in found.items():
        accuracy = row["fit"]["accuracy"]
        clean, attacked = accuracy["clean"], accuracy["pgd_20"]
        pair = [_cell(part) for part in (clean, attacked) for part in _both(part)]
        epsilon = attacked["after"]["attack"]["epsilon"]
        minutes = row["fit"]["minutes"]
        took = "-" if minutes is None else f"{minutes:.1f}"
        lines.append([title, f"PGD-20, epsilon {epsilon:g}", *pair, took])
    commands = "\n".join(row["command"] for row in found.values())
    totals = {
        row["fit"]["accuracy"]["clean"]["after"]["total"] for row in found.values()
    }
    counted = " or ".join(f"{total:,}" for total in sorted(totals))
    places = ", ".join(dict.fromkeys(row["hardware"] for row in found.values()))
    return (
        f"{pages.table(lines)}\n\n```\n{commands}\n```\n\n"
        f"Percent of {counted} test images that are right, with 95 % intervals; "
        f"minutes of training. {by} on {places}."
    )


def _both(pair: Mapping[str, Any]) -> tuple[Any, Any]:
    return pair["before"], pair["after"]


def _cell(record: Mapping[str, Any]) -> str:
    low, high = record["interval"]
    return f"{record['accuracy']:.1f} [{low:.1f}, {high:.1f}]"


def _run(
    row: Row, folder: pathlib.Path, workdir: pathlib.Path, data_dir: str | None
) -> None:
    """Runs a command in the folder of its files.

    Raises:
      RunError: it failed; it has said why.
    """
    place = [f"--workdir={workdir}", *([f"--data_dir={data_dir}"] if data_dir else [])]
    root = pathlib.Path(__file__).parent.parent
    words = [row.model, row.data, *row.flags, *place]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    status = subprocess.call(
        [sys.executable, "-m", row.paper, "fit", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
    )
    if status:
        raise errors.RunError(f"{row.command} failed. Received: exit status {status}")


def _read(row: Row, workdir: pathlib.Path) -> dict[str, Any]:
    """Returns what came of a command, from the folder of its run."""
    name = row.model.partition("name=")[2] or row.model.partition(":")[0]
    folder = workdir / row.paper / "fit" / f"{name}_{row.data}"
    fit = files.read_json(folder / "fit.json")
    made = manifest.read(folder)
    kept = {key: made[key] for key in ("hardware", "versions", "commit")}
    return {"command": row.command, "fit": fit, **kept}


if __name__ == "__main__":
    sys.exit(main(sys.argv))
