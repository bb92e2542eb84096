"""The screen has what was judged, its numbers, and what it cost."""

import dataclasses

import pytest

from common.results import summary
from common.results.margins import difference, gain, level


@pytest.fixture
def runs(write_run, outcomes):
    counts = {"clean": outcomes(450, 500), "pgd_20": outcomes(5, 500)}
    write_run("natural", counts, minutes=1.0, hardware="CPU")
    counts = {"clean": outcomes(400, 500), "pgd_20": outcomes(300, 500)}
    write_run("free_4", counts, minutes=1.25, hardware="CPU")


@pytest.fixture
def screen(paper, results, runs):
    """Returns a function: the screen's text with a claim of these comparisons."""

    def shown(*comparisons, closing=(), **changes):
        comparisons = comparisons or paper.claims[0].comparisons
        claim = dataclasses.replace(paper.claims[0], comparisons=comparisons, **changes)
        found = results(of=dataclasses.replace(paper, claims=(claim,)))
        return summary.screen([found], *closing)

    return shown


def test_a_claim_stands_with_its_verdict_its_numbers_and_its_bound(screen):
    shown = [line.strip() for line in screen(closing=("Report: there",)).split("\n")]
    assert shown == [
        "fake: A paper <that> nobody wrote",
        "holds         Hard training is more robust & as fast.",
        "60.0 - 1.0 = +59.0 [+54.4, +63.1], claimed at least +10 points;",
        "1.25 / 1.00 = 1.25, claimed at most 1.5",
        "Reported numbers: 3 within, 1 above, 2 not run.",
        "",
        "Cost: 2 networks, 2.2 minutes of updates; 4 evaluations, 0.0 minutes; CPU.",
        "Report: there",
    ]


def test_one_number_stands_alone_and_a_bound_of_all_is_said_once(screen):
    text = screen(level("natural", "pgd_20", at_most=3.0))
    assert " 1.0 [0.4, 2.3]; claimed at most 3 %\n" in text
    equal = (
        gain("natural", "free_4", name, at_least=0.0) for name in ("clean", "pgd_20")
    )
    assert screen(*equal).count("claimed at least +0 points") == 1


def test_a_long_claim_is_cut(screen):
    one = difference(("natural", "clean"), ("natural", "pgd_20"), at_least=0.0)
    failing = gain("free_4", "natural", "clean", at_least=0.0)
    text = screen(*[one] * 6, failing)
    assert text.count("90.0 - 1.0 = +89.0") == summary.MOST_SHOWN - 1
    assert "fails" in text and "80.0 - 90.0 = -10.0" in text  # what decides is shown
    assert "and 5 more" in text


def test_numbers_that_were_not_met_and_warnings_are_counted(
    paper, results, runs, write_run, outcomes
):
    titled = dataclasses.replace(paper, title="For free! Somebody et al., 2019")
    text = summary.screen([results(of=titled)])
    assert text.startswith("fake: For free!\n")
    assert "  Reported numbers: 3 within, 1 above, 2 not run.\n" in text
    assert "warning" not in text
    write_run("free_4", {"clean": outcomes(100, 500), "pgd_20": outcomes(300, 500)})
    assert "  1 warning about 1 of 2 networks: see the report.\n" in summary.screen(
        [results()]
    )
    write_run("natural", {"clean": outcomes(500)}, scale="small")
    assert "Reported numbers" not in summary.screen([results("small")])


def test_what_has_no_answer_is_counted(screen, results):
    text = screen(expected_at=())
    assert "  no answer\n" in text and "60.0" not in text
    assert "Further claims: 1 not judged at this scale." in text
    assert "Further claims: 1 not run." in summary.screen([results(workdir="empty")])


def test_lines_fit_a_terminal(screen):
    text = screen(statement="Of many words " * 12 + "this is one.")
    assert max(map(len, text.splitlines())) <= summary.WIDTH


def test_the_seconds_of_a_longer_attack_count_once(results, write_run, outcomes):
    long = {"survived": outcomes(5, 500), "seconds": 90.0}
    write_run(
        "natural", {"pgd_100": long, "pgd_20": {**long, "beginning_of": "pgd_100"}}
    )
    assert "1 evaluations, 1.5 minutes" in summary.cost([results()])


def test_signs_stay_with_their_numbers():
    numbers = ("37.1 - 38.9 = -1.8 [-2.7, -0.9]", "85.0 - 84.4 = +0.6 [+0.1, +1.2]")
    said = [f"{each}, claimed at least -1 points" for each in numbers]
    answer = summary.Answer("fails", "A statement.", tuple(said * 2))
    lines = summary._claim(answer)
    assert max(map(len, lines)) <= summary.WIDTH
    assert not any(line.endswith("-") for line in lines)
    text = " ".join(" ".join(lines).split())
    assert all(text.count(each) == 2 for each in said)
