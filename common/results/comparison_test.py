import dataclasses
import math
import sys
import types

import numpy as np
import pytest

from common import recipe
from common.results import comparison


def cell(cells, column="clean", row="plain", table="main"):
    (found,) = (c for c in cells if (c.table, c.row, c.column) == (table, row, column))
    return found


def test_tolerance_is_both_binomial_errors_and_the_seeds_in_quadrature():
    error = 1.96 * 100 * math.sqrt(0.46 * 0.54 / 10_000)
    expected = math.sqrt(2 * error**2 + 1.0**2)
    assert comparison.tolerance(46, 46, 10_000, "robust") == pytest.approx(
        expected, abs=1e-4
    )
    assert comparison.tolerance(0, 0, 10_000, "clean") == 0.5


@pytest.mark.parametrize(
    ("correct", "verdict"),
    [(882, "below"), (883, "below"), (900, "within"), (917, "above"), (940, "above")],
)
def test_a_large_set_is_judged_by_the_tolerance(
    tmp_path, paper, write_run, outcomes, correct, verdict
):
    # 100000 images: +-0.26 binomial on either side, 0.5 over seeds: +-0.57 points.
    write_run("natural", {"clean": outcomes(100 * correct, 100_000)})
    cells = comparison.compare(paper=paper, scale="paper", workdir=tmp_path / "runs")
    found = cell(cells)
    assert found.verdict == verdict
    assert found.measured == correct / 10
    assert found.reported == 90.0
    assert found.tolerance == pytest.approx(0.57, abs=0.02)
    assert comparison.exit_status(cells) == (verdict != "within")


@pytest.mark.parametrize("side", [-1, 1])
def test_the_verdict_turns_at_the_tolerance(side):
    assert comparison.side(side * 1.5, 1.5) == "within"
    expected = {-1: "below", 1: "above"}[side]
    assert comparison.side(side * 1.5001, 1.5) == expected


def test_a_robust_cell_says_what_its_tolerance_is_made_of(
    tmp_path, paper, write_run, outcomes
):
    write_run("free_4", {"pgd_20": outcomes(5000, 10_000)})
    found = cell(
        comparison.compare(paper, "paper", tmp_path / "runs"), "PGD-20", "hard <m=4>"
    )
    assert found.verdict == "within"
    assert found.confidence == "unverified"
    for part in ("0.98", "10000 images", "1.0 spread over seeds (robust)"):
        assert part in found.tolerance_parts


def test_a_share_of_leaked_labels_is_granted_no_spread_over_seeds(
    tmp_path, paper, write_run, outcomes
):
    leaks = recipe.grid(
        {"plain": "natural"}, {"FGSM": "fgsm"}, metric="leaked", other="pgd_20"
    )
    tables = (*paper.tables, recipe.Table("leaks", "Leaks", leaks))
    with paper.reported.open("a") as file:
        file.write("leaks,plain,FGSM,leaked,0.8,Table 9,paper\n")
    write_run(
        "natural", {"fgsm": outcomes(900, 10_000), "pgd_20": outcomes(870, 10_000)}
    )
    paper = dataclasses.replace(paper, tables=tables)
    found = cell(
        comparison.compare(paper, "paper", tmp_path / "runs"), "FGSM", table="leaks"
    )
    # 30 and 80 of 10,000: 0.5 apart, and 0.11 and 0.17 of binomial error.
    assert (found.measured, found.verdict) == (pytest.approx(0.3), "below")
    assert found.tolerance == pytest.approx(0.205, abs=0.005)
    assert "0.0 spread over seeds (leaked)" in found.tolerance_parts


def test_nothing_run_is_all_not_run_and_no_failure(tmp_path, paper):
    cells = comparison.compare(paper, "paper", tmp_path / "runs")
    assert len(cells) == 10
    assert {c.verdict for c in cells} == {"not run"}
    assert comparison.exit_status(cells) == 0


def test_another_scale_is_never_judged(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(10)}, scale="digits")
    cells = comparison.compare(paper, "digits", tmp_path / "runs")
    found = cell(cells)
    assert (found.verdict, found.reported) == ("claims only", 90.0)
    assert found.tolerance is None
    assert comparison.exit_status(cells) == 0


def test_minutes_are_shown_and_never_judged(tmp_path, paper, write_run):
    write_run("natural", {}, minutes=3.0)
    cells = comparison.compare(paper, "paper", tmp_path / "runs")
    found = cell(cells, "time (min)")
    assert (found.measured, found.reported) == (3.0, 100)
    assert (found.verdict, found.tolerance) == ("shown only", None)


def test_a_cell_without_a_reported_number_is_shown(
    tmp_path, paper, write_run, outcomes
):
    write_run("natural", {"pgd_20_eps2": outcomes(10)})
    found = cell(
        comparison.compare(paper, "paper", tmp_path / "runs"),
        "PGD-20 eps=2",
        table="sweep",
    )
    assert (found.verdict, found.reported) == ("not reported", None)
    assert found.measured == 1.0


def test_a_paper_is_found_by_the_name_of_its_package(tmp_path, paper, monkeypatch):
    package = types.ModuleType("fake_paper")
    package.PAPER = dataclasses.replace(paper, name="fake_paper")
    monkeypatch.setitem(sys.modules, "fake_paper", package)
    assert comparison.compare("fake_paper", "paper", tmp_path)
    with pytest.raises(ValueError, match="paper=fake_papr"):
        comparison.compare("fake_papr", "paper", tmp_path)


def test_an_unknown_scale_names_the_nearest(tmp_path, paper):
    with pytest.raises(ValueError, match="Nearest: digits"):
        comparison.compare(paper, "digit", tmp_path)


def one_cell(paper, tmp_path, metric, value, **cell):
    """The paper with one table of one cell, and its reported number."""
    wanted = recipe.Cell("plain", "shown", "natural", metric=metric, **cell)
    path = tmp_path / "one.csv"
    path.write_text(
        "table,row,column,metric,value,source,confidence\n"
        f"one,plain,shown,{metric},{value},Table 9,paper\n"
    )
    table = recipe.Table("one", "One", (wanted,))
    return dataclasses.replace(paper, tables=(table,), reported=path)


@pytest.mark.parametrize(
    ("metric", "reported", "measured", "verdict"),
    [
        ("top5", 60, 60.0, "within"),
        ("top5", 64, 60.0, "below"),
        ("transfer", 62.5, 62.5, "within"),
        ("transfer", 58, 62.5, "above"),
        ("target_error", 75, 75.0, "within"),
        ("transfer", 25, 62.5, "above"),
    ],
)
def test_every_share_is_judged_by_its_own_count(
    tmp_path, paper, write_run, outcomes, metric, reported, measured, verdict
):
    fooled = np.roll(outcomes(4000, 10_000), 1000)  # 1500 of these 4000 are right
    record = {"survived": outcomes(2500, 10_000), "fooled": fooled}
    write_run("natural", {"pgd_20": {**record, "top5": outcomes(6000, 10_000)}})
    one = one_cell(paper, tmp_path, metric, reported, evaluation="pgd_20")
    (found,) = comparison.compare(one, "paper", tmp_path / "runs")
    assert (found.metric, found.measured, found.verdict) == (metric, measured, verdict)
    assert found.total == (4000 if metric == "transfer" else 10_000)
    assert f"{found.total} images" in found.tolerance_parts
    assert "robust" in found.tolerance_parts
    assert found.interval[0] < measured < found.interval[1]


def test_a_ratio_is_shown_and_never_judged(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"pgd_20": outcomes(450), "clean": outcomes(900)})
    one = one_cell(paper, tmp_path, "ratio", 0.9, evaluation="pgd_20", other="clean")
    cells = comparison.compare(one, "paper", tmp_path / "runs")
    assert (cells[0].measured, cells[0].reported) == (0.5, 0.9)
    assert (cells[0].verdict, cells[0].tolerance) == ("shown only", None)
    assert comparison.exit_status(cells) == 0


def test_a_rate_among_no_images_is_not_judged(tmp_path, paper, write_run, outcomes):
    record = {"survived": outcomes(5), "fooled": outcomes(0)}
    write_run("natural", {"pgd_20": record})
    one = one_cell(paper, tmp_path, "transfer", 50, evaluation="pgd_20")
    cells = comparison.compare(one, "paper", tmp_path / "runs")
    assert (cells[0].verdict, cells[0].interval) == ("no images", None)
    assert comparison.exit_status(cells) == 0


def test_a_cell_of_an_equal_recipe_reads_the_same_run(
    tmp_path, alias, write_run, outcomes
):
    write_run("free_4", {"clean": outcomes(800)})
    cells = comparison.compare(alias, "paper", tmp_path / "runs")
    for row, table in (("hard <m=4>", "main"), ("m=4", "replays")):
        assert cell(cells, row=row, table=table).measured == 80.0
