"""The table of two engines shows what their records say."""

from common.results import engines, packages


def rows(paper, workdir, monkeypatch):
    monkeypatch.setattr(packages, "find", lambda _: paper)
    text = engines.markdown("fake", "paper", workdir, "free_4")
    return [line for line in text.splitlines() if line.startswith("|")]


def test_each_engine_has_a_row_of_its_records(
    tmp_path, paper, write_run, outcomes, monkeypatch
):
    write_run("free_4", {"clean": outcomes(800), "pgd_20": outcomes(500)}, minutes=4.0)
    write_run("free_4", {"clean": outcomes(790)}, workdir="runs/jax", minutes=None)
    head, _, ours, theirs = rows(paper, tmp_path / "runs", monkeypatch)
    names = head.strip("| ").split(" | ")
    ours, theirs = (
        dict(zip(names, row.strip("| ").split(" | "), strict=True))
        for row in (ours, theirs)
    )
    assert names[0] == "engine" and names[-1] == "minutes"
    assert ours["clean"] == "80.00 [77.41, 82.36]"  # Wilson
    assert (ours["pgd_20"][:5], ours["minutes"]) == ("50.00", "4.00")
    assert (theirs["clean"][:5], theirs["pgd_20"]) == ("79.00", "not run")
    assert theirs["minutes"] == "not finished"


def test_an_engine_without_records_says_so(tmp_path, paper, write_run, monkeypatch):
    write_run("free_4", {})
    *_, theirs = rows(paper, tmp_path / "runs", monkeypatch)
    assert set(theirs.strip("| ").split(" | ")) == {"JAX", "not run"}
