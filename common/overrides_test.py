"""Assignments from the command line, and the difference of two records."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import overrides, recipe
from common.training import schedules
from tests.parts import PARTS, Part


@dataclasses.dataclass(frozen=True)
class Deep:
    """Parts within parts, alone and in a tuple, that came over time."""

    depth: int
    width: int = 2
    part: Part = PARTS.dataset
    parts: tuple[Part, ...] = ()
    names: tuple[str, ...] = dataclasses.field(default_factory=lambda: ("clean",))
    again: Part | None = None


VALUES = st.builds(
    Deep,
    depth=st.integers(0, 1),
    width=st.integers(1, 3),
    part=(PART := st.builds(Part, st.integers(1, 3), st.sampled_from([1.5, 2.0]))),
    parts=st.lists(PART, max_size=2).map(tuple),
    names=st.sampled_from([("clean",), ("clean", "adversarial")]),
    again=st.none() | PART,
)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("l2=0", "l2", 0.0),
        ("network.width=7", "network.width", 7),
        ("network.scale=2", "network.scale", 2.0),
        ("network.activation=gelu", "network.activation", "gelu"),
        ("network.activation=7", "network.activation", "7"),
        ("network.activation=a=b", "network.activation", "a=b"),
        ("network.drops=[3]", "network.drops", (3,)),
        ("network.frozen=true", "network.frozen", True),
        ("network.after=3", "network.after", 3),
        ("probe=null", "probe", None),
        ("probe.random_start=False", "probe.random_start", False),
        ("schedule.values=[1.0, 0.5, 0.25]", "schedule.values", (1.0, 0.5, 0.25)),
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
        ("num_steps=1.5", "type int. Received: --set num_steps=1.5"),
        ("l2=[1]", "type float"),
        ("network.drops=[1, [2]]", "type int"),
        ("l2=-1", "l2=-1"),
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
        ({"a": 1}, {}, "a: 1 != (no such field)"),
        ({"a": 1, "b": 2}, {"b": 3, "a": 4}, "a: 1 != 4"),
        ({"a": {"b": 1}}, {"a": 1}, "a: {'b': 1} != 1"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "a[1].b: 2 != 3"),
        ({"a": [1]}, {"a": [1, 2]}, "a: [1] != [1, 2]"),
    ],
)
def test_the_first_difference_is_named_by_its_path(left, right, difference):
    assert overrides.first_difference(left, right) == difference


def fields_of(value):
    """Yields the dictionary of each dataclass in a record, and the dataclass."""

    def walk(value, record):
        if dataclasses.is_dataclass(value):
            yield record, value
            for field in dataclasses.fields(value):
                yield from walk(getattr(value, field.name), record[field.name])
        if isinstance(value, tuple):
            for item, part in zip(value, record, strict=True):
                yield from walk(item, part)

    record = recipe.to_dict(value)
    return record, [
        (entries, field, getattr(part, field.name) == default_of(field))
        for entries, part in walk(value, record)
        for field in dataclasses.fields(part)
    ]


def default_of(field):
    return ("clean",) if field.name == "names" else field.default


def same(record, value):
    filled = overrides.completed(record, value)
    found = overrides.first_difference(filled, recipe.to_dict(value))
    assert (found is None) == (filled == recipe.to_dict(value))
    return found is None


@given(value=VALUES, data=st.data())
def test_a_record_from_before_any_fields_at_their_defaults_is_of_the_value(value, data):
    record, entries = fields_of(value)
    defaults = [entry for entry in entries if entry[2]]
    gone = data.draw(st.sets(st.integers(0, 30))) if defaults else ()
    for index in gone:
        if index < len(defaults):
            defaults[index][0].pop(defaults[index][1].name, None)
    before = json.dumps(record)
    assert same(json.loads(before), value)
    overrides.completed(record, value)
    assert json.dumps(record) == before  # it is left as it was


@given(value=VALUES, data=st.data())
def test_a_record_without_a_field_that_is_not_at_its_default_differs(value, data):
    record, entries = fields_of(value)
    others = [entry for entry in entries if not entry[2]]
    entries, field, _ = data.draw(st.sampled_from(others))  # depth is always among them
    del entries[field.name]
    assert not same(record, value)


@given(value=VALUES, data=st.data(), left=st.none() | st.integers())
def test_a_record_with_a_field_that_left_or_of_another_value_differs(value, data, left):
    record, entries = fields_of(value)
    entries, field, _ = data.draw(st.sampled_from(entries))
    if data.draw(st.booleans()):
        entries["synchronized"] = left
    else:
        entries[field.name] = "another"
    assert not same(record, value)


@pytest.mark.parametrize("record", [None, 3, [], [{}], {}, {"type": "Part"}])
def test_what_is_no_record_of_the_value_is_not_made_one(record):
    value = Deep(1, parts=(Part(7), Part()))
    assert not same(record, value) and not same({"parts": record}, value)
    assert overrides.completed(record, None) == record


def test_the_record_of_another_class_differs_in_the_type():
    record = recipe.to_dict(Part())
    value = Deep(1)
    found = overrides.first_difference(
        overrides.completed(record, value), recipe.to_dict(value)
    )
    assert found == "type: Part != Deep"


def test_a_record_of_before_agrees_and_one_of_another_value_does_not():
    record = recipe.to_dict(PARTS.dataset)
    assert overrides.agrees(record, PARTS.dataset)
    later = {key: value for key, value in record.items() if key != "frozen"}
    assert overrides.agrees(later, PARTS.dataset)
    assert not overrides.agrees({**record, "width": 7}, PARTS.dataset)
    assert overrides.agrees(3, 3) and not overrides.agrees(None, 3)


def test_fields_that_need_each_other_are_set_together():
    schedule = schedules.PiecewiseConstant((8, 12), (0.1, 0.01, 0.001))
    recipe = dataclasses.replace(PARTS, schedule=schedule)
    assignments = ["schedule.boundaries=[4]", "schedule.values=[0.2, 0.1]", "l2=0.5"]
    for order in (assignments, assignments[::-1]):
        changed = overrides.override(recipe, order)
        assert changed.schedule == schedules.PiecewiseConstant((4,), (0.2, 0.1))
        assert changed.l2 == 0.5
    for both in (["probe=null", "probe.epsilon=4"], ["probe.epsilon=4", "probe=null"]):
        with pytest.raises(ValueError, match="probe is set as a whole, too"):
            overrides.override(recipe, both)
    with pytest.raises(ValueError, match="one value more"):
        overrides.override(recipe, assignments[:1])


def test_a_part_that_is_not_there_takes_no_number():
    recipe = dataclasses.replace(PARTS, probe=None)
    with pytest.raises(ValueError, match=r"stays null here.*--set probe=5"):
        overrides.override(recipe, ["probe=5"])
    assert overrides.override(recipe, ["probe=null"]) == recipe
