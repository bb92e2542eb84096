"""Which images count, which of the own attacks is the strongest, and the points."""

import dataclasses

import numpy as np
import pytest

from common import recipe
from common.data.digits import Digits
from common.evaluation import sampling
from common.results import overstated

TOTAL = Digits.num_test
DRAWN = 100
OWN = ("fgsm", "pgd_20", "pgd_100")
SAMPLE = sampling.sample(TOTAL, DRAWN, 0)  # the images that AutoAttack saw


@pytest.fixture
def drawing(paper):
    """Returns the paper on digits, with AutoAttack of some of the images."""
    known = paper.evaluations["small"] | recipe.autoattacks(4.0, num_images=DRAWN)
    recipes = {
        name: dataclasses.replace(value, dataset=Digits())
        for name, value in paper.recipes["small"].items()
    }
    return dataclasses.replace(
        paper, recipes={"small": recipes}, evaluations={"small": known}
    )


@pytest.fixture
def lines(drawing, results):
    """Returns a function: the table's lines by recipe."""

    def read(*names):
        head, *found = overstated.lines(results("small", of=drawing), names)
        return {name: dict(zip(head[1:], rest, strict=True)) for name, *rest in found}

    return read


def drawn(survived, num_images=DRAWN, seed=0):
    """Returns outcomes of all images, as a record of those that the seed draws."""
    positions = sampling.sample(TOTAL, num_images, seed)
    return {"survived": survived[positions], "num_images": num_images, "seed": seed}


def test_the_strongest_attack_is_counted_on_the_images_that_autoattack_saw(
    lines, write_run
):
    seen = np.isin(np.arange(TOTAL), SAMPLE)
    right = np.ones(TOTAL, bool)
    weak, strong, worst = right.copy(), right.copy(), right.copy()
    weak[~seen] = False  # fewest of all images, but not of those
    strong[SAMPLE[:40]] = worst[SAMPLE[:70]] = False
    write_run(
        "natural",
        {
            "clean": right,
            "fgsm": weak,
            "pgd_20": drawn(strong, 2 * DRAWN),  # of which AutoAttack's are some
            "autoattack": drawn(worst),
        },
        scale="small",
    )
    write_run("free_4", {"clean": right, "fgsm": weak}, scale="small")
    (row,) = lines(*OWN).values()
    assert row["clean"] == "100.0 [96.3, 100.0]"
    assert row["strongest that was run"] == "pgd_20"
    assert row["under it"].startswith("60.0 [")
    assert row["AutoAttack"].startswith("30.0 [")
    assert row["overstated by"].startswith("+30.0 [+")
    assert "AutoAttack, quick" not in row


def test_the_shortcut_has_a_column_where_it_was_run(lines, write_run):
    worst = np.arange(TOTAL) % 10 < 2
    right = worst.copy()
    right[np.flatnonzero(~worst & np.isin(np.arange(TOTAL), SAMPLE))[:3]] = True
    found = {"autoattack": drawn(worst)}
    write_run("natural", found | {"autoattack_quick": drawn(right)}, scale="small")
    write_run("free_4", found, scale="small")
    table = lines(*OWN)
    accuracy, _, rest = table["natural"]["AutoAttack, quick"].partition(" ")
    assert float(accuracy) == right[SAMPLE].sum()
    assert rest.endswith("], +3")
    assert table["free_4"]["AutoAttack, quick"] == ""


def test_an_attack_on_other_images_does_not_count(lines, write_run):
    right = np.ones(TOTAL, bool)
    others = {"pgd_20": drawn(~right, seed=1), "autoattack": drawn(right)}
    write_run("natural", others, scale="small")
    (row,) = lines(*OWN).values()
    assert row["strongest that was run"] == "not run"
    assert row["overstated by"] == row["under it"] == row["clean"] == ""
    assert row["AutoAttack"] == "100.0 [96.3, 100.0]"


def test_each_attacked_branch_has_a_line_of_its_own_attacks(
    drawing, results, write_run
):
    known = drawing.evaluations["small"]
    through = {
        f"{name}_adv": dataclasses.replace(known[name], branch="adversarial")
        for name in ("clean", "pgd_20", "autoattack", "autoattack_quick")
    }
    both = dataclasses.replace(drawing, evaluations={"small": known | through})
    clean, right, worst = (np.arange(TOTAL) % 10 < tenths for tenths in (9, 5, 2))
    all_right = np.ones(TOTAL, bool)
    write_run(
        "natural",
        {
            "clean": all_right,
            "pgd_20": all_right,
            "autoattack": drawn(all_right),
            "clean_adv": clean,
            "pgd_20_adv": right,
            "autoattack_adv": drawn(worst) | {"branch": "adversarial"},
            "autoattack_quick_adv": drawn(right) | {"branch": "adversarial"},
        },
        scale="small",
    )
    names = ("pgd_20", "pgd_20_adv")
    _, main, branch = overstated.lines(results("small", of=both), names)
    assert main[:3] == ("natural", "100.0 [96.3, 100.0]", "pgd_20")
    assert main[5].startswith("+0.0 [")
    assert main[6] == ""
    assert branch[0] == "natural, adversarial branch"
    assert branch[2] == "pgd_20_adv"
    counts = [f"{array[SAMPLE].sum()}.0" for array in (clean, right, worst, right)]
    assert [branch[at].partition(" ")[0] for at in (1, 3, 4, 6)] == counts


def test_without_a_record_there_is_no_table(drawing, results, write_run, outcomes):
    write_run("natural", {"fgsm": outcomes(5)}, scale="small")
    assert overstated.lines(results("small", of=drawing), OWN) == []


def test_without_own_attacks_of_the_radius_there_is_no_column_about_them(
    drawing, results, write_run, outcomes
):
    worst = {"survived": outcomes(50, DRAWN), "num_images": DRAWN, "seed": 0}
    write_run("natural", {"autoattack": worst}, scale="small")
    head, (name, clean, found) = overstated.lines(results("small", of=drawing), ())
    assert head == ("recipe", "clean", "AutoAttack")
    assert (name, clean) == ("natural", "") and found.startswith("50.0 [")


def test_attacks_have_to_be_known(drawing, results):
    found = results("small", of=drawing)
    with pytest.raises(ValueError, match="Nearest: pgd_20"):
        overstated.lines(found, ("pgd_2",))


def test_attacks_have_to_be_of_the_radius_of_autoattack(drawing, results):
    found = results("small", of=drawing)
    with pytest.raises(ValueError, match=r"of AutoAttack, 4. Received: pgd_20_eps2"):
        overstated.lines(found, ("pgd_20_eps2",))
