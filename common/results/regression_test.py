import dataclasses

import numpy as np
import pytest

from common import recipe
from common.results import regression


def regressed(tmp_path, paper):
    cells = regression.regress(paper, "paper", tmp_path / "runs", tmp_path / "old")
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


def test_a_field_that_came_between_two_runs_is_noted_unless_at_its_default(
    tmp_path, paper, write_run, outcomes
):
    def note(**field):
        for workdir, fields in (("runs", field), ("old", {})):
            made = {"num_steps": 10, **fields}
            write_run("natural", {"clean": outcomes(500)}, workdir=workdir, recipe=made)
        return regressed(tmp_path, paper)[1].note

    assert note(average=0.0) == ""
    assert note(average=0.5) == "recipes differ: average: 0.0 != 0.5"


def test_what_one_side_lacks_is_not_run(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(500)})
    cells, found = regressed(tmp_path, paper)
    assert found.verdict == "not run"
    assert regression.exit_status(cells) == 0


def regress_one(tmp_path, paper, metric, **cell):
    wanted = recipe.Cell("plain", "x", "natural", "pgd_20", metric=metric, **cell)
    one = dataclasses.replace(paper, tables=(recipe.Table("one", "One", (wanted,)),))
    (found,) = regression.regress(one, "paper", tmp_path / "runs", tmp_path / "old")
    return found


@pytest.mark.parametrize(
    ("metric", "other", "words"),
    [
        ("top5", "", "0 images gained, 50 lost of 1000"),
        ("transfer", "", "points ["),
        ("target_error", "", "100 images gained, 0 lost of 1000"),
        ("ratio", "clean", "-0.125 ["),
    ],
)
def test_every_metric_is_tested_on_its_own_images(
    tmp_path, paper, write_run, outcomes, metric, other, words
):
    for workdir, right in (("runs", 300), ("old", 400)):
        record = {"survived": outcomes(right), "fooled": outcomes(600)}
        record["top5"] = outcomes(500 + right // 2)
        pair = {"pgd_20": record, "clean": outcomes(800)}
        write_run("natural", pair, workdir=workdir)
    found = regress_one(tmp_path, paper, metric, other=other)
    higher = metric in ("transfer", "target_error")
    assert found.verdict == ("above" if higher else "below")
    assert words in found.evidence
    assert regression.exit_status([found]) == 1


def test_the_same_ratio_is_within_and_one_of_other_images_shown(
    tmp_path, paper, write_run, outcomes
):
    for workdir in ("runs", "old"):
        pair = {"pgd_20": outcomes(300), "clean": outcomes(800)}
        write_run("natural", pair, workdir=workdir)
    assert regress_one(tmp_path, paper, "ratio", other="clean").verdict == "within"
    write_run("natural", {n: outcomes(90, 100) for n in pair})
    found = regress_one(tmp_path, paper, "ratio", other="clean")
    assert found.verdict == "shown only"
    assert found.evidence == "on 100 and 1000 images"


def test_minutes_are_shown(tmp_path, paper, write_run):
    write_run("natural", {}, minutes=3.0)
    write_run("natural", {}, minutes=2.0, workdir="old")
    cells, _ = regressed(tmp_path, paper)
    found = next(c for c in cells if c.metric == "minutes")
    assert (found.baseline, found.measured, found.verdict) == (2.0, 3.0, "shown only")
