import dataclasses
import math

import pytest

from common import recipe
from common.results import claims, comparison, regression, text


@pytest.fixture
def cells(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(9000, 10_000)}, minutes=0.25)
    write_run("free_4", {"pgd_20": outcomes(40, 100)})
    return comparison.compare(paper, "paper", tmp_path / "runs")


def line(printed, *words):
    (found,) = (x for x in printed.splitlines() if all(w in x for w in words))
    return " ".join(found.split())


def test_every_cell_is_a_line_with_interval_count_mark_and_verdict(cells):
    printed = text.text_table(cells)
    assert len(printed.splitlines()) == len(cells) + 2 * 2 + 1
    assert line(printed, "plain", "clean") == (
        "plain clean 90.00 [89.40, 90.57] of 10000 90.0 within (+-0.97)"
    )
    assert line(printed, "hard", "unverified") == (
        "hard <m=4> PGD-20 40.0 [30.9, 49.8] of 100 50.0 (unverified) within (+-13.76)"
    )
    assert line(printed, "plain", "time") == (
        "plain time (min) 0.25 min 100 min shown only"
    )
    assert line(printed, "hard", "clean") == "hard <m=4> clean - 80.0 (code) not run"


def test_another_scale_says_that_nothing_is_compared(
    tmp_path, paper, write_run, outcomes
):
    write_run("natural", {"clean": outcomes(9)}, scale="digits")
    printed = text.text_table(comparison.compare(paper, "digits", tmp_path / "runs"))
    assert "claims only" in line(printed, "plain", "clean")
    assert "Not the paper's scale" in printed


def test_a_regression_prints_both_runs_and_the_test(
    tmp_path, paper, write_run, outcomes
):
    changed = dataclasses.replace(paper.at("paper").recipe("natural"), num_steps=9)
    write_run("natural", {"clean": outcomes(510)}, recipe=recipe.to_dict(changed))
    write_run("natural", {"clean": outcomes(500)}, workdir="old")
    runs = tmp_path / "runs"
    printed = text.text_regression(
        regression.regress(paper, "paper", runs, tmp_path / "old")
    )
    assert line(printed, "plain", "clean") == (
        "plain clean 50.00 51.00 above 10 images gained, 0 lost of 1000, p = 0.00098; "
        "recipes differ: num_steps: 10 != 9"
    )


def test_claims_print_verdict_statement_and_numbers(
    tmp_path, paper, write_run, outcomes
):
    write_run("natural", {"pgd_20": outcomes(100)})
    write_run("free_4", {"pgd_20": outcomes(500)})
    found = claims.check_claims(paper, "paper", tmp_path / "runs")
    printed = text.text_claims(found, "paper")
    assert printed.startswith("HOLDS  harder\n  Hard training is more robust")
    assert "free_4 pgd_20 - natural pgd_20 = +40.00 points [+36" in printed
    assert "HOLDS (not expected here)" in text.text_claims(found, "digits")


def test_headings_keep_the_order_of_the_table_when_cells_are_missing(paper, cells):
    main = paper.table("main")
    shuffled = [cell for cell in reversed(cells) if cell.column != "PGD-20"]
    assert text.headings(main, shuffled) == (
        ["plain", "hard <m=4>"],
        ["clean", "time (min)"],
    )


@pytest.mark.parametrize(
    ("metric", "value", "total", "words"),
    [
        ("accuracy", 46.125, 10_000, "46.12"),
        ("transfer", 46.125, 500, "46.1"),
        ("ratio", 0.94712, 10_000, "0.947"),
        ("ratio", 0.94712, 500, "0.95"),
        ("minutes", 12.34, None, "12.3 min"),
        ("transfer", math.nan, 0, "-"),
    ],
)
def test_a_number_has_the_decimals_of_its_kind(cells, metric, value, total, words):
    cell = dataclasses.replace(cells[0], metric=metric, measured=value, total=total)
    assert text.measured(cell) == words


def test_a_ratio_is_printed_without_a_unit(cells):
    cell = dataclasses.replace(
        cells[0], metric="ratio", measured=0.5, interval=(0.4, 0.6), printed="0.55"
    )
    assert text.interval(cell) == "[0.400, 0.600] of 10000"
    assert text.reported(cell) == "0.55"


def test_a_note_stands_below_the_numbers(tmp_path, paper):
    claim = dataclasses.replace(paper.claims[0], note="Few updates hide it.")
    noted = dataclasses.replace(paper, claims=(claim,))
    printed = text.text_claims(claims.check_claims(noted, "paper", tmp_path), "paper")
    assert printed.endswith("\n  Few updates hide it.")
