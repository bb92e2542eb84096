"""Recipes, papers and what the command line does to them."""

import dataclasses
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import attacks, recipe
from common.training import method, optimizers, schedules


@dataclasses.dataclass(frozen=True)
class Part:
    width: int = 2
    scale: float = 1.5
    activation: str = "relu"
    drops: tuple[int, ...] = (1, 2)
    frozen: bool = False
    limit: Any = None


PARTS = recipe.Recipe(
    dataset=Part(),
    network=Part(width=4),
    method=method.Method(),
    optimizer=optimizers.Momentum(0.9),
    schedule=schedules.PiecewiseConstant((10, 20), (0.1, 0.01, 0.001)),
    batch_size=8,
    num_steps=30,
    l2=2e-4,
    probe=attacks.PGD(8.0, 2.0, 5),
)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("num_steps=100", "num_steps", 100),
        ("l2=0", "l2", 0.0),
        ("l2=1e-3", "l2", 1e-3),
        ("network.width=7", "network.width", 7),
        ("network.scale=2", "network.scale", 2.0),
        ("network.activation=gelu", "network.activation", "gelu"),
        ("network.activation=7", "network.activation", "7"),
        ("network.activation=a=b", "network.activation", "a=b"),
        ("network.drops=[3]", "network.drops", (3,)),
        ("network.frozen=true", "network.frozen", True),
        ("network.frozen=True", "network.frozen", True),
        ("network.limit=3", "network.limit", 3),
        ("probe.random_start=False", "probe.random_start", False),
        ("schedule.values=[1.0, 0.5, 0.25]", "schedule.values", (1.0, 0.5, 0.25)),
        ("optimizer.momentum=0", "optimizer.momentum", 0.0),
    ],
)
def test_an_assignment_sets_one_field_in_its_type(assignment, path, value):
    changed = recipe.override(PARTS, [assignment])
    part, field = changed, path
    if "." in path:
        part, field = getattr(changed, path.split(".")[0]), path.split(".")[1]
    found = getattr(part, field)
    assert found == value and type(found) is type(value)
    difference = recipe.first_difference(recipe.to_dict(PARTS), recipe.to_dict(changed))
    assert difference.startswith(path)


def test_assignments_apply_in_order_and_leave_the_recipe_alone():
    changed = recipe.override(PARTS, ["num_steps=5", "network.width=9", "num_steps=6"])
    assert (changed.num_steps, changed.network.width) == (6, 9)
    assert (PARTS.num_steps, PARTS.network.width) == (30, 4)
    assert recipe.override(PARTS, []) == PARTS


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("num_steps", "field=value. Received: num_steps"),
        ("num_step=3", "Received: num_step. Nearest: num_steps"),
        ("network.witdh=3", "Received: witdh. Nearest: width"),
        ("network=3", "type Part. Received: --set network=3"),
        ("num_steps.x=3", "num_steps has no fields"),
        ("num_steps=ten", "as JSON. Received: --set num_steps=ten"),
        ("num_steps=", "as JSON"),
        ("num_steps=1.5", "type int. Received: --set num_steps=1.5"),
        ("num_steps=true", "type int"),
        ("num_steps=0", "num_steps=0"),
        ("l2=[1]", "type float"),
        ("l2=true", "type float"),
        ("l2=-1", "l2=-1"),
        ("l2=NaN", "l2=nan"),
        ("network.frozen=1", "type bool"),
        ("network.drops=3", "type tuple"),
        ("probe.epsilon=0.03", "epsilon=0.03"),
    ],
)
def test_an_assignment_that_does_not_fit_says_why(assignment, message):
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        recipe.override(PARTS, [assignment])
    assert message in str(error.value)


@given(
    width=st.integers(-(10**9), 10**9),
    scale=st.floats(allow_nan=False, allow_infinity=False),
    drops=st.lists(st.integers(0, 10**6), max_size=4),
    activation=st.text(),
)
def test_to_dict_reads_back_from_json_and_through_override(
    width, scale, drops, activation
):
    wanted = dataclasses.replace(
        PARTS, network=Part(width, scale, activation, tuple(drops))
    )
    record = recipe.to_dict(wanted)
    assert json.loads(json.dumps(record)) == record
    assert record["type"] == "Recipe" and record["network"]["type"] == "Part"
    assert record["network"]["drops"] == drops
    fields = {"width": width, "scale": scale, "drops": drops}
    assignments = [f"network.{name}={json.dumps(v)}" for name, v in fields.items()]
    assignments.append(f"network.activation={activation}")
    assert recipe.override(PARTS, assignments) == wanted


def test_to_dict_keeps_plain_values():
    assert recipe.to_dict(None) is None
    assert recipe.to_dict([1, (2.0, "x")]) == [1, [2.0, "x"]]
    assert recipe.to_dict(recipe.Evaluation())["attack"] is None


@pytest.mark.parametrize(
    ("left", "right", "difference"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, "a: 1 != 2"),
        ({"a": {"b": 1, "c": 3}}, {"a": {"b": 1, "c": 4}}, "a.c: 3 != 4"),
        ({"a": 1}, {}, "a: 1 != None"),
        ({}, {"b": 2}, "b: None != 2"),
        ({"a": 1, "b": 2}, {"b": 3, "a": 4}, "a: 1 != 4"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "a: [1, 2] != [1, 3]"),
        ({"a": {"b": 1}}, {"a": 1}, "a: {'b': 1} != 1"),
    ],
)
def test_the_first_difference_is_named_by_its_path(left, right, difference):
    assert recipe.first_difference(left, right) == difference


def test_lookup_names_the_nearest_or_all():
    known = {"cifar10_free_8": 1, "cifar10_natural": 2}
    assert recipe.lookup(known, "cifar10_natural", "recipe") == 2
    with pytest.raises(ValueError) as error:
        recipe.lookup(known, "cifar10_free8", "recipe")
    assert str(error.value) == (
        "Unknown recipe. Received: cifar10_free8. Nearest: cifar10_free_8"
    )
    with pytest.raises(ValueError, match="Known: cifar10_free_8, cifar10_natural"):
        recipe.lookup(known, "zzz", "recipe")


@pytest.mark.parametrize(
    "field", ["batch_size", "num_steps", "probe_every", "checkpoint_every"]
)
def test_counts_below_one_are_refused(field):
    with pytest.raises(ValueError, match=f"{field} must be at least 1.*{field}=0"):
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


@dataclasses.dataclass(frozen=True)
class Claim:
    needs: tuple[tuple[str, str], ...]


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
            "paper": {"natural": PARTS, "free_8": PARTS, "deep": PARTS},
            "small": {"natural": PARTS, "free_8": PARTS},
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
            },
        },
        tables=(
            recipe.Table("cifar10", "A table.", recipe.grid(rows, columns)),
            recipe.Table("again", "The same.", recipe.grid(rows, {"C": "clean"})),
        ),
        claims=(Claim((("natural", "fgsm"), ("free_8", "fgsm"))),),
        reported=pathlib.Path("reported.csv"),
    )


def test_a_scale_has_the_cells_whose_recipe_and_evaluation_it_has():
    table = paper().table("cifar10")
    assert len(paper().cells("paper", table)) == 12
    small = [(c.recipe, c.evaluation) for c in paper().cells("small", table)]
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
        ("paper", "deep", ("clean", "pgd_20", "pgd_100")),
        ("small", "natural", ("clean",)),
        ("small", "free_8", ("clean", "pgd_100", "fgsm")),
        ("small", "deep", ()),
    ],
)
def test_a_recipe_needs_what_tables_and_claims_ask_of_it_once(scale, name, needed):
    assert paper().needed_evaluations(scale, name) == needed


def test_an_evaluation_covers_all_recipes_or_those_it_names():
    assert recipe.Evaluation().covers("natural")
    assert recipe.Evaluation(only=("free_8",)).covers("free_8")
    assert not recipe.Evaluation(only=("free_8",)).covers("free_2")


@pytest.mark.parametrize(
    ("look_up", "message"),
    [
        (lambda: paper().recipe("smal", "natural"), "scale of free_at.*: small"),
        (lambda: paper().recipe("small", "natura"), "recipe of free_at.*: natural"),
        (lambda: paper().table("cifar1"), "table of free_at.*: cifar10"),
        (lambda: paper().evaluations_at("papr"), "scale of free_at.*: paper"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(look_up, message):
    with pytest.raises(ValueError, match=message):
        look_up()


def test_a_known_name_is_found():
    assert paper().recipe("small", "natural") is PARTS
    assert paper().table("again").title == "The same."
