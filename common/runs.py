"""A paper's runs on disk: train a recipe, evaluate it, skip what is done."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from common import evaluation, overrides
from common import recipe as recipes
from common.evaluation import examples
from common.training import RunError, checkpoint, learner, loop, manifest, strategy

NUM_EXAMPLES = 8  # images shown in the report
BATCH_SIZE = 250  # images evaluated at a time


@dataclasses.dataclass(frozen=True)
class Session:
    """Where and how the commands run: the flags, as values.

    Attributes:
      paper: whose recipes.
      scale: of the recipes.
      workdir: all runs lie below it.
      distribution: a strategy.
      data_dir: of TFDS, or None for its default.
      precision: of the computation.
      overrides: `field=value` assignments to the recipe; they name a run of their own.
    """

    paper: recipes.Paper
    scale: str
    workdir: pathlib.Path
    distribution: Any
    data_dir: str | None = None
    precision: str = "float32"
    overrides: tuple[str, ...] = ()

    def recipe(self, name: str) -> recipes.Recipe:
        """Returns the recipe with the overrides applied."""
        recipe = self.paper.recipe(self.scale, name)
        return overrides.override(recipe, self.overrides)

    def run_dir(self, name: str) -> pathlib.Path:
        """Returns the folder of a run; overrides are part of its name."""
        suffix = "".join(f"@{assignment}" for assignment in self.overrides)
        folder = re.sub(r"[^\w@=.,+-]", "_", name + suffix)
        return self.workdir / self.paper.name / self.scale / folder

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the records."""
        return strategy.worker(self.distribution)[0] == 0


def train(session: Session, name: str) -> None:
    """Trains a recipe; goes on where it stopped, and does nothing when it is done."""
    loop.train(
        session.recipe(name),
        session.run_dir(name),
        distribution=session.distribution,
        data_dir=session.data_dir,
        precision=session.precision,
        notes={
            "paper": session.paper.name,
            "scale": session.scale,
            "name": name,
            "overrides": list(session.overrides),
        },
    )


def evaluate(session: Session, name: str, evaluations: Iterable[str] = ()) -> None:
    """Evaluates a trained recipe on the whole test set; keeps records that fit.

    Under several workers the chief evaluates alone, on its first device.

    Args:
      session: where.
      name: of the recipe.
      evaluations: names; those that tables and claims need by default.

    Raises:
      ValueError: unknown evaluation.
      RunError: the recipe is not trained to its end, or the folder is of another.
    """
    known = session.paper.evaluations_at(session.scale)
    names = tuple(evaluations) or session.paper.needed_evaluations(session.scale, name)
    wanted = {e: recipes.lookup(known, e, "evaluation") for e in names}
    num_steps, run_dir = session.recipe(name).num_steps, session.run_dir(name)
    missing = {
        e: value
        for e, value in wanted.items()
        if not _is_done(_record_path(run_dir, e), value, num_steps, session.precision)
    }
    if not missing or not session.is_chief:
        return
    logits_fn = _load_logits_fn(session, name)
    for evaluation_name, value in missing.items():
        print(f"{session.paper.name} {name}: {evaluation_name}", flush=True)
        record = _evaluate(session, name, logits_fn, value)
        low, high = record.interval
        print(
            f"\n{record.accuracy:.2f} % of {record.total} [{low:.2f}, {high:.2f}]",
            flush=True,
        )
        record.notes["evaluation"] = evaluation_name
        record.save(_record_path(run_dir, evaluation_name))
    attacks = [value.attack for value in wanted.values() if value.attack]
    if attacks:
        examples.save(
            run_dir / "examples.npz",
            logits_fn,
            _test_batches(session, name, NUM_EXAMPLES),
            attacks[0],
        )


def _load_logits_fn(session: Session, name: str) -> Callable[[Any], Any]:
    """Returns the trained network, batch norm in inference mode."""
    recipe = session.recipe(name)
    manifest.check(session.run_dir(name), recipe=recipes.to_dict(recipe))
    built = learner.build(recipe, session.distribution, session.precision)
    checkpoint.load(
        session.run_dir(name) / "checkpoints",
        built.network.variables,
        recipe.num_steps,
    )
    return lambda images: built.network(images, training=False)


def _evaluate(
    session: Session, name: str, logits_fn: Any, value: recipes.Evaluation
) -> evaluation.Record:
    one_machine = strategy.worker(session.distribution)[1] == 1
    record = evaluation.evaluate(
        logits_fn,
        _test_batches(session, name, BATCH_SIZE),
        value.attack,
        seed=value.seed,
        distribution=session.distribution if one_machine else None,
        progress=True,
    )
    recipe = session.recipe(name)
    if record.total != recipe.dataset.num_test:
        raise RunError(
            f"{name} was evaluated on another number of images than its test set has, "
            f"{recipe.dataset.num_test}. Received: total={record.total}"
        )
    record.notes.update(
        recipe=name,
        step=recipe.num_steps,
        precision=session.precision,
        **manifest.environment(),
    )
    return record


def _test_batches(session: Session, name: str, batch_size: int) -> Any:
    dataset = session.recipe(name).dataset
    return dataset.test_batches(batch_size=batch_size, data_dir=session.data_dir)


def _is_done(
    path: pathlib.Path, value: recipes.Evaluation, step: int, precision: str
) -> bool:
    """Whether the record is there, of this attack, seed, updates and precision."""
    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    expected = {
        "attack": recipes.to_dict(value.attack),
        "seed": value.seed,
        "step": step,
        "precision": precision,
    }
    return all(found.get(key) == part for key, part in expected.items())


def _record_path(run_dir: pathlib.Path, name: str) -> pathlib.Path:
    return run_dir / "evaluations" / f"{name}.json"
