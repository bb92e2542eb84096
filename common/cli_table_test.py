"""The commands that compare: tables and claims, on a tiny paper."""

import json

import pytest

from common import cli
from common.results import claims, text

HERE = "--strategy=one_device"


@pytest.mark.parametrize(("scale", "expected"), [("digits", 0), ("paper", 1)])
def test_table_trains_evaluates_and_compares(run, scale, expected):
    # The reported numbers of the tiny paper are far off, and judged at its scale only.
    status, out, errors = run("table", "main", f"--scale={scale}", HERE)
    assert (status, errors) == (expected, [])
    assert "[train 1/1] tiny plain" in out and "[evaluate 1/1] tiny plain" in out
    assert ("above" in out, "below" in out) == (scale == "paper", scale == "paper")
    again, compared, _ = run("table", "main", f"--scale={scale}", HERE)
    assert again == expected
    assert "tiny plain: clean" not in compared  # the records are there


def test_a_table_makes_no_more_than_it_needs(run, run_dir, with_twins):
    _, out, errors = run("table", "main", HERE, paper=with_twins)
    assert errors == [] and "averaged" not in out
    names = {path.stem for path in run_dir.rglob("*.json")}
    assert names == {"recipe", "clean", "pgd_2"}  # and no transfer of another table
    _, out, _ = run("table", "transfer", HERE, paper=with_twins)
    assert "[train 2/2] tiny averaged" in out and "pgd_2_to_averaged" in out


def test_claims_are_judged_by_what_was_measured(run):
    status, out, _ = run("claims")
    assert status == cli.GOOD
    assert claims.NOT_RUN in out
    run("table", "main", HERE)
    status, out, _ = run("claims")
    assert status == cli.GOOD
    assert claims.HOLDS in out


def test_a_claim_that_fails_where_it_is_expected_is_outside(run, monkeypatch):
    monkeypatch.setattr(claims, "exit_status", lambda judged: 1)
    monkeypatch.setattr(text, "claims", lambda results: "")
    assert run("claims")[0] == cli.OUTSIDE


@pytest.mark.parametrize("words", [["claims"], ["table", "main", HERE]])
def test_what_is_said_is_written_for_scripts_as_well(run, tmp_path, words):
    path = tmp_path / "folder" / "answers.json"
    assert run(*words, f"--json={path}")[::2] == (cli.GOOD, [])
    (paper,) = json.loads(path.read_text("utf-8"))["papers"]
    assert (paper["paper"], paper["scale"]) == ("tiny", "digits")
    is_table = words[0] == "table"
    assert [t["table"] for t in paper["tables"]] == ["main"] * is_table
    assert bool(paper["claims"]) != is_table
