"""Recipes changed field by field from the command line, and what differs in two.

Recipes and attacks get new fields over time. The default of a new field is what was
done before the field existed. So a record without the field counts as one with the
default, and `completed` fills it in before a record and a value are compared.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Iterable
from typing import Any

from common import recipe as recipes
from common.names import unknown

ABSENT = "(no such field)"


def override(recipe: Any, assignments: Iterable[str]) -> Any:
    """Returns the recipe with `field=value` assignments applied.

    Args:
      recipe: any nested dataclass.
      assignments: such as `method.epsilon=4` or `num_steps=100`. The value is read
        with the type of the field's present value, and `null` as None where a field
        may have that.

    Raises:
      ValueError: unknown field, or a value that the field's type does not read.
    """
    parsed = []
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator:
            raise ValueError(f"--set takes field=value. Received: {assignment}")
        parsed.append((path.split("."), text, assignment))
    return _replaced(recipe, parsed) if parsed else recipe


def first_difference(left: Any, right: Any, path: str = "") -> str | None:
    """Returns `path: left != right` of the first difference of two JSON values."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            found = first_difference(
                left.get(key, ABSENT),
                right.get(key, ABSENT),
                f"{path}.{key}".strip("."),
            )
            if found:
                return found
        return None
    lists = isinstance(left, list) and isinstance(right, list)
    if lists and len(left) == len(right):
        for place, parts in enumerate(zip(left, right, strict=True)):
            if found := first_difference(*parts, f"{path}[{place}]"):
                return found
        return None
    return None if left == right else f"{path}: {left} != {right}"


def agrees(record: Any, value: Any) -> bool:
    """Whether a record is that of a value, up to fields that came later."""
    return completed(record, value) == recipes.to_dict(value)


def completed(record: Any, value: Any) -> Any:
    """Returns a record with the fields of `value` that came after it, at any depth.

    Args:
      record: JSON values, as `recipe.to_dict` gave them when the record was written.
      value: what is here; a field that the record lacks is filled in where it is at its
        default here, and stays absent where it is not.
    """
    lists = isinstance(record, list) and isinstance(value, tuple | list)
    if lists and len(record) == len(value):
        return [completed(*pair) for pair in zip(record, value, strict=True)]
    if not (isinstance(record, dict) and dataclasses.is_dataclass(value)):
        return record
    filled = dict(record)
    for field in recipes.fields(value):
        here = getattr(value, field.name)
        if field.name in record:
            filled[field.name] = completed(record[field.name], here)
        elif here == _default(field):
            filled[field.name] = recipes.to_dict(here)
    return filled


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is dataclasses.MISSING:
        return field.default
    return field.default_factory()


def _replaced(part: Any, assignments: list[tuple[list[str], str, str]]) -> Any:
    """Returns a part with all assignments at once, since fields may need each other.

    Args:
      part: a dataclass.
      assignments: of each the path below the part, the text, and what was given.
    """
    names = [field.name for field in recipes.fields(part)]
    below: dict[str, list[Any]] = {}
    values = {}
    for (name, *path), text, assignment in assignments:
        if name not in names:
            raise ValueError(unknown(names, name, f"field in --set {assignment}"))
        current = getattr(part, name)
        if not path:
            values[name] = _parse(current, text, assignment, _kinds(part, name))
        elif not dataclasses.is_dataclass(current):
            raise ValueError(f"{name} has no fields. Received: --set {assignment}")
        else:
            below.setdefault(name, []).append((path, text, assignment))
    for name, inner in below.items():
        if name in values:
            raise ValueError(
                f"{name} is set as a whole, too. Received: --set {inner[0][2]}"
            )
        values[name] = _replaced(getattr(part, name), inner)
    return dataclasses.replace(part, **values)


def _kinds(part: Any, name: str) -> set[Any]:
    """Returns the types of a field: those of its annotation, and of its default."""
    hint = typing.get_type_hints(type(part))[name]
    (field,) = (field for field in dataclasses.fields(part) if field.name == name)
    default = {types.NoneType} if _default(field) is None else set()
    return {*(typing.get_args(hint) or (hint,)), *default}


def _parse(current: Any, text: str, assignment: str, kinds: set[Any]) -> Any:
    """Reads text as a value of the type of the present value, or of the field's."""
    if text in ("null", "None") and types.NoneType in kinds:
        return None
    if isinstance(current, str):
        return text
    try:
        value = json.loads(text.lower() if text in ("True", "False") else text)
    except json.JSONDecodeError:
        raise ValueError(
            f"Cannot read the value as JSON. Received: --set {assignment}"
        ) from None
    if current is None:
        (kind,) = kinds - {types.NoneType}
        if kind is Any:
            raise ValueError(f"The field stays null here. Received: --set {assignment}")
        current = kind()
    return _typed(current, value, assignment)


def _typed(current: Any, value: Any, assignment: str) -> Any:
    if isinstance(current, tuple) and isinstance(value, list):
        if value and not current:
            raise ValueError(f"The field stays empty. Received: --set {assignment}")
        like = current[0] if current else None
        return tuple(_typed(like, item, assignment) for item in value)
    if isinstance(current, float) and type(value) is int:
        return float(value)
    if current is not None and type(value) is not type(current):
        raise ValueError(
            f"Expected a value of type {type(current).__name__}. "
            f"Received: --set {assignment}"
        )
    return value
