"""The claims of all papers: where they can be judged, and what the papers report."""

from __future__ import annotations

from common.recipe import TRAINING_TIME
from common.results import overview, packages
from common.results.cells import SEED_SPREAD
from reproduce import PAPERS

CLAIMS = [
    (paper, claim) for paper in map(packages.find, PAPERS) for claim in paper.claims
]
REACHED = {
    "ensemble_at": 34,
    "free_at": 35,
    "intriguing_at": 47,
    "kurakin2017": 41,
    "smooth_at": 68,
}
OF_OTHER_IMAGES = "labels_of_few_classes_do_not_leak"  # what is reported is of ImageNet
# The paper has its controls under 200 steps alone.
STAND_INS = {"smooth_at": {"pgd_50": "pgd_200"}}


def numbers(paper):
    """Returns what each table reports, by recipe and evaluation, with stand-ins."""
    full = paper.at("paper")
    runs = {name: full.run_name(name) for name in full.recipes}
    evaluations = (TRAINING_TIME, *full.evaluations)
    other = {name: name for name in (*runs, *evaluations)}
    other |= STAND_INS.get(paper.name, {})
    for table in overview.reported_pairs(paper):
        known = {
            (runs[name], key): record.value for (name, key), record in table.items()
        }
        yield {
            (name, key): known[pair]
            for name in runs
            for key in evaluations
            for pair in [(runs[other[name]], other[key]), (runs[other[name]], key)]
            if pair in known  # its own number, which comes last, before a stand-in's
        }


def reported(name):
    """Yields each comparison of a paper's claims with what its tables report of it."""
    paper = packages.find(name)
    tables = list(numbers(paper))
    for claim in paper.claims:
        for comparison in claim.at("paper").comparisons:
            values = [v for v in map(comparison.reported, tables) if v is not None]
            if values and claim.name != OF_OTHER_IMAGES:
                yield claim, comparison, values


def test_a_claim_can_be_judged_where_it_is_expected():
    for paper, claim in CLAIMS:
        ours = claim.source.startswith("ours")  # no scale of the paper's need have it
        for scale in {*claim.expected_at} | (set() if ours else {"paper"}):
            recipes, known = paper.at(scale).recipes, paper.at(scale).evaluations
            for comparison in claim.at(scale).comparisons:
                for name, key in comparison.quoted:
                    covered = key == TRAINING_TIME or known[key].covers(name)
                    assert name in recipes and covered, (claim.name, scale)


def test_both_sides_see_the_same_images_at_every_scale():
    for paper, claim in CLAIMS:
        for scale in paper.recipes:
            known = paper.at(scale).evaluations
            for comparison in claim.at(scale).comparisons:
                keys = [key for _, key in comparison.needs if key in known]
                drawn = {(known[key].num_images, known[key].seed) for key in keys}
                assert len(drawn) <= 1, (claim.name, scale)


def test_a_paper_says_of_every_claim_or_of_none_why_it_is_expected_there():
    for name in PAPERS:
        notes = [claim.note for paper, claim in CLAIMS if paper.name == name]
        assert all(note.endswith(".") for note in notes) or not any(notes)


def test_what_a_paper_reports_holds_its_claims():
    """Where remembered numbers deny the text of the paper, `reported.csv` says so."""
    for name in PAPERS:
        found = list(reported(name))
        assert len(found) == REACHED[name]
        for claim, comparison, values in found:
            for value in values:
                assert comparison.verdict(value, value) == "holds", (claim.name, value)


def test_a_smooth_margin_is_a_direction_unless_the_lead_is_within_the_spread():
    for claim, comparison, values in reported("smooth_at"):
        clean = comparison.needs[0][1] == "clean"
        spread = SEED_SPREAD["clean" if clean else "robust"]
        if claim.name.endswith("keep_clean_accuracy"):  # which claims no lead
            assert -2 * spread <= comparison.at_least <= -spread, claim.name
        elif comparison.at_least > 0:  # half of the least that is reported, or less
            assert comparison.at_least <= min(values) / 2, claim.name
        elif len(comparison.needs) == 2:  # seeds tell two networks apart, not two falls
            bounds = [0.0 if value > spread else -spread for value in values]
            assert min(bounds) <= comparison.at_least <= max(bounds), claim.name
