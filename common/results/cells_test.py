import dataclasses
import math

import numpy as np
import pytest

from common import recipe
from common.results import cells
from common.results.answers import Results


def cell(results, column="clean", row="plain", table="main"):
    """Returns one compared cell of one table."""
    (found,) = (
        c for c in results.cells[table] if (c.cell.row, c.cell.column) == (row, column)
    )
    return found


def test_tolerance_is_both_binomial_errors_and_the_seeds_in_quadrature():
    error = 1.96 * 100 * math.sqrt(0.46 * 0.54 / 10_000)
    expected = math.sqrt(2 * error**2 + 1.0**2)
    assert cells.tolerance(46, 46, 10_000, "robust") == pytest.approx(
        expected, abs=1e-4
    )
    assert cells.tolerance(0, 0, 10_000, "clean") == 0.5


@pytest.mark.parametrize(
    ("correct", "verdict"), [(883, "below"), (900, "within"), (917, "above")]
)
def test_a_large_set_is_judged_by_the_tolerance(
    results, write_run, outcomes, correct, verdict
):
    # 100000 images: +-0.26 binomial on either side, 0.5 over seeds: +-0.57 points.
    write_run("natural", {"clean": outcomes(100 * correct, 100_000)})
    found = cell(results())
    assert found.verdict == verdict
    assert (found.measured.number, found.reference.value) == (correct / 10, 90.0)
    assert found.tolerance == pytest.approx(0.57, abs=0.02)
    assert cells.exit_status(results().cells) == (verdict != "within")


@pytest.mark.parametrize("side", [-1, 1])
def test_the_verdict_turns_at_the_tolerance(side):
    assert cells.side(side * 1.5, 1.5) == "within"
    expected = {-1: "below", 1: "above"}[side]
    assert cells.side(side * 1.5001, 1.5) == expected


def test_a_robust_cell_says_what_its_tolerance_is_made_of(results, write_run, outcomes):
    write_run("free_4", {"pgd_20": outcomes(5000, 10_000)})
    found = cell(results(), "PGD-20", "hard <m=4>")
    assert (found.verdict, found.reference.confidence) == ("within", "unverified")
    for part in ("0.98", "10000 images", "1.0 spread over seeds (robust)"):
        assert part in found.evidence


def test_nothing_run_is_all_not_run_and_no_failure(results):
    tables = results().cells
    verdicts = [found.verdict for table in tables.values() for found in table]
    assert verdicts == ["not run"] * 10
    assert cells.exit_status(tables) == 0


@pytest.mark.parametrize(("scale", "is_beside"), [("small", True), ("digits", False)])
def test_another_scale_is_never_judged(results, write_run, outcomes, scale, is_beside):
    """Beside other images there is not even a reported number."""
    write_run("natural", {"clean": outcomes(10)}, scale=scale)
    found = cell(results(scale))
    assert (found.verdict, found.tolerance) == ("claims only", None)
    assert (found.reference is not None) == is_beside
    assert cells.exit_status(results(scale).cells) == 0


def test_minutes_are_shown_and_never_judged(results, write_run):
    write_run("natural", {}, minutes=3.0)
    found = cell(results(), "time (min)")
    assert (found.measured.number, found.reference.value) == (3.0, 100)
    assert (found.verdict, found.tolerance) == ("shown only", None)


def test_a_cell_without_a_reported_number_is_shown(results, write_run, outcomes):
    write_run("natural", {"pgd_20_eps2": outcomes(10)})
    found = cell(results(), "PGD-20 eps=2", table="sweep")
    assert (found.verdict, found.reference) == ("not reported", None)
    assert found.measured.number == 1.0


def one_cell(paper, tmp_path, metric, value, **cell):
    """The paper with one table of one cell, and its reported number."""
    wanted = recipe.Cell("plain", "shown", "natural", metric=metric, **cell)
    path = tmp_path / "one.csv"
    path.write_text(
        "table,row,column,metric,value,source,confidence\n"
        f"one,plain,shown,{metric},{value},Table 9,paper\n"
    )
    table = recipe.Table("one", "One", (wanted,))
    return dataclasses.replace(paper, tables=(table,), reported=path)


@pytest.mark.parametrize(
    ("metric", "reported", "measured", "verdict"),
    [
        ("top5", 60, 60.0, "within"),
        ("top5", 64, 60.0, "below"),
        ("transfer", 62.5, 62.5, "within"),
        ("transfer", 58, 62.5, "above"),
        ("target_error", 75, 75.0, "within"),
    ],
)
def test_every_share_is_judged_by_its_own_count(
    tmp_path, paper, results, write_run, outcomes, metric, reported, measured, verdict
):
    fooled = np.roll(outcomes(4000, 10_000), 1000)  # 1500 of these 4000 are right
    record = {"survived": outcomes(2500, 10_000), "fooled": fooled}
    write_run("natural", {"pgd_20": {**record, "top5": outcomes(6000, 10_000)}})
    one = one_cell(paper, tmp_path, metric, reported, evaluation="pgd_20")
    (found,) = results(of=one).cells["one"]
    assert (found.measured.number, found.verdict) == (measured, verdict)
    total = found.measured.total
    assert total == (4000 if metric == "transfer" else 10_000)
    assert f"{total} images" in found.evidence and "robust" in found.evidence
    low, high = found.measured.interval
    assert low < measured < high


def test_a_share_of_leaked_labels_is_granted_no_spread_over_seeds(
    tmp_path, paper, results, write_run, outcomes
):
    right = {"fgsm": outcomes(900, 10_000), "pgd_20": outcomes(870, 10_000)}
    write_run("natural", right)
    one = one_cell(paper, tmp_path, "leaked", 0.8, evaluation="fgsm", other="pgd_20")
    (found,) = results(of=one).cells["one"]
    # 30 and 80 of 10,000: 0.5 apart, and 0.11 and 0.17 of binomial error.
    assert (found.measured.number, found.verdict) == (pytest.approx(0.3), "below")
    assert found.tolerance == pytest.approx(0.205, abs=0.005)
    assert found.evidence.startswith("0.11 binomial error of the measured and 0.17 of")
    assert "0.0 spread over seeds (leaked)" in found.evidence


def test_a_rate_among_no_images_is_not_judged(
    tmp_path, paper, results, write_run, outcomes
):
    record = {"survived": outcomes(5), "fooled": outcomes(0)}
    write_run("natural", {"pgd_20": record})
    one = one_cell(paper, tmp_path, "transfer", 50, evaluation="pgd_20")
    (found,) = results(of=one).cells["one"]
    assert (found.verdict, found.measured.interval) == ("no images", None)


def regressed(tmp_path, paper):
    """Returns all tables beside the earlier run, and the clean cell of `plain`."""
    tables = Results(paper.at("paper"), tmp_path / "runs").against(tmp_path / "old")
    return tables, next(iter(tables.values()))[0]


@pytest.mark.parametrize(
    ("new", "old", "verdict"), [(12, 0, "above"), (0, 12, "below")]
)
def test_a_small_steady_change_is_found_on_the_same_images(
    tmp_path, paper, write_run, outcomes, new, old, verdict
):
    # 12 of 10000 images: 0.12 points, a tenth of the width of either interval.
    write_run("natural", {"clean": outcomes(5000 + new, 10_000)})
    write_run("natural", {"clean": outcomes(5000 + old, 10_000)}, workdir="old")
    tables, found = regressed(tmp_path, paper)
    assert found.verdict == verdict
    assert f"{new} images counted anew, {old} no longer, of 10000" in found.evidence
    assert cells.exit_status(tables) == 1


def test_as_many_gained_as_lost_is_chance(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(500)})
    write_run("natural", {"clean": np.roll(outcomes(500), 30)}, workdir="old")
    _, found = regressed(tmp_path, paper)
    assert found.verdict == "within"
    assert "30 images counted anew, 30 no longer" in found.evidence


def test_few_more_lost_than_gained_may_be_chance(tmp_path, paper, write_run, outcomes):
    new = outcomes(500)
    new[:7], new[500:503] = False, True
    write_run("natural", {"clean": new})
    write_run("natural", {"clean": outcomes(500)}, workdir="old")
    _, found = regressed(tmp_path, paper)
    assert found.verdict == "within" and "3 images counted anew, 7" in found.evidence


@pytest.mark.parametrize(("correct", "verdict"), [(95, "within"), (60, "below")])
def test_different_numbers_of_images_are_compared_by_intervals(
    tmp_path, paper, write_run, outcomes, correct, verdict
):
    write_run("natural", {"clean": outcomes(correct, 100)})
    write_run("natural", {"clean": outcomes(900)}, workdir="old")
    _, found = regressed(tmp_path, paper)
    assert found.verdict == verdict
    assert "on 100 and 1000 images" in found.evidence


def test_another_recipe_is_noted_but_not_a_new_field_at_its_default(
    tmp_path, paper, write_run, outcomes
):
    def evidence(**field):
        for workdir, fields in (("runs", field), ("old", {})):
            made = {"num_steps": 10, **fields}
            write_run("natural", {"clean": outcomes(500)}, workdir=workdir, recipe=made)
        return regressed(tmp_path, paper)[1].evidence

    assert "recipes differ" not in evidence(average=0.0)
    assert evidence(average=0.5).endswith("; recipes differ: average: 0.0 != 0.5")
    assert evidence(num_steps=9).endswith("; recipes differ: num_steps: 10 != 9")


def test_what_one_side_lacks_is_not_run(tmp_path, paper, write_run, outcomes):
    write_run("natural", {"clean": outcomes(500)})
    tables, found = regressed(tmp_path, paper)
    assert found.verdict == "not run"
    assert cells.exit_status(tables) == 0


def regress_one(tmp_path, paper, metric, **cell):
    one = one_cell(paper, tmp_path, metric, 0.5, evaluation="pgd_20", **cell)
    return regressed(tmp_path, one)[1]


@pytest.mark.parametrize(
    ("metric", "other", "words"),
    [
        ("top5", "", "0 images counted anew, 50 no longer, of 1000"),
        ("transfer", "", "points ["),
        ("target_error", "", "100 images counted anew, 0 no longer, of 1000"),
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


@pytest.mark.parametrize(("shift", "verdict"), [(0.2, "below"), (-0.2, "above")])
def test_means_are_compared_now_with_before(
    tmp_path, paper, write_run, outcomes, shift, verdict
):
    values = np.random.default_rng(0).random(1000)
    for workdir, moved in (("runs", 0.0), ("old", shift)):
        record = {"survived": outcomes(300), "cosine": values + moved}
        write_run("natural", {"pgd_20": record}, workdir=workdir)
    assert regress_one(tmp_path, paper, "cosine").verdict == verdict
    write_run(
        "natural", {"pgd_20": {"survived": outcomes(300), "cosine": values[::-1]}}
    )
    found = regress_one(tmp_path, paper, "cosine")
    assert found.verdict == ("below" if shift > 0 else "above")


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


def test_a_cell_is_the_largest_of_its_candidates_and_needs_all(
    paper, results, write_run, outcomes
):
    largest = recipe.Cell(
        *("plain", "worst", "natural", "pgd_20", "error"),
        among=(("free_4", "pgd_20"), ("free_4", "pgd_100")),
    )
    table = recipe.Table("t", "T.", (largest,))
    changed = dataclasses.replace(paper, tables=(*paper.tables, table))
    write_run("natural", {"pgd_20": outcomes(400)})
    assert cell(results(of=changed), "worst", table="t").verdict == "not run"
    write_run("free_4", {"pgd_20": outcomes(250), "pgd_100": outcomes(300)})
    found = cell(results(of=changed), "worst", table="t")
    assert found.measured.number == 75.0
    assert found.verdict == "not reported"
    assert (found.cell.recipe, found.cell.evaluation) == ("free_4", "pgd_20")


def test_other_drawn_images_of_the_same_number_are_not_paired(
    tmp_path, paper, write_run, outcomes
):
    for workdir, right, seed in (("runs", 600, 0), ("old", 500, 1)):
        record = {"survived": outcomes(right), "num_images": 1000, "seed": seed}
        record["cosine"] = np.linspace(0, 1, 1000) + seed
        write_run("natural", {"pgd_20": record}, workdir=workdir)
    found = regress_one(tmp_path, paper, "accuracy")
    assert found.verdict == "above"
    assert found.evidence.startswith("+10.00 points [")
    assert regress_one(tmp_path, paper, "cosine").verdict == "shown only"


@pytest.mark.parametrize(
    ("gained", "lost", "verdict"), [(10, 2, "above"), (8, 3, "within")]
)
def test_mcnemar_decides_at_five_percent(
    tmp_path, paper, write_run, outcomes, gained, lost, verdict
):
    new = outcomes(500)
    new[:lost], new[500 : 500 + gained] = False, True  # mid-p of 0.02 and 0.15
    write_run("natural", {"clean": new})
    write_run("natural", {"clean": outcomes(500)}, workdir="old")
    assert regressed(tmp_path, paper)[1].verdict == verdict


def test_a_transfer_rate_changes_in_points(tmp_path, paper, write_run, outcomes):
    for workdir, right in (("runs", 300), ("old", 400)):
        record = {"survived": outcomes(right), "fooled": outcomes(600)}
        write_run("natural", {"pgd_20": record}, workdir=workdir)
    evidence = regress_one(tmp_path, paper, "transfer").evidence
    assert evidence.startswith("+16.67 points [")


def test_means_that_chance_moves_are_within(tmp_path, paper, write_run, outcomes):
    generator = np.random.default_rng(0)
    values, noise = generator.random(1000), generator.normal(size=1000)
    for workdir, moved in (("runs", 0.0), ("old", noise - noise.mean() + 1e-3)):
        record = {"survived": outcomes(300), "cosine": values + moved}
        write_run("natural", {"pgd_20": record}, workdir=workdir)
    assert regress_one(tmp_path, paper, "cosine").verdict == "within"


def test_the_largest_of_some_is_shown_beside_that_of_before(
    tmp_path, paper, write_run, outcomes
):
    for workdir in ("runs", "old"):
        write_run("natural", {"pgd_20": outcomes(400)}, workdir=workdir)
        write_run("free_4", {"pgd_20": outcomes(250)}, workdir=workdir)
    found = regress_one(tmp_path, paper, "error", among=(("free_4", "pgd_20"),))
    assert (found.verdict, found.measured.number) == ("shown only", 75.0)
    assert found.cell.recipe == "free_4"


@pytest.mark.parametrize("key", ["attack", "against"])
def test_another_attack_is_noted(tmp_path, paper, write_run, outcomes, key):
    asked = recipe.Evaluation(paper.evaluations["paper"]["pgd_20"].attack)
    asked = dataclasses.replace(asked, against=asked.attack)
    known = {**paper.evaluations["paper"], "pgd_20": asked}
    changed = dataclasses.replace(paper, evaluations={"paper": known})
    here = recipe.to_dict(asked.attack)
    for workdir, epsilon in (("runs", 4.0), ("old", 3.0)):
        record = {"survived": outcomes(500), "against": here}
        record[key] = {**here, "epsilon": epsilon}
        write_run("natural", {"pgd_20": record}, workdir=workdir)
    evidence = regress_one(tmp_path, changed, "accuracy").evidence
    assert evidence.endswith("; attacks differ: epsilon: 3.0 != 4.0")
