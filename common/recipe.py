"""What is trained, how it is judged, and what a paper hands to the commands.

A `Recipe` decides a trained network and an `Evaluation` how it is judged; both are
frozen values made of parts that build themselves, so that `to_dict` of either is its
record. A `Table` puts recipes in rows and evaluations in columns, as the paper prints
them, and a `Paper` is what a paper package hands to `common.cli`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

TRAINING_TIME = "training_time"  # the evaluation name of cells that report minutes


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides a trained network.

    Attributes:
      dataset: a part of `common.data`; gives training and test batches.
      network: a part of `common.models`; its `build` returns a `keras.Model`.
      method: the training algorithm, a `common.training.Method`.
      optimizer: a part of `common.training.optimizers`.
      schedule: the learning rate, a part of `common.training.schedules`.
      batch_size: images per update over all replicas.
      num_steps: updates of the weights; every replay of a minibatch is one.
      l2: factor of half the squared norm of the kernels in the loss.
      probe: the attack of the robustness probe, or None for no probe.
      probe_every: updates between two probes.
      checkpoint_every: updates between two checkpoints.
      seed: decides initial weights, order, augmentation and random starts.
    """

    dataset: Any
    network: Any
    method: Any
    optimizer: Any
    schedule: Any
    batch_size: int
    num_steps: int
    l2: float = 0.0
    probe: Any = None
    probe_every: int = 1_000
    checkpoint_every: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("batch_size", "num_steps", "probe_every", "checkpoint_every")
        for field, low in {**dict.fromkeys(counts, 1), "l2": 0, "seed": 0}.items():
            value = getattr(self, field)
            if not low <= value < 2**32:
                raise ValueError(
                    f"Recipe.{field} must be at least {low} and below 2**32. "
                    f"Received: {field}={value}"
                )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One column of a table.

    Attributes:
      attack: from `common.attacks`, or None for clean images.
      seed: of the attack.
      only: names of the recipes it is run on; every one if empty.
    """

    attack: Any = None
    seed: int = 0
    only: tuple[str, ...] = ()

    def covers(self, recipe: str) -> bool:
        """Whether it is run on the recipe of that name."""
        return not self.only or recipe in self.only


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number of a table: which recipe under which evaluation.

    `recipe` and `evaluation` are names in the paper's presets; the evaluation name
    `TRAINING_TIME` stands for the minutes that the training took.
    """

    row: str
    column: str
    recipe: str
    evaluation: str


@dataclasses.dataclass(frozen=True)
class Table:
    """A table or figure of the paper.

    Attributes:
      name: as in `reported.csv` and on the command line, such as `cifar10`.
      title: one line for the report.
      cells: every cell, row by row.
      plot: `bars` (reported beside measured), `epsilon` or `steps` (accuracy against
        the number that the column or row heading ends with).
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    plot: str = "bars"

    @property
    def rows(self) -> tuple[str, ...]:
        """Row headings in the order of their first cell."""
        return tuple(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> tuple[str, ...]:
        """Column headings in the order of their first cell."""
        return tuple(dict.fromkeys(cell.column for cell in self.cells))


def grid(rows: Mapping[str, str], columns: Mapping[str, str]) -> tuple[Cell, ...]:
    """Returns the cells of a full table.

    Args:
      rows: row heading to recipe name.
      columns: column heading to evaluation name.
    """
    return tuple(
        Cell(row, column, recipe, evaluation)
        for row, recipe in rows.items()
        for column, evaluation in columns.items()
    )


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper package as one value: what `common.cli` needs to run it.

    Attributes:
      name: the package's name.
      title: the paper's title.
      recipes: scale -> recipe name -> `Recipe`.
      evaluations: scale -> evaluation name -> `Evaluation`.
      tables: the paper's tables and figures, at every scale; a cell whose recipe or
        evaluation a scale lacks is left out there.
      claims: `common.results.claims.Claim` values.
      reported: path of `reported.csv`.
    """

    name: str
    title: str
    recipes: Mapping[str, Mapping[str, Recipe]]
    evaluations: Mapping[str, Mapping[str, Evaluation]]
    tables: tuple[Table, ...]
    claims: tuple[Any, ...]
    reported: pathlib.Path

    def recipe(self, scale: str, name: str) -> Recipe:
        """Returns the recipe, or raises a ValueError that names the nearest."""
        return lookup(self.recipes_at(scale), name, f"recipe of {self.name}")

    def table(self, name: str) -> Table:
        """Returns the table, or raises a ValueError that names the nearest."""
        tables = {table.name: table for table in self.tables}
        return lookup(tables, name, f"table of {self.name}")

    def recipes_at(self, scale: str) -> Mapping[str, Recipe]:
        """Returns the recipes of a scale by name."""
        return lookup(self.recipes, scale, f"scale of {self.name}")

    def evaluations_at(self, scale: str) -> Mapping[str, Evaluation]:
        """Returns the evaluations of a scale by name."""
        return lookup(self.evaluations, scale, f"scale of {self.name}")

    def cells(self, scale: str, table: Table) -> tuple[Cell, ...]:
        """Returns the cells of a table that exist at a scale."""
        known = {TRAINING_TIME: Evaluation(), **self.evaluations_at(scale)}
        return tuple(
            cell
            for cell in table.cells
            if cell.recipe in self.recipes_at(scale)
            and cell.evaluation in known
            and known[cell.evaluation].covers(cell.recipe)
        )

    def needed_evaluations(self, scale: str, recipe: str) -> tuple[str, ...]:
        """Returns the evaluations that tables and claims ask of a recipe."""
        pairs = [
            (cell.recipe, cell.evaluation)
            for table in self.tables
            for cell in self.cells(scale, table)
        ]
        pairs += [pair for claim in self.claims for pair in claim.needs]
        known = self.evaluations_at(scale)
        names = dict.fromkeys(e for r, e in pairs if r == recipe and e in known)
        return tuple(name for name in names if known[name].covers(recipe))


def lookup(known: Mapping[str, Any], name: str, kind: str) -> Any:
    """Returns `known[name]`, or raises a ValueError that names the nearest."""
    if name not in known:
        raise ValueError(unknown(known, name, kind))
    return known[name]


def unknown(known: Iterable[str], name: str, kind: str) -> str:
    """Returns the message for a name that is not among the known ones."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
    hint = f"Nearest: {near[0]}" if near else f"Known: {', '.join(names)}"
    return f"Unknown {kind}. Received: {name}. {hint}"


def to_dict(value: Any) -> Any:
    """Returns a dataclass as JSON values, with the name of its class under `type`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
        return {"type": type(value).__name__, **fields}
    if isinstance(value, (tuple, list)):
        return [to_dict(item) for item in value]
    return value


def override(recipe: Any, assignments: Iterable[str]) -> Any:
    """Returns the recipe with `field=value` assignments applied.

    Args:
      recipe: any nested dataclass.
      assignments: such as `method.epsilon=4` or `num_steps=100`. The value is read
        with the type of the field's present value.

    Raises:
      ValueError: unknown field, or a value that the field's type does not read.
    """
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator:
            raise ValueError(f"--set takes field=value. Received: {assignment}")
        recipe = _replace(recipe, path.split("."), text, assignment)
    return recipe


def first_difference(left: Any, right: Any, path: str = "") -> str | None:
    """Returns `path: left != right` of the first difference of two JSON values."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            found = first_difference(
                left.get(key), right.get(key), f"{path}.{key}".strip(".")
            )
            if found:
                return found
        return None
    return None if left == right else f"{path}: {left} != {right}"


def _replace(part: Any, path: list[str], text: str, assignment: str) -> Any:
    names = [field.name for field in dataclasses.fields(part)]
    if path[0] not in names:
        raise ValueError(unknown(names, path[0], f"field in --set {assignment}"))
    current = getattr(part, path[0])
    if len(path) > 1:
        if not dataclasses.is_dataclass(current):
            raise ValueError(f"{path[0]} has no fields. Received: --set {assignment}")
        value = _replace(current, path[1:], text, assignment)
    else:
        value = _parse(current, text, assignment)
    return dataclasses.replace(part, **{path[0]: value})


def _parse(current: Any, text: str, assignment: str) -> Any:
    """Reads text as a value of the type of the present value."""
    if isinstance(current, str):
        return text
    try:
        value = json.loads(text.lower() if text in ("True", "False") else text)
    except json.JSONDecodeError:
        raise ValueError(
            f"Cannot read the value as JSON. Received: --set {assignment}"
        ) from None
    return _typed(current, value, assignment)


def _typed(current: Any, value: Any, assignment: str) -> Any:
    if isinstance(current, tuple) and isinstance(value, list):
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
