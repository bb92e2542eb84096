"""What is trained, how it is judged, and what a paper hands to the commands.

A `Recipe` decides a trained network and an `Evaluation` how it is judged; both are
frozen values made of parts that build themselves, so that `to_dict` of either is its
record. A `Table` puts recipes in rows and evaluations in columns, as the paper prints
them, and a `Paper` is what a paper package hands to `common.cli`.
"""

from __future__ import annotations

import dataclasses
import itertools
import numbers
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from common.attacks import ensembles
from common.names import lookup

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
      average: decay of the moving average of all weights and statistics, from which
        the network is evaluated; 0 for none. See `common.training.average`.
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
    average: float = 0.0
    probe: Any = None
    probe_every: int = 1_000
    checkpoint_every: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("batch_size", "num_steps", "probe_every", "checkpoint_every")
        for field, low in {**dict.fromkeys(counts, 1), "l2": 0, "seed": 0}.items():
            kind: Any = numbers.Real if field == "l2" else numbers.Integral
            value: Any = getattr(self, field)
            if not (isinstance(value, kind) and low <= value < 2**32):
                a_number = "a number" if field == "l2" else "a whole number"
                raise ValueError(
                    f"Recipe.{field} must be {a_number}, at least {low} and below "
                    f"2**32. Received: {field}={value}"
                )
        if not 0.0 <= self.average < 1.0:
            raise ValueError(
                f"Recipe.average must be in [0, 1). Received: average={self.average}"
            )


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """One column of a table.

    Attributes:
      attack: from `common.attacks`, or None for clean images.
      seed: of the attack.
      only: names of the recipes it is run on; every one if empty.
      target: name of the recipe whose network is shown the adversarial images, through
        its first branch; the attacked network itself if empty.
      num_images: test images, drawn without replacement by the seed; all if 0.
      branch: of batch norm, through which the network is attacked and judged; the
        network's first if empty.
      against: an attack of many steps, where the record is to say how much of what it
        finds one step of `attack` reaches; see `common.evaluation.masking`.
    """

    attack: Any = None
    seed: int = 0
    only: tuple[str, ...] = ()
    target: str = ""
    num_images: int = 0
    branch: str = ""
    against: Any = None

    def covers(self, recipe: str) -> bool:
        """Whether it is run on the recipe of that name."""
        return not self.only or recipe in self.only


def autoattacks(epsilon: float, *, num_images: int = 0) -> dict[str, Evaluation]:
    """Returns the versions of AutoAttack by name; the standard one is `autoattack`.

    Args:
      epsilon: radius in pixels of 255.
      num_images: test images; all if 0.
    """
    return {
        f"autoattack_{version}".removesuffix("_standard"): Evaluation(
            ensembles.autoattack(epsilon, version), num_images=num_images
        )
        for version in ensembles.VERSIONS
    }


@dataclasses.dataclass(frozen=True)
class Cell:
    """One number of a table: which recipe under which evaluation.

    `recipe` and `evaluation` are names in the paper's presets; the evaluation name
    `TRAINING_TIME` stands for the minutes that the training took. `metric` is a name
    in `common.results.metrics`, which says what it makes of the evaluation; a metric
    that relates two evaluations of the recipe takes the second from `other`. Where the
    report draws the table against a number, `x` is that number of the cell, such as
    the steps of its attack, or None if the cell is not drawn; cells with the same
    `panel` share a panel, which has it as its title. A cell that is the largest of
    several numbers names the others in `among`, each by recipe and evaluation.
    """

    row: str
    column: str
    recipe: str
    evaluation: str
    metric: str = "accuracy"
    other: str = ""
    _: dataclasses.KW_ONLY
    x: float | None = None
    panel: str = ""
    among: tuple[tuple[str, str], ...] = ()

    @property
    def candidates(self) -> tuple[Cell, ...]:
        """A cell for each number of which this one is the largest; mostly, itself."""
        others = (
            dataclasses.replace(self, recipe=recipe, evaluation=evaluation, among=())
            for recipe, evaluation in self.among
        )
        return (dataclasses.replace(self, among=()), *others)

    @property
    def evaluations(self) -> tuple[str, ...]:
        """The evaluations that the cell reads."""
        return (self.evaluation, self.other) if self.other else (self.evaluation,)


class Plot(NamedTuple):
    """How the report draws a table.

    Attributes:
      kind: `columns` for lines against `Cell.x` where that is a number of the cell's
        column, so that each row is a line; `rows` for the reverse; `tradeoff` for
        accuracy under attack against accuracy on clean images; "" for none of them.
      label: of the axis of `Cell.x`.
      bars: whether each measured number is also drawn beside the reported one, which
        says little more than lines do.
    """

    kind: str = ""
    label: str = ""
    bars: bool = True


BARS = Plot()


@dataclasses.dataclass(frozen=True)
class Table:
    """A table or figure of the paper.

    Attributes:
      name: as in `reported.csv` and on the command line, such as `cifar10`.
      title: one line for the report.
      cells: every cell, row by row.
      plot: how the report draws it.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    plot: Plot = BARS

    @property
    def rows(self) -> tuple[str, ...]:
        """Row headings in the order of their first cell."""
        return tuple(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> tuple[str, ...]:
        """Column headings in the order of their first cell."""
        return tuple(dict.fromkeys(cell.column for cell in self.cells))


def grid(
    rows: Mapping[str, str],
    columns: Mapping[str, str],
    *,
    metric: str = "accuracy",
    other: str = "",
    x: Mapping[str, float] | None = None,
    panel: str = "",
) -> tuple[Cell, ...]:
    """Returns the cells of a full table.

    Args:
      rows: row heading to recipe name.
      columns: column heading to evaluation name.
      metric: of every cell.
      other: of every cell.
      x: row or column heading to `Cell.x`.
      panel: of every cell.
    """
    at = x or {}
    return tuple(
        Cell(
            row,
            column,
            recipe,
            evaluation,
            metric,
            other,
            x=at.get(column, at.get(row)),
            panel=panel,
        )
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
      tuning: how it trains networks of others, a `common.foreign.tuning.Tuning`.
    """

    name: str
    title: str
    recipes: Mapping[str, Mapping[str, Recipe]]
    evaluations: Mapping[str, Mapping[str, Evaluation]]
    tables: tuple[Table, ...]
    claims: tuple[Any, ...]
    reported: pathlib.Path
    tuning: Any = None

    def table(self, name: str) -> Table:
        """Returns the table, or raises a ValueError that names the nearest."""
        tables = {table.name: table for table in self.tables}
        return lookup(tables, name, f"table of {self.name}")

    def at(self, scale: str) -> PaperAtScale:
        """Returns the paper at a scale; a ValueError names the nearest known one."""
        lookup(self.recipes, scale, f"scale of {self.name}")
        return PaperAtScale(self, scale)


@dataclasses.dataclass(frozen=True)
class PaperAtScale:
    """A paper at one of its scales, as `Paper.at` gives it.

    Attributes:
      paper: which.
      scale: a key of `paper.recipes`.
    """

    paper: Paper
    scale: str

    @property
    def name(self) -> str:
        """The paper's name."""
        return self.paper.name

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The recipes of the scale by name."""
        return self.paper.recipes[self.scale]

    @property
    def evaluations(self) -> Mapping[str, Evaluation]:
        """The evaluations of the scale by name."""
        return self.paper.evaluations[self.scale]

    @property
    def run_names(self) -> tuple[str, ...]:
        """Names of the recipes without those that equal an earlier one."""
        return tuple(dict.fromkeys(self.run_name(name) for name in self.recipes))

    def recipe(self, name: str) -> Recipe:
        """Returns the recipe, or raises a ValueError that names the nearest."""
        return lookup(self.recipes, name, f"recipe of {self.name}")

    def name_of(self, recipe: Recipe) -> str:
        """Returns the name under which a recipe is run.

        Raises:
          ValueError: it is none of the scale.
        """
        found = (name for name, value in self.recipes.items() if value == recipe)
        if name := next(found, ""):
            return name
        raise ValueError(
            f"A source must be a recipe of {self.name} at scale {self.scale}. "
            f"Received: none that equals {str(recipe)[:80]}"
        )

    def run_name(self, name: str) -> str:
        """Returns the first recipe that is equal: equal recipes are one run."""
        self.recipe(name)
        return self._equals(name)[0]

    def cells(self, table: Table) -> tuple[Cell, ...]:
        """Returns the cells of a table that exist at this scale.

        The largest of several numbers is so of those that exist, as the first must.
        """
        found = []
        for cell in table.cells:
            there, *others = (self._has(each) for each in cell.candidates)
            if there:
                among = tuple(itertools.compress(cell.among, others))
                found.append(dataclasses.replace(cell, among=among))
        return tuple(found)

    def needed_evaluations(self, recipe: str) -> tuple[str, ...]:
        """Returns the evaluations that tables and claims ask of a recipe.

        What they ask of an equal recipe counts, since it is the same run.
        """
        pairs = [
            (cell.recipe, name)
            for table in self.paper.tables
            for shown in self.cells(table)
            for cell in shown.candidates
            for name in cell.evaluations
        ]
        pairs += [p for c in self.paper.claims for p in c.at(self.scale).needs]
        equals, known = self._equals(recipe), self.evaluations
        names = dict.fromkeys(e for r, e in pairs if r in equals and e in known)
        return tuple(e for e in names if self._covers(known[e], recipe))

    def _has(self, cell: Cell) -> bool:
        known = {TRAINING_TIME: Evaluation(), **self.evaluations}
        return cell.recipe in self.recipes and all(
            name in known and self._covers(known[name], cell.recipe)
            for name in cell.evaluations
        )

    def _equals(self, name: str) -> tuple[str, ...]:
        known = self.recipes
        return tuple(r for r in known if name in known and known[r] == known[name])

    def _covers(self, evaluation: Evaluation, recipe: str) -> bool:
        return any(evaluation.covers(name) for name in self._equals(recipe))


def fields(value: Any) -> tuple[dataclasses.Field[Any], ...]:
    """Returns the fields of a dataclass that decide what it is, which are recorded.

    A field that is not compared is none of them, such as a place on this machine.
    """
    return tuple(field for field in dataclasses.fields(value) if field.compare)


def to_dict(value: Any) -> Any:
    """Returns a dataclass as JSON values, with the name of its class under `type`.

    NumPy scalars become numbers.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {f.name: to_dict(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, **found}
    if isinstance(value, (tuple, list)):
        return [to_dict(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
