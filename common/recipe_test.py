"""Recipes, papers and what the command line does to them."""

import dataclasses
import pathlib

import pytest

from common import attacks, recipe
from tests.parts import PARTS, Part

OTHER = dataclasses.replace(PARTS, seed=1)
DEEP = dataclasses.replace(PARTS, network=Part(width=8))


def test_to_dict_keeps_plain_values():
    assert recipe.to_dict(None) is None
    assert recipe.to_dict([1, (2.0, "x")]) == [1, [2.0, "x"]]
    assert recipe.to_dict(recipe.Evaluation())["attack"] is None


@pytest.mark.parametrize(
    "field", ["batch_size", "num_steps", "probe_every", "checkpoint_every"]
)
def test_counts_below_one_are_refused(field):
    with pytest.raises(ValueError, match=f"{field} must be a whole number.*{field}=0"):
        dataclasses.replace(PARTS, **{field: 0})


def test_grid_goes_row_by_row():
    rows, columns = {"Natural": "natural", "Free": "free_8"}, {"Clean": "clean"}
    columns["Minutes"] = recipe.TRAINING_TIME
    assert recipe.grid(rows, columns) == (
        recipe.Cell("Natural", "Clean", "natural", "clean"),
        recipe.Cell("Natural", "Minutes", "natural", recipe.TRAINING_TIME),
        recipe.Cell("Free", "Clean", "free_8", "clean"),
        recipe.Cell("Free", "Minutes", "free_8", recipe.TRAINING_TIME),
    )
    table = recipe.Table("t", "A table.", recipe.grid(rows, columns))
    assert table.rows == ("Natural", "Free")
    assert table.columns == ("Clean", "Minutes")


def test_a_cell_of_a_grid_has_the_number_of_its_column_or_row():
    rows, columns = {"a=1": "a", "b": "b"}, {"clean": "clean", "eps=2": "pgd"}
    cells = recipe.grid(rows, columns, x={"eps=2": 2.0, "a=1": 1.0}, panel="PGD")
    assert [cell.x for cell in cells] == [1.0, 2.0, None, 2.0]
    assert {cell.panel for cell in cells} == {"PGD"}


@dataclasses.dataclass(frozen=True)
class Claim:
    needs: tuple[tuple[str, str], ...]

    def at(self, scale):
        return self


def paper():
    columns = {
        "Clean": "clean",
        "PGD": "pgd_20",
        "Long": "pgd_100",
        "Minutes": recipe.TRAINING_TIME,
    }
    rows = {"Natural": "natural", "Free": "free_8", "Deep": "deep"}
    return recipe.Paper(
        name="free_at",
        title="A paper",
        recipes={
            "paper": {"natural": PARTS, "free_8": OTHER, "deep": DEEP},
            "small": {"natural": PARTS, "free_8": OTHER, "again": PARTS},
        },
        evaluations={
            "paper": {
                "clean": recipe.Evaluation(),
                "pgd_20": recipe.Evaluation(attacks.PGD(8.0, 2.0, 20)),
                "pgd_100": recipe.Evaluation(attacks.PGD(8.0, 2.0, 100)),
                "unasked": recipe.Evaluation(),
            },
            "small": {
                "clean": recipe.Evaluation(),
                "pgd_100": recipe.Evaluation(seed=1, only=("free_8",)),
                "fgsm": recipe.Evaluation(attacks.FGSM(8.0), only=("free_8",)),
                "ratio": recipe.Evaluation(attacks.FGSM(4.0), only=("again",)),
            },
        },
        tables=(
            recipe.Table("cifar10", "A table.", recipe.grid(rows, columns)),
            recipe.Table("again", "The same.", recipe.grid(rows, {"C": "clean"})),
            recipe.Table(
                "ratio",
                "A ratio.",
                recipe.grid(rows, {"R": "ratio"}, metric="ratio", other="clean"),
            ),
        ),
        claims=(Claim((("again", "fgsm"), ("free_8", "fgsm"))),),
        reported=pathlib.Path("reported.csv"),
    )


def test_a_scale_has_the_cells_whose_recipe_and_evaluation_it_has():
    table = paper().table("cifar10")
    assert len(paper().at("paper").cells(table)) == 12
    small = [(c.recipe, c.evaluation) for c in paper().at("small").cells(table)]
    assert small == [
        ("natural", "clean"),
        ("natural", "training_time"),
        ("free_8", "clean"),
        ("free_8", "pgd_100"),
        ("free_8", "training_time"),
    ]


@pytest.mark.parametrize(
    ("scale", "name", "needed"),
    [
        ("paper", "natural", ("clean", "pgd_20", "pgd_100")),
        ("small", "again", ("clean", "ratio")),
        ("small", "free_8", ("clean", "pgd_100", "fgsm")),
        ("small", "deep", ()),
    ],
)
def test_a_recipe_needs_what_tables_and_claims_ask_of_it_once(scale, name, needed):
    assert paper().at(scale).needed_evaluations(name) == needed


def test_an_evaluation_covers_all_recipes_or_those_it_names():
    assert recipe.Evaluation().covers("natural")
    assert recipe.Evaluation(only=("free_8",)).covers("free_8")
    assert not recipe.Evaluation(only=("free_8",)).covers("free_2")


@pytest.mark.parametrize(
    ("look_up", "message"),
    [
        (lambda: paper().at("smal").recipe("natural"), "scale of free_at.*: small"),
        (lambda: paper().at("small").recipe("natura"), "recipe of free_at.*: natural"),
        (lambda: paper().table("cifar1"), "table of free_at.*: cifar10"),
        (lambda: paper().at("papr").evaluations, "scale of free_at.*: paper"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(look_up, message):
    with pytest.raises(ValueError, match=message):
        look_up()


def test_equal_recipes_are_one_run():
    assert paper().at("small").run_name("again") == "natural"
    assert paper().at("small").run_name("free_8") == "free_8"
    assert paper().at("small").run_names == ("natural", "free_8")
    with pytest.raises(ValueError, match="Received: agin"):
        paper().at("small").run_name("agin")


def test_a_cell_of_two_evaluations_needs_both():
    cells = paper().at("small").cells(paper().table("ratio"))
    assert [(c.recipe, c.evaluations) for c in cells] == [
        ("natural", ("ratio", "clean"))
    ]
    assert cells[0].metric == "ratio"
    assert paper().at("paper").cells(paper().table("ratio")) == ()


def test_a_cell_is_the_largest_of_those_that_the_scale_has():
    others = (("free_8", "pgd_100"), ("deep", "clean"))
    largest = recipe.Cell("r", "c", "natural", "clean", among=others)
    named = [(cell.recipe, cell.evaluation) for cell in largest.candidates]
    assert named == [("natural", "clean"), *others]
    found = dataclasses.replace(paper(), tables=(recipe.Table("t", "T.", (largest,)),))
    for scale, count in (("paper", 3), ("small", 2)):
        (cell,) = found.at(scale).cells(found.tables[0])
        assert len(cell.candidates) == count
    assert found.at("small").needed_evaluations("free_8") == ("pgd_100", "fgsm")


def test_a_recipe_is_found_by_its_value():
    assert paper().at("small").name_of(PARTS) == "natural"
    with pytest.raises(ValueError, match="must be a recipe of free_at at scale small"):
        paper().at("small").name_of(DEEP)


@pytest.mark.parametrize("average", [-0.1, 1.0])
def test_an_average_that_never_moves_or_runs_away_is_refused(average):
    with pytest.raises(ValueError, match=f"in \\[0, 1\\). Received: average={average}"):
        dataclasses.replace(PARTS, average=average)
