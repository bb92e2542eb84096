"""Sections of the report: what they count, mark and warn about."""

from common.results import sections
from common.results.comparison import ComparedCell


def cell(**changes):
    values = {
        "table": "main",
        "row": "plain",
        "column": "clean",
        "recipe": "natural",
        "evaluation": "clean",
        "metric": "accuracy",
        "reported": 90.0,
        "measured": 80.0,
        "verdict": "below",
        "tolerance": 1.0,
        "interval": (78.0, 82.0),
        "total": 1000,
        "confidence": "unverified",
        "printed": "90.0",
    }
    return ComparedCell(**{**values, **changes})


def test_cells_are_counted_by_verdict_without_minutes():
    text = sections.counts([cell(), cell(), cell(metric="minutes")], [], 0)
    assert "below" in text and "2" in text and "3" not in text
    assert "none" in text  # warnings


def test_an_unverified_number_is_marked_in_its_cell():
    assert "unverified" in sections._cell(cell())
    assert "unverified" not in sections._cell(cell(confidence="paper"))


def test_a_scale_that_is_not_the_papers_says_so():
    assert "small" in sections.heading("Table 1", "small")
    assert sections.heading("Table 1", "paper") == "<h3>Table 1</h3>"


def test_ratios_and_minutes_are_not_counted_among_verdicts():
    cells = [cell(metric="top5"), cell(metric="ratio", verdict="shown only")]
    text = sections.counts([*cells, cell(metric="minutes", verdict="shown")], [], 0)
    assert "1 below" in text and "shown" not in text
