"""Where and how the commands run, and the trained networks that lie there."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import keras

from common import engine, errors, manifest, overrides
from common import recipe as recipes
from common.training import imported, learner

RAW = "raw"  # as `--weights`: those of the last update, where a recipe averages


@contextlib.contextmanager
def explained_failures() -> Iterator[None]:
    """Raises a `RunError` of one line where the engine fails inside."""
    try:
        yield
    except engine.FAILURES as error:
        raise errors.RunError(
            f"{engine.NAME} failed; what was finished is kept. Where memory ran out, "
            "give the same command a smaller --eval_batch_size. "
            f"Received: {type(error).__name__}: {engine.reason(error)}"
        ) from error


@dataclasses.dataclass(frozen=True)
class Session:
    """The flags of the commands, as values.

    Attributes:
      paper: whose recipes.
      scale: of the recipes.
      workdir: all runs lie below it.
      distribution: from `engine.make`.
      data_dir: of TFDS, or None for its default.
      precision: of the computation.
      overrides: `field=value` assignments to the recipe; they name a run of their own.
      weights: what is evaluated: "" for the weights that the recipe says, `RAW`, or
        the path of released ones, see `common.training.imported`.
      branch: of batch norm, for every evaluation; "" for the one that it says.
      eval_batch_size: images evaluated at a time, on which no outcome depends.
      seed: of the attacks of a study; recipes have theirs, which overrides change.
    """

    paper: recipes.Paper
    scale: str
    workdir: pathlib.Path
    distribution: Any
    data_dir: str | None = None
    precision: str = "float32"
    overrides: tuple[str, ...] = ()
    weights: str = ""
    branch: str = ""
    eval_batch_size: int = 250
    seed: int = 0

    def recipe(self, name: str) -> recipes.Recipe:
        """Returns the recipe with the overrides applied."""
        recipe = self.paper.at(self.scale).recipe(name)
        return overrides.override(recipe, self.overrides)

    def run_dir(self, name: str) -> pathlib.Path:
        """Returns the folder of a run; equal recipes share it, overrides name it."""
        name = self.paper.at(self.scale).run_name(name)
        suffix = "".join(f"@{assignment}" for assignment in self.overrides)
        folder = re.sub(r"[^\w@=.,+-]", "_", name + suffix)
        return self.workdir / self.paper.name / self.scale / folder

    def records_dir(self, name: str) -> pathlib.Path:
        """Returns the folder of a run's evaluations.

        Raw weights and a branch that is asked for have their own, so that their records
        are not taken for those of the tables.
        """
        raw = RAW if self.weights == RAW else ""
        parts = ("evaluations", raw, self.branch)
        return self.run_dir(name) / "_".join(part for part in parts if part)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the records."""
        return engine.worker(self.distribution)[0] == 0

    @property
    def has_released_weights(self) -> bool:
        """Whether the weights come from a file, not from a run."""
        return self.weights not in ("", RAW)

    def step(self, name: str) -> int | None:
        """Returns the updates behind the weights; None for released ones."""
        return None if self.has_released_weights else self.recipe(name).num_steps

    def network(self, name: str) -> keras.Model:
        """Returns the network of a recipe with the weights that are to be evaluated.

        Released weights are noted in the folder of the run, which must not hold another
        training; so tables show them as what they are.

        Raises:
          RunError: the recipe is not trained to its end, or the folder is of another.
          ValueError: released weights that do not fit.
        """
        recipe, run_dir = self.recipe(name), self.run_dir(name)
        place = engine.alone(self.distribution)
        if self.has_released_weights:
            built = learner.build(recipe, place, self.precision).network
            source = imported.load(self.weights, built)
            if self.is_chief:
                record = {"recipe": recipe, "weights": source}
                manifest.check_or_write(
                    run_dir,
                    {**record, "precision": self.precision, **manifest.environment()},
                )
            return built
        manifest.check(run_dir, recipe=recipe, weights=None)
        if self.weights == RAW:
            recipe = dataclasses.replace(recipe, average=0.0)
        return learner.load(recipe, run_dir / "checkpoints", place, self.precision)
