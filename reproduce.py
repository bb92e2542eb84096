"""Rebuilds the papers' tables at one scale and writes the report.

    python reproduce.py --scale=digits

trains and evaluates every recipe of every paper, writes `report/index.html`, and prints
the claims that the scale judges, with their numbers and verdicts. Every number, beside
the reported one, is printed with --full. The same command again goes on where it
stopped. With --jobs=2 two papers run at a time, which makes their times of training
longer. Exit status as for the papers' own commands.
"""

from __future__ import annotations

import contextlib
import functools
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from common import cli, files, lazy, logs, processes, runs
from common.engine import cluster
from common.names import lookup
from common.results import (
    cells,
    claims,
    exchange,
    packages,
    progress,
    readmes,
    studies,
    summary,
    text,
)
from common.results.answers import Results

report = lazy.module("common.results.report")  # Matplotlib is slow to import

ROOT = pathlib.Path(__file__).parent
RECORDS = ROOT / "records"
PAPERS = ("kurakin2017", "ensemble_at", "free_at", "intriguing_at", "smooth_at")
OWN_FLAGS = ("run", "report", "full", "baseline", "keep")
COMPARED = ("scale", *OWN_FLAGS, "json", *cli.OF_ALL)
RUN = ("jobs", *cli.COMMANDS["table"].flags)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what the flags say and returns the exit status.

    Args:
      argv: program name, papers and flags; those of the process by default.
    """
    values = cli.define_flags()
    _define_flags(values)
    words = list(sys.argv if argv is None else argv)
    try:
        names = list(dict.fromkeys(values(words)[1:])) or list(PAPERS)
        if values.help:
            print(__doc__, values.get_help().split("\n", 1)[1], sep="\n")
            return cli.GOOD
        logs.show(values.verbosity)
        taken = dict.fromkeys((*(RUN if values.run else ()), *COMPARED))
        word = "reproduce.py" if values.run else "reproduce.py --norun"
        cli.check_flags(word, list(taken), values)
        papers = [packages.find(_known(name)) for name in names]
        if argv is None:
            processes.end_on_signals(in_cluster=values.run)
        workdir = _place(values.workdir)
        found, kept = (
            [Results(paper.at(values.scale), folder) for paper in papers]
            for folder in (workdir, RECORDS)
        )
        _check_places(values, papers)
        closing: list[str] = []
        left_out: list[str] = []
        drawn = None
        if values.run:
            drawn, left_out, minutes = _make(
                names, progress.plan(found, kept), words, values.jobs
            )
            if not all(drawn.values()):
                return cli.GOOD  # the chief compares and reports
            closing.append(f"This run took {minutes:.1f} minutes.")
        status = max(_compare(results, values) for results in found)
        if left_out:
            status = cli.FAILED
            closing.append(f"Left out, as log.txt says: {', '.join(left_out)}.")
        closing.append(f"Report: {_report(found, drawn, values)}")
        print(summary.screen(found, *closing))
        return status
    except Exception as error:
        return cli.fail(error)


def _make(
    names: Sequence[str], plan: list[Any], words: Sequence[str], jobs: int
) -> tuple[dict[str, Any], list[str], float]:
    """Trains and evaluates what is missing.

    Returns:
      Of each paper its figures, or None; the recipes that were left out; the minutes.
    """
    _check_jobs(jobs)
    order = progress.ending_first(names, plan, jobs)
    plan.sort(key=lambda piece: order.index(piece.paper))
    with progress.Line(plan, jobs) as line:
        pieces = processes.each(functools.partial(_run, argv=words), order, jobs)
    drawn = dict(zip(order, (figures for figures, _ in pieces), strict=True))
    left_out = [
        f"{paper} {name}"
        for paper, (_, missing) in zip(order, pieces, strict=True)
        for name in missing
    ]
    return drawn, left_out, line.minutes


def _known(name: str) -> str:
    """Returns the name of a paper; a ValueError names the nearest known one."""
    return lookup({paper: paper for paper in PAPERS}, name, "paper")


def _define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_boolean(
        "run", True, "train and evaluate what is missing", flag_values=values
    )
    flags.DEFINE_integer(
        "jobs", 1, "papers that run at a time", lower_bound=1, flag_values=values
    )
    flags.DEFINE_string("report", "report", "folder of the report", flag_values=values)
    flags.DEFINE_boolean("full", False, "print all tables too", flag_values=values)
    flags.DEFINE_string(
        "baseline", None, "compare with the runs in this folder", flag_values=values
    )
    flags.DEFINE_string(
        "keep",
        None,
        "copy the records to this folder and rebuild the README tables from it",
        flag_values=values,
    )


def _check_places(values: flags.FlagValues, papers: Sequence[Any]) -> None:
    """Refuses what cannot be written, and a baseline without runs of the papers."""
    files.check_folder(_place(values.report), "report")
    if values.keep:
        files.check_folder(_place(values.keep), "keep")
    if values.json:
        files.check_file(_place(values.json), "json")
    folder = values.baseline
    if folder and not any(
        Results(paper.at(values.scale), _place(folder)).runs for paper in papers
    ):
        raise FileNotFoundError(
            "--baseline is the folder of earlier runs of the scale, which must be "
            f"there. Received: --baseline={folder}"
        )


def _check_jobs(jobs: int) -> None:
    """Refuses processes that would take each other's place in a cluster."""
    if jobs > 1 and cluster.described():
        raise ValueError(
            "In the cluster of TF_CONFIG papers run one at a time, on all tasks; use "
            f"--jobs=1. Received: --jobs={jobs}"
        )


def _run(name: str, argv: Sequence[str]) -> Any:
    """Trains and evaluates what is missing of a paper; its chief draws the figures.

    Returns:
      The figures, or None, and the names of the recipes that were left out.
    """
    values = cli.define_flags()
    _define_flags(values)
    values(list(argv))
    session = cli.open_session(packages.find(name), values)
    folder = session.workdir / name / session.at.scale
    folder.mkdir(parents=True, exist_ok=True)
    with (
        files.room(folder),
        (folder / "log.txt").open("a") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        names = session.at.run_names
        wanted = {n: session.at.needed_evaluations(n) for n in names}
        left_out = runs.run_all(session, wanted)
    if not session.is_chief:
        return None, left_out
    with files.room(_place(values.report)):
        results = Results(session.at, session.workdir)
        return report.draw(results, _place(values.report)), left_out


def _compare(results: Results, values: flags.FlagValues) -> int:
    """Compares and judges one paper."""
    if values.full:
        print(text.comparison(results.cells), text.claims(results), "", sep="\n")
    status = max(cells.exit_status(results.cells), claims.exit_status(results.claims))
    if values.baseline:
        changed = results.against(_place(values.baseline))
        print(text.regression(changed))
        status = max(status, cells.exit_status(changed))
    return status


def _report(
    found: Sequence[Results], drawn: Any, values: flags.FlagValues
) -> pathlib.Path:
    """Writes the report, and the answers, records and README tables if asked to."""
    if values.json:
        exchange.write(
            _place(values.json),
            [_answers(results, values.baseline) for results in found],
        )
    if values.keep:
        records = _place(values.keep)
        with files.room(records):
            for results in found:
                readmes.keep(results, records)
                studies.Study(results.workdir, results.at.name).keep(records)
        blocks = readmes.Blocks(records)
        for path in readmes.paths(ROOT, PAPERS):
            blocks.refresh(path)
    folder = _place(values.report)
    with files.room(folder):
        return report.write(found, folder, drawn)


def _answers(results: Results, baseline: str | None) -> dict[str, Any]:
    """Returns all that is said of a paper, as JSON values."""
    return exchange.paper(
        results,
        tables=results.cells,
        claims=results.claims,
        changes=results.against(_place(baseline)) if baseline else None,
    )


def _place(given: str) -> pathlib.Path:
    return pathlib.Path(given).expanduser()


if __name__ == "__main__":
    sys.exit(main())
