"""The overview counts what the comparison and the claims say, and adds nothing."""

import dataclasses

import pytest

from common.results import overview
from common.results.margins import difference, gain


@pytest.fixture
def runs(write_run, outcomes):
    write_run("natural", {"clean": outcomes(900), "pgd_20": outcomes(5)})
    write_run("free_4", {"pgd_20": outcomes(700)}, minutes=120.0)


def rows(results, full=None):
    block = overview.markdown([(results, full or results)])
    lines = [line.split(" | ") for line in block.splitlines() if line.startswith("|")]
    return [[field.strip("| ") for field in line] for line in lines]


def test_cells_and_claims_are_counted_by_verdict(results, runs):
    head, rule, counts, *_ = rows(results())
    assert len(head) == len(rule) == len(counts)
    assert dict(zip(head, counts, strict=True)) == {
        "paper": "[`fake`](fake/README.md)",
        "reported cells": "6",  # minutes are not judged
        # 90.0 and 0.5 of natural training, 70.0 against 50.0.
        "within / outside / not run": "2 / 1 / 3",
        "claims": "1",
        "judged at `paper`": "1",
        "holds / fails / inconclusive / not run": "1 / 0 / 0 / 0",
    }


def test_a_claim_stands_with_its_numbers(results, runs):
    answer = rows(results())[-1]
    assert answer[1:] == [
        "Hard training is more robust & as fast.",
        "free_4 pgd_20 - natural pgd_20, at least +10 points",
        "+50.00 (unverified)",
        "+69.50 [+66.49, +72.23]",
        "**holds**",
    ]


def test_what_decides_lies_nearest_to_its_bound_or_farthest_beyond(
    paper, results, runs
):
    by = {
        margin: gain("free_4", "natural", "pgd_20", at_least=margin)
        for margin in (20.0, 65.0, 69.5, 75.0, 80.0)
    }
    for margins, decides, verdict in (
        ((20.0, 65.0), 65.0, "holds"),
        ((20.0, 69.5), 69.5, "inconclusive"),
        ((75.0, 80.0, 69.5, 20.0), 80.0, "fails"),
    ):
        compared = tuple(by[margin] for margin in margins)
        claim = dataclasses.replace(paper.claims[0], comparisons=compared)
        changed = dataclasses.replace(paper, claims=(claim,))
        answer = rows(results(of=changed))[-1]
        assert answer[2].endswith(f", at least +{decides:g} points")
        assert answer[3].startswith("+50.00 (")
        assert answer[4].startswith("+69.50 [+6")
        assert answer[5] == f"**{verdict}**"


def test_a_claim_without_records_has_no_measured_number(results):
    answer = rows(results())[-1]
    assert answer[2].startswith("free_4 pgd_20 - natural pgd_20, at least")
    assert answer[3:] == ["+50.00 (unverified)", "", "**not run**"]


def test_a_number_is_as_sure_as_what_it_is_made_of(paper, results):
    clean = gain("natural", "free_4", "clean", at_least=0.0)
    claim = dataclasses.replace(paper.claims[0], comparisons=(clean,))
    changed = dataclasses.replace(paper, claims=(claim,))
    answer = rows(results(of=changed))[-1]
    assert answer[3] == "+10.00 (code)"  # of one read in the paper and one in the code


def test_what_a_scale_does_not_judge_is_not_shown(results, runs):
    found = rows(results("digits"), full=results())
    assert found[-2][0] == "paper"  # the head of the second table; no row
    assert found[2][4] == "0"


def test_different_images_give_no_number(results, write_run, outcomes):
    write_run("natural", {"pgd_20": outcomes(5, 1000)})
    write_run("free_4", {"pgd_20": outcomes(700, 2000)})
    answer = rows(results())[-1]
    assert answer[4] == ""
    assert answer[5] == "**inconclusive**"


def test_sources_of_two_tables_do_not_make_one_number(paper, results):
    plain, hard = ("natural", "pgd_20"), ("free_4", "pgd_20")
    first, second = overview.reported_pairs(paper)
    assert first[plain].value == 0.0 and first[hard].value == 50.0
    assert {evaluation: r.value for (_, evaluation), r in second.items()} == {
        "pgd_20_eps2": 70.0,
        "pgd_20_eps4": 50.0,
    }
    across = difference(("free_4", "pgd_20_eps2"), hard, at_least=0.0)
    claim = dataclasses.replace(paper.claims[0], comparisons=(across,))
    changed = dataclasses.replace(paper, claims=(claim,))
    assert rows(results(of=changed))[-1][3] == ""


def test_a_reported_error_is_an_accuracy_and_the_largest_of_some_is_none(paper):
    reported = paper.reported.read_text().replace(
        "main,plain,clean,accuracy,90.0", "main,plain,clean,error,10.0"
    )
    paper.reported.write_text(reported)
    (main, *_) = paper.tables
    clean, *cells = main.cells
    for among, wanted in (((), 90.0), ((("free_4", "clean"),), None)):
        cell = dataclasses.replace(clean, metric="error", among=among)
        table = dataclasses.replace(main, cells=(cell, *cells))
        changed = dataclasses.replace(paper, tables=(table, *paper.tables[1:]))
        (first, *_) = overview.reported_pairs(changed)
        found = first.get(("natural", "clean"))
        assert (found and found.value) == wanted
