"""What templates make of values: escaped, and as Markdown tables."""

import jinja2
import pytest

from common.results import pages


def test_a_markdown_table_escapes_what_would_end_a_field():
    lines = [["", "a | b"], ["row", "1"], ["other", ""]]
    assert pages.table(lines).splitlines() == [
        "|  | a \\| b |",
        "| --- | --- |",
        "| row | 1 |",
        "| other |  |",
    ]


def test_a_cell_is_measured_beside_reported_with_its_verdict(
    results, write_run, outcomes
):
    write_run("natural", {"clean": outcomes(900), "pgd_20": outcomes(5)})
    write_run("free_4", {"pgd_20": outcomes(700), "pgd_20_eps2": outcomes(9)})
    tables = results().cells
    assert [pages.cell(compared) for compared in tables["main"]] == [
        "90.00 [87.98, 91.71] / 90.0, **within**",
        "0.50 [0.21, 1.17] / 0.0 (unverified), **within**",
        "100.0 min / 100 min",
        "not run / 80.0 (code)",
        "70.00 [67.09, 72.76] / 50.0 (unverified), **above**",
        "100.0 min / no number",
    ]
    assert pages.cell(None) == ""


def test_values_are_escaped_in_html_alone(results):
    values = {"results": results(), "table": results().at.paper.table("main")}
    assert "| hard <m=4> |" in pages.render("table.md", **values)


def test_what_a_template_lacks_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="lines"):
        pages.render("times.md", hardware="CPU")
