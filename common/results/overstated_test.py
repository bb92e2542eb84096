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
    sample = sampling.sample(TOTAL, DRAWN, 0)
    seen = np.isin(np.arange(TOTAL), sample)
    right = np.ones(TOTAL, bool)
    weak, strong, worst = right.copy(), right.copy(), right.copy()
    weak[~seen] = False  # fewest of all images, but not of those
    strong[sample[:40]] = worst[sample[:70]] = False
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
    assert row["the paper's strongest"] == "pgd_20"
    assert row[""].startswith("60.0 [")
    assert row["AutoAttack"].startswith("30.0 [")
    assert row["overstated by"].startswith("+30.0 [+")


def test_an_attack_on_other_images_does_not_count(lines, write_run):
    right = np.ones(TOTAL, bool)
    others = {"pgd_20": drawn(~right, seed=1), "autoattack": drawn(right)}
    write_run("natural", others, scale="small")
    (row,) = lines(*OWN).values()
    assert row["the paper's strongest"] == "not run"
    assert row["overstated by"] == row[""] == row["clean"] == ""
    assert row["AutoAttack"] == "100.0 [96.3, 100.0]"


def test_without_a_record_there_is_no_table(drawing, results, write_run, outcomes):
    write_run("natural", {"fgsm": outcomes(5)}, scale="small")
    assert overstated.lines(results("small", of=drawing), OWN) == []


def test_attacks_have_to_be_named(drawing, results):
    found = results("small", of=drawing)
    with pytest.raises(ValueError, match="Name the paper's own attacks"):
        overstated.lines(found, ())
    with pytest.raises(ValueError, match="Nearest: pgd_20"):
        overstated.lines(found, ("pgd_2",))
