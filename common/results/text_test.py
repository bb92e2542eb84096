import dataclasses
import math

import pytest

from common.recipe import Cell, Table, grid, to_dict
from common.results import text
from common.results.cells import Compared
from common.results.metrics import Value


@pytest.fixture
def shown(results, write_run, outcomes):
    """Returns a terminal's text of all tables, and its lines without the blanks."""
    write_run("natural", {"clean": outcomes(9000, 10_000)}, minutes=0.25)
    write_run("free_4", {"pgd_20": outcomes(40, 100)})
    printed = text.comparison(results().cells)
    return printed, [" ".join(line.split()) for line in printed.splitlines()]


def test_every_cell_is_a_line_with_interval_count_mark_and_verdict(shown):
    printed, lines = shown
    assert len(lines) == 10 + 2 * 2 + 1
    for line in (
        "plain clean 90.00 [89.40, 90.57] of 10000 90.0 within (+-0.97)",
        "hard <m=4> PGD-20 40.0 [30.9, 49.8] of 100 50.0 (unverified) within (+-13.76)",
        "plain time (min) 0.25 min 100 min shown only",
        "hard <m=4> clean - 80.0 (code) not run",
    ):
        assert line in lines
    assert "\N{ESCAPE}" not in printed  # plain text, for files and pipes


def test_fields_stand_below_each_other_however_long_they_are():
    long = "a field [of] 200 " + "x" * 200
    assert text.aligned([("row", "value"), (long, "1"), ("[b]", "")]).splitlines() == [
        f"  row{' ' * (len(long) - 3)}  value",
        f"  {long}  1",
        "  [b]",
    ]


def test_a_regression_prints_both_runs_and_the_test(
    tmp_path, paper, results, write_run, outcomes
):
    changed = dataclasses.replace(paper.at("paper").recipe("natural"), num_steps=9)
    write_run("natural", {"clean": outcomes(510)}, recipe=to_dict(changed))
    write_run("natural", {"clean": outcomes(500)}, workdir="old")
    printed = text.regression(results().against(tmp_path / "old"))
    assert " ".join(printed.splitlines()[2].split()) == (
        "plain clean 50.00 51.00 above 10 images counted anew, "
        "0 no longer, of 1000, p = 0.00098; "
        "recipes differ: num_steps: 10 != 9"
    )


def test_claims_print_verdict_statement_numbers_and_note(
    paper, results, write_run, outcomes
):
    write_run("natural", {"pgd_20": outcomes(100)})
    write_run("free_4", {"pgd_20": outcomes(500)})
    printed = text.claims(results())
    assert printed.startswith("HOLDS  harder\n  Hard training is more robust")
    assert "free_4 pgd_20 - natural pgd_20 = +40.00 points [+36" in printed
    claim = dataclasses.replace(paper.claims[0], note="Few updates hide it.")
    noted = dataclasses.replace(paper, claims=(claim,))
    printed = text.claims(results("digits", of=noted))
    assert printed.startswith("NOT JUDGED AT THIS SCALE  harder\n")
    assert printed.endswith("\n  Few updates hide it.")


def test_claims_that_are_not_judged_come_last(paper, results):
    claim = paper.claims[0]
    other = dataclasses.replace(claim, name="other", expected_at=())
    both = dataclasses.replace(paper, claims=(other, claim))
    first, second = text.claims(results(of=both)).split("\n\n")
    assert first.startswith("NOT RUN  harder")
    assert second.startswith("NOT JUDGED AT THIS SCALE  other")


def test_headings_keep_the_order_of_the_table_when_cells_are_missing(paper, results):
    cells = [c for c in results().cells["main"] if c.cell.column != "PGD-20"]
    columns, rows = text.layout(paper.table("main"), reversed(cells))
    assert columns == ["clean", "time (min)"]
    assert [row for row, _ in rows] == ["plain", "hard <m=4>"]
    assert [c.cell.column for _, row in rows for c in row] == 2 * columns


@pytest.mark.parametrize("names", ["ab", "abcdefghi"])
def test_the_longer_side_of_a_wide_table_runs_down(names):
    radii = {f"eps={epsilon}": f"pgd_{epsilon}" for epsilon in range(9)}
    table = Table("wide", "Wide", grid({name: name for name in names}, radii))
    cells = [Compared(cell, None, None, "not run") for cell in table.cells[1:]]
    columns, rows = text.layout(table, cells)
    is_turned = len(names) < len(radii)
    across, down = (names, radii) if is_turned else (radii, names)
    assert (columns, [row for row, _ in rows]) == (list(across), list(down))
    assert rows[0][1][0] is None  # which has no cell
    assert rows[0][1][1] is cells[8 if is_turned else 0]


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
def test_a_number_has_the_decimals_of_its_kind(metric, value, total, words):
    cell = Cell("", "", "natural", "pgd_20", metric)
    found = Compared(cell, None, Value(value, None, total), "within")
    assert text.measured(found) == words


def test_a_reported_number_may_leave_its_mark_to_others(results):
    clean = results().cells["main"][3]
    assert text.reported(clean) == "80.0 (code)"
    assert text.reported(clean, marked=False) == "80.0"


def test_a_ratio_is_printed_without_a_unit():
    value = Value(0.5, (0.4, 0.6), 10_000)
    cell = Cell("", "", "natural", "pgd_20", "ratio", "clean")
    found = Compared(cell, None, value, "shown only")
    assert text.interval(found) == "[0.400, 0.600] of 10000"
    assert text.interval(found, counted=False) == "[0.400, 0.600]"
