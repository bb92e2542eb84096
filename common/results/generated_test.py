"""Kept records hold what tables need, and no weights."""

import json
import sys
import types

import pytest

from common.results import generated, packages


@pytest.fixture
def workdir(tmp_path):
    run = tmp_path / "runs" / "free_at" / "digits" / "cifar10_natural"
    (run / "evaluations").mkdir(parents=True)
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "00000480.npz").write_bytes(b"weights")
    manifest = {"recipe": {"num_steps": 480}, "hardware": "CPU"}
    (run / "recipe.json").write_text(json.dumps(manifest), encoding="utf-8")
    end = {"kind": "end", "step": 480, "training_minutes": 1.5}
    (run / "metrics.jsonl").write_text(json.dumps(end) + "\n", encoding="utf-8")
    stray = run.with_name("cifar10_natural@seed=1")
    stray.mkdir()
    (stray / "recipe.json").write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path / "runs"


def test_records_of_recipes_are_kept_without_weights(workdir, tmp_path):
    records = tmp_path / "records"
    generated.keep(packages.find("free_at"), "digits", workdir, records)
    kept = sorted(p.name for p in records.rglob("*") if p.is_file())
    assert kept == ["metrics.jsonl", "recipe.json"]
    assert not list(records.rglob("*seed=1*"))


def test_times_say_minutes_and_the_ratio_to_natural(workdir):
    block = generated.block("free_at digits times", workdir)
    assert "| cifar10_natural | 480 | 1.50 | 1.00 |" in block


def test_a_refreshed_file_does_not_change_again(workdir, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- generated: free_at digits times -->\n<!-- end -->\nb\n")
    assert generated.refresh(path, workdir)
    assert not generated.refresh(path, workdir)


def test_a_run_is_kept_and_timed_once(tmp_path, alias, write_run, monkeypatch):
    package = types.ModuleType("fake")
    package.PAPER = alias
    monkeypatch.setitem(sys.modules, "fake", package)
    for name in ("free_4", "m_4"):  # the latter left over
        write_run(name, {}, minutes=2.0, hardware="CPU")
    runs, records = tmp_path / "runs", tmp_path / "records"
    generated.keep(alias, "paper", runs, records)
    assert [p.name for p in (records / "fake" / "paper").iterdir()] == ["free_4"]
    generated.keep(alias, "paper", records, records)  # onto itself changes nothing
    write_run("free_4", {}, minutes=3.0, hardware="CPU", backend="jax")
    generated.keep(alias, "paper", runs, records)
    kept = [
        (records / top / "fake/paper/free_4/metrics.jsonl").read_text()
        for top in ("", "jax")
    ]
    assert ["2.0" in text for text in kept] == [True, False]
    write_run("free_4", {}, minutes=2.0, hardware="CPU")
    block = generated.block("fake paper times", runs)
    assert "| free_4 | 10 | 2.00 |\n" in block
    assert "m_4" not in block


def test_what_a_run_is_writing_is_not_kept(tmp_path, alias, write_run, outcomes):
    folder = write_run("free_4", {"clean": outcomes(5)}) / "evaluations"
    for name in ("pgd.npz", "pgd.progress.npz", "pgd.json.partial"):
        (folder / name).write_bytes(b"half")
    generated.keep(alias, "paper", tmp_path / "runs", tmp_path / "records")
    kept = (tmp_path / "records").rglob("evaluations/*")
    assert sorted(path.name for path in kept) == ["clean.json", "clean.npz"]


def test_times_without_natural_training_are_times_alone(
    tmp_path, alias, write_run, monkeypatch
):
    package = types.ModuleType("fake")
    package.PAPER = alias
    monkeypatch.setitem(sys.modules, "fake", package)
    write_run("free_4", {}, minutes=2.0, hardware="CPU")
    runs = tmp_path / "runs"
    assert generated.block("fake paper times", runs).startswith(
        "| recipe | updates | minutes |\n| --- | --- | --- |\n"
    )
    write_run("natural", {}, minutes=4.0, hardware="CPU")
    assert "| free_4 | 10 | 2.00 | 0.50 |" in generated.block("fake paper times", runs)
