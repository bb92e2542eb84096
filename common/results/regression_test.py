import numpy as np
import pytest

from common import results
from common.results import regression


def regressed(tmp_path, paper):
    cells = results.regress(paper, "paper", tmp_path / "runs", tmp_path / "old")
    return cells, cells[0]  # plain, clean


def test_the_same_records_are_within(tmp_path, paper, write_run, outcomes):
    for workdir in ("runs", "old"):
        write_run("natural", {"clean": outcomes(500)}, workdir=workdir)
    cells, found = regressed(tmp_path, paper)
    assert (found.verdict, found.baseline, found.measured) == ("within", 50, 50)
    assert regression.exit_status(cells) == 0


@pytest.mark.parametrize(
    ("new", "old", "verdict"), [(12, 0, "above"), (0, 12, "below")]
)
def test_a_small_steady_change_is_found_on_the_same_images(
    tmp_path, paper, write_run, outcomes, new, old, verdict
):
    # 12 of 10000 images: 0.12 points, a tenth of the width of either interval.
    write_run("natural", {"clean": outcomes(5000 + new, 10_000)})
    write_run("natural", {"clean": outcomes(5000 + old, 10_000)}, workdir="old")
    cells, found = regressed(tmp_path, paper)
    assert found.verdict == verdict
    assert f"{new} images gained, {old} lost of 10000" in found.evidence
    assert regression.exit_status(cells) == 1


def test_as_many_gained_as_lost_is_chance(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(500)})
    write_run("natural", {"clean": np.roll(outcomes(500), 30)}, workdir="old")
    _, found = regressed(tmp_path, paper)
    assert found.verdict == "within"
    assert "30 images gained, 30 lost" in found.evidence


@pytest.mark.parametrize(("correct", "verdict"), [(95, "within"), (60, "below")])
def test_different_numbers_of_images_are_compared_by_intervals(
    tmp_path, paper, write_run, outcomes, correct, verdict
):
    write_run("natural", {"clean": outcomes(correct, 100)})
    write_run("natural", {"clean": outcomes(900)}, workdir="old")
    _, found = regressed(tmp_path, paper)
    assert found.verdict == verdict
    assert "on 100 and 1000 images" in found.evidence


def test_another_recipe_is_noted(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(500)})
    write_run("natural", {}, workdir="old", recipe={"num_steps": 20})
    _, found = regressed(tmp_path, paper)
    assert found.verdict == "not run"
    assert found.note == "recipes differ: num_steps: 20 != 10"


def test_what_one_side_lacks_is_not_run(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(500)})
    cells, found = regressed(tmp_path, paper)
    assert found.verdict == "not run"
    assert regression.exit_status(cells) == 0
