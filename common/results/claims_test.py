"""A claim is as good as its comparisons, and counts where it is expected."""

import dataclasses

import pytest

from common.results import claims, measured
from common.results.claims import Claim
from common.results.margins import difference, gain


def check(tmp_path, *comparisons):
    claim = Claim("name", "A statement.", "Section 9", comparisons)
    return claims.check(
        claim, measured.find(tmp_path / "runs", "fake", "paper"), "paper"
    )


def harder(at_least):
    return gain("free_4", "natural", "pgd_20", at_least=at_least)


@pytest.fixture
def pair(write_run, outcomes):
    """Writes a pair of runs with so many right of 10000."""

    def write(left, right):
        write_run("free_4", {"pgd_20": outcomes(left, 10_000)}, minutes=12.0)
        write_run("natural", {"pgd_20": outcomes(right, 10_000)}, minutes=10.0)

    return write


@pytest.mark.parametrize(
    ("margins", "verdict"),
    [
        ((10.0, 15.0), "holds"),
        ((10.0, 20.0), "inconclusive"),
        ((20.0, 30.0), "fails"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_comparison(tmp_path, pair, margins, verdict):
    pair(5000, 3000)
    found = check(tmp_path, *map(harder, margins))
    assert found.verdict == verdict
    assert ["claimed at least +" in line for line in found.details] == [True, True]


def test_a_failure_outweighs_a_missing_record(tmp_path, pair):
    pair(5000, 3000)
    missing = gain("other", "natural", "pgd_20", at_least=0)
    assert check(tmp_path, missing, harder(10)).verdict == "not run"
    assert check(tmp_path, missing, harder(30)).verdict == "fails"


def test_every_seed_of_a_network_meets_every_seed_of_the_other():
    claim = Claim(
        *("name", "A statement.", "Section 9"),
        (harder(0.0), difference(("free_4", "clean"), ("free_4", "pgd_20"), at_most=9)),
        every_seed={"small": (0, 3)},
    )
    assert claim.at("paper").comparisons == claim.comparisons
    pairs = [comparison.needs for comparison in claim.at("small").comparisons]
    ends = ("", "_seed3")
    crossed = [
        ((f"free_4{free}", "pgd_20"), (f"natural{natural}", "pgd_20"))
        for free in ends
        for natural in ends
    ]
    alone = [((f"free_4{end}", "clean"), (f"free_4{end}", "pgd_20")) for end in ends]
    assert pairs == crossed + alone  # a network is compared with itself at its own seed


def test_needs_lists_each_evaluation_once_and_no_times(paper):
    assert paper.claims[0].needs == (("free_4", "pgd_20"), ("natural", "pgd_20"))
    assert paper.at("paper").needed_evaluations("free_4") == (
        "clean",
        "pgd_20",
        "pgd_20_eps2",
        "pgd_20_eps4",
    )


def test_a_failure_is_told_by_the_exit_status(results, pair):
    pair(3000, 5000)
    found = results().claims
    assert [result.verdict for result in found] == ["fails"]
    assert claims.exit_status(found) == 1
    good = [dataclasses.replace(found[0], verdict="inconclusive")]
    assert claims.exit_status(good) == 0


def test_a_scale_gives_numbers_and_no_verdict_on_what_it_cannot_judge(
    tmp_path, paper, pair
):
    pair(3000, 5000)
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    (claim,) = paper.claims
    judged, shown = (claims.check(claim, runs, scale) for scale in ("paper", "digits"))
    assert judged.is_judged and judged.verdict == "fails"
    assert not shown.is_judged and shown.verdict == "not judged at this scale"
    assert claims.exit_status([shown]) == 0
    pairs = zip(judged.details, shown.details, strict=True)
    assert [line.rpartition(": ")[0] for line, _ in pairs] == list(shown.details)


def test_a_scale_of_other_radii_has_comparisons_of_its_own(tmp_path, paper, pair):
    pair(3000, 5000)
    runs = measured.find(tmp_path / "runs", "fake", "paper")
    clean = gain("free_4", "natural", "clean", at_least=-1.0)
    (claim,) = paper.claims
    claim = dataclasses.replace(claim, instead={"digits": (clean,)})
    own = claim.at("digits")
    assert own.comparisons == (clean,) and own.at("digits") == own
    assert claim.at("paper").comparisons == claim.comparisons
    lines = {s: claims.check(claim, runs, s).details for s in ("paper", "digits")}
    assert "pgd_20" in lines["paper"][0] and "clean" in lines["digits"][0]
    other = dataclasses.replace(paper, claims=(claim,))
    assert other.at("digits").needed_evaluations("natural")[0] == "clean"


@pytest.mark.parametrize("instead", [{}, {"digits": ()}])
def test_a_claim_without_comparison_is_refused(instead):
    given = (gain("a", "b", "clean", at_least=0.0),) if instead else ()
    with pytest.raises(ValueError, match="name=empty"):
        Claim("empty", "Nothing.", "nowhere", given, instead=instead)
