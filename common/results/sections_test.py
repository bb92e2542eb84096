"""Sections of the report: what they count, mark and warn about."""

import dataclasses

from common.results import sections
from common.results.claims import ClaimResult
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
    cells = [cell(), cell(), cell(metric="minutes")]
    text = sections.counts(cells, [], 0, scale="paper")
    assert "below" in text and "2" in text and "3" not in text
    assert "none" in text  # warnings


def test_claims_are_counted_by_whether_they_are_expected_here(paper):
    (claim,) = paper.claims
    elsewhere = dataclasses.replace(claim, expected_at=("paper",))
    results = [ClaimResult(elsewhere, verdict, ()) for verdict in ("holds", "fails")]
    here = dataclasses.replace(claim, expected_at=("paper", "small"))
    results.append(ClaimResult(here, "holds", ()))
    text = sections.counts([], results, 0, scale="small")
    first, others = text.split("Other claims")
    assert "1 holds" in first.split("Claims expected here")[1] and "fails" not in first
    assert "1 holds" in others and "1 fails" in others
    assert "Other claims" not in sections.counts([], results[2:], 0, scale="small")


def test_an_unverified_number_is_marked_in_its_cell():
    assert "unverified" in sections._cell(cell())
    assert "unverified" not in sections._cell(cell(confidence="paper"))


def test_a_scale_that_is_not_the_papers_says_so():
    assert "small" in sections.heading("Table 1", "small")
    assert sections.heading("Table 1", "paper") == "<h3>Table 1</h3>"


def test_ratios_and_minutes_are_not_counted_among_verdicts():
    cells = [cell(metric="top5"), cell(metric="ratio", verdict="shown only")]
    cells.append(cell(metric="minutes", verdict="shown"))
    text = sections.counts(cells, [], 0, scale="paper")
    assert "1 below" in text and "shown" not in text
