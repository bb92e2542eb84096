"""The command that rebuilds the tables: what it prints, and its exit status."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

import reproduce
from common import cli
from common.results import canvas


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Returns a function: exit status and output of the kept records of a paper."""
    monkeypatch.setattr(canvas, "save", lambda draw, stem: None)  # takes the time

    def main(*words):
        place = (f"--workdir={reproduce.RECORDS}", f"--report={tmp_path}", "--norun")
        status = reproduce.main(["reproduce.py", *words, *place])
        return status, capsys.readouterr().out

    return main


def test_it_ends_on_one_screen_and_prints_all_with_full(run, tmp_path):
    status, out = run("free_at", "--scale=digits")
    assert status == cli.GOOD
    assert out.startswith("free_at: Adversarial Training for Free!")
    assert out.endswith(f"Report: {tmp_path / 'index.html'}\n")
    assert len(out.splitlines()) < 24
    _, full = run("free_at", "--scale=digits", "--full")
    assert full.endswith(out) and len(full.splitlines()) > 60
    assert "NOT JUDGED AT THIS SCALE  free_matches_pgd_7" in full


def test_nothing_is_compared_with_a_folder_that_is_not_there(capsys):
    words = ["reproduce.py", "free_at", "--norun", "--baseline=not_there"]
    assert reproduce.main(words) == cli.USAGE
    assert capsys.readouterr().err.endswith("Received: --baseline=not_there\n")


def test_a_tilde_is_the_home_of_the_user(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "before").symlink_to(reproduce.RECORDS)
    status, _ = run("free_at", "--scale=digits", "--baseline=~/before", "--json=~/it")
    assert status == cli.GOOD and (tmp_path / "it").is_file()


def test_a_claim_that_fails_is_told_by_the_exit_status(run):
    status, out = run("kurakin2017", "--scale=small")
    assert status == cli.OUTSIDE
    assert "  fails         Training with random noise gives no robustness." in out


@pytest.mark.parametrize(
    "flag",
    [
        *("--to=robust.keras", "--baseline=nowhere", "--jobs=2", "--data_dir=here"),
        *("--precision=bfloat16", "--strategy=tpu", "--eval_batch_size=9"),
    ],
)
def test_what_would_change_nothing_is_refused(capsys, flag):
    words = ["reproduce.py", "free_at", "--norun", "--scale=small", flag]
    assert reproduce.main(words) == cli.USAGE
    assert capsys.readouterr().err.endswith(f"Received: {flag}\n")


def test_make_free_gives_each_command_the_flags_that_it_takes():
    flags = "FLAGS=--data_dir=images --workdir=elsewhere"
    done = subprocess.run(
        ["make", "--dry-run", "free", flags],
        cwd=reproduce.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    train, evaluate, compared = (
        re.search(rf"{word}[^|\n]*", done.stdout.replace("\\\n", " ")).group()
        for word in ("free_at train", "free_at evaluate", "reproduce.py free_at")
    )
    for line in (train, evaluate):
        assert "--data_dir=images --workdir=elsewhere" in line
    assert "--workdir=elsewhere" in compared and "--data_dir" not in compared


def test_a_number_that_moved_is_told_by_the_exit_status(run, tmp_path):
    name = "free_at/digits/cifar10_natural"
    before = shutil.copytree(reproduce.RECORDS / name, tmp_path / "before" / name)
    record, outcomes = (before / f"evaluations/clean.{end}" for end in ("json", "npz"))
    arrays = dict(np.load(outcomes))
    arrays["survived"] = ~arrays["survived"]
    np.savez(outcomes, **arrays)
    content = json.loads(record.read_text())
    content["correct"] = int(arrays["survived"].sum())
    record.write_text(json.dumps(content))
    words = ("free_at", "--scale=digits", f"--baseline={tmp_path / 'before'}")
    status, out = run(*words)
    assert status == cli.OUTSIDE and "above" in out
