"""Assignments from the command line, and the difference of two records."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import overrides, recipe
from tests.parts import PARTS, Part


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
    changed = overrides.override(PARTS, [assignment])
    part, field = changed, path
    if "." in path:
        part, field = getattr(changed, path.split(".")[0]), path.split(".")[1]
    found = getattr(part, field)
    assert found == value and type(found) is type(value)
    difference = overrides.first_difference(
        recipe.to_dict(PARTS), recipe.to_dict(changed)
    )
    assert difference.startswith(path)


def test_assignments_apply_in_order_and_leave_the_recipe_alone():
    changed = overrides.override(
        PARTS, ["num_steps=5", "network.width=9", "num_steps=6"]
    )
    assert (changed.num_steps, changed.network.width) == (6, 9)
    assert (PARTS.num_steps, PARTS.network.width) == (30, 4)
    assert overrides.override(PARTS, []) == PARTS


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
        overrides.override(PARTS, [assignment])
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
    assert overrides.override(PARTS, assignments) == wanted


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
    assert overrides.first_difference(left, right) == difference
