"""The line follows the records in the work folder."""

import io
import math
import pathlib

import pytest

from common.results import progress


@pytest.fixture
def line(results, monkeypatch):
    """Returns a function: the line of a plan, whose clock stands at `now.seconds`."""

    class Now:
        seconds = 0.0

    monkeypatch.setattr(progress.time, "perf_counter", lambda: Now.seconds)

    def made(pieces, jobs=1, file=None):
        return progress.Line(pieces, jobs, file or io.StringIO())

    made.now = Now
    return made


@pytest.fixture
def plan(results, write_run, outcomes):
    """Returns a function: what is to be done in `runs`, as `kept` tells the seconds."""
    for name in ("natural", "free_4"):
        evaluations = results().at.needed_evaluations(name)
        seconds = {"survived": outcomes(5), "seconds": 10.0}
        write_run(
            name, dict.fromkeys(evaluations, seconds), workdir="kept", minutes=0.5
        )

    def made(kept="kept"):
        return progress.plan([results()], [results(workdir=kept)])

    return made


def test_trainings_come_before_evaluations_and_what_is_done_is_left_out(
    plan, write_run, outcomes
):
    first, second, *rest = plan()
    assert (first.folder.name, second.folder.name) == ("natural", "free_4")
    assert {first.part, second.part} == {progress.TRAINING}
    assert {piece.seconds for piece in rest} == {10.0}
    write_run("natural", {"clean": outcomes(5)})
    found = [(piece.folder.name, piece.part) for piece in plan()]
    assert ("natural", progress.TRAINING) not in found
    assert ("natural", "clean") not in found
    assert len(found) == len(rest)


def test_a_broken_record_of_an_earlier_run_costs_its_seconds_alone(plan, tmp_path):
    (record,) = (tmp_path / "kept").rglob("natural/evaluations/clean.json")
    record.write_text("{")
    known = [piece for piece in plan() if math.isnan(piece.seconds)]
    assert [(piece.folder.name, piece.part) for piece in known] == [
        ("natural", "clean")
    ]


def test_what_an_accelerator_took_is_not_promised(plan, write_run, outcomes):
    made = {"survived": outcomes(5), "seconds": 10.0, "hardware": "1 x GPU"}
    kept = {"workdir": "kept", "minutes": 0.5}
    write_run("natural", {"clean": made}, hardware="1 x GPU", **kept)
    found = {(x.folder.name, x.part) for x in plan() if math.isnan(x.seconds)}
    assert found == {("natural", progress.TRAINING), ("natural", "clean")}


def test_the_line_says_what_runs_and_what_is_left_by_the_pace_of_this_run(
    line, plan, write_run, outcomes
):
    pieces = plan()
    total = sum(piece.seconds for piece in pieces)
    shown = line(pieces)
    assert shown.text() == f"  0 %, {total / 60:.0f} min left, fake natural: training"
    write_run("natural", {})
    line.now.seconds = 2 * pieces[0].seconds  # twice as slow as the kept run
    left = 2 * (total - pieces[0].seconds)
    assert f" %, {left / 60:.0f} min left, fake free_4: training" in shown.text()


def test_without_an_earlier_run_nothing_is_said_before_its_pace_is_known(
    line, plan, write_run
):
    shown = line(plan(kept="empty"))
    assert "left" not in shown.text()
    for name in ("natural", "free_4"):
        write_run(name, {})
    line.now.seconds = 10.0
    assert "left" in shown.text()


def test_it_begins_with_how_much_there_is_to_do_and_clears_the_line(line, plan):
    file = io.StringIO()
    file.isatty = lambda: True
    with line(plan(), 2, file):
        pass
    begun, cleared = file.getvalue().split("\n")
    assert begun.startswith("2 networks to train, ")
    assert cleared == "\r\N{ESCAPE}[K"


def test_it_says_nothing_where_all_is_done(line):
    file = io.StringIO()
    with line([], 1, file):
        pass
    assert file.getvalue() == ""


def pieces(**seconds):
    return [
        progress.Piece(name, pathlib.Path(name), progress.TRAINING, seconds[name])
        for name in seconds
    ]


def test_papers_are_taken_so_that_the_last_one_ends_first():
    """In their order two jobs would end after 8; 2 + 4 and 6 share the work."""
    found = progress.ending_first("abc", pieces(a=2.0, b=4.0, c=6.0), 2)
    ends = [0.0, 0.0]
    for name in found:
        ends[ends.index(min(ends))] += {"a": 2.0, "b": 4.0, "c": 6.0}[name]
    assert max(ends) == 6.0


@pytest.mark.parametrize("unknown", [True, False])
def test_without_seconds_or_a_second_job_papers_keep_their_order(unknown):
    found = pieces(a=2.0, b=math.nan if unknown else 4.0, c=6.0)
    assert progress.ending_first("abcd", found, 2 if unknown else 1) == list("abcd")
