"""Where the seconds of a reproduction go, read off its work folder.

    python -m benchmarks.seconds [--workdir=runs] [--scale=digits]

prints for each paper the seconds of its updates and of its evaluations, and the rest
from the first file to the last: building, tracing and compiling networks, and probes.
The papers run side by side, so together they took longer than the reproduction.
"""

from __future__ import annotations

import pathlib
import sys

from absl import flags

import reproduce
from common.results import measured, text

HEADINGS = ("", "networks", "updates", "evaluations", "rest", "all")


def main(argv: list[str]) -> int:
    """Prints the table and returns the exit status."""
    values = flags.FlagValues()
    flags.DEFINE_string("workdir", "runs", "of the runs", flag_values=values)
    flags.DEFINE_string("scale", "digits", "of the runs", flag_values=values)
    values(argv)
    rows = {
        name: seconds(pathlib.Path(values.workdir), name, values.scale)
        for name in reproduce.PAPERS
    }
    rows["together"] = tuple(map(sum, zip(*rows.values(), strict=True)))
    lines = [(name, *(f"{number:.0f}" for number in row)) for name, row in rows.items()]
    print(text.aligned([HEADINGS, *lines]))
    return 0


def seconds(workdir: pathlib.Path, name: str, scale: str) -> tuple[float, ...]:
    """Returns the number of networks of a paper, then seconds as in `HEADINGS`.

    Args:
      workdir: folder that holds `PAPER/SCALE/RECIPE/`.
      name: of the paper.
      scale: of its runs.
    """
    runs = measured.find(workdir, name, scale)
    updates = sum(60 * (run.training_minutes or 0.0) for run in runs.values())
    evaluations = sum(r.seconds for run in runs.values() for r in run.records)
    times = [
        path.stat().st_mtime
        for run in runs.values()
        for path in run.path.rglob("*")
        if path.is_file()
    ]
    whole = max(times) - min(times) if times else 0.0
    rest = whole - updates - evaluations
    return len(runs), updates, evaluations, rest, whole


if __name__ == "__main__":
    sys.exit(main(sys.argv))
