"""A paper's runs on disk: train a recipe, evaluate it, skip what is done."""

from __future__ import annotations

import functools
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from common import evaluation
from common import recipe as recipes
from common.evaluation import examples
from common.session import Session
from common.training import RunError, loop, manifest, strategy

__all__ = ["Session", "evaluate", "train"]

NUM_EXAMPLES = 8  # images shown in the report
BATCH_SIZE = 250  # images evaluated at a time


def train(session: Session, name: str) -> None:
    """Trains a recipe; goes on where it stopped, and does nothing when it is done.

    Raises:
      ValueError: the session is about released weights.
    """
    if session.weights:
        raise ValueError(
            "--weights says what to evaluate; train without it. "
            f"Received: --weights={session.weights}"
        )
    loop.train(
        session.recipe(name),
        session.run_dir(name),
        distribution=session.distribution,
        data_dir=session.data_dir,
        precision=session.precision,
        notes={
            "paper": session.paper.name,
            "scale": session.scale,
            "name": session.paper.run_name(session.scale, name),
            "overrides": list(session.overrides),
        },
    )


def evaluate(session: Session, name: str, evaluations: Iterable[str] = ()) -> None:
    """Evaluates a trained recipe as tables and claims need; keeps records that fit.

    Under several workers the chief evaluates alone, on its first device.

    Args:
      session: where.
      name: of the recipe.
      evaluations: names; those that tables and claims need by default, without
        transfers where the weights are released ones.

    Raises:
      ValueError: unknown evaluation, or a transfer of released weights.
      RunError: the recipe or the target of a transfer is not trained to its end, or
        the folder is of another.
    """
    wanted = _wanted(session, name, tuple(evaluations))
    judges = functools.cache(lambda recipe: _judges(session, recipe))
    if session.has_released_weights:
        judges(name)  # refuses the folder of other weights, even if nothing is missing
    missing = {
        key: value
        for key, value in wanted.items()
        if not _is_done(session, name, _path(session, name, key), value)
    }
    if not missing or not session.is_chief:
        return
    for key, value in missing.items():
        print(f"{session.paper.name} {name}: {key}", flush=True)
        record = _evaluate(session, name, value, judges)
        low, high = record.interval
        of = f"right at {value.target}" if value.target else "right"
        print(
            f"\n{record.accuracy:.2f} % of {record.total} {of} [{low:.2f}, {high:.2f}]",
            flush=True,
        )
        record.notes["evaluation"] = key
        record.save(_path(session, name, key))
    attacks = [v.attack for v in missing.values() if v.attack and not v.target]
    if attacks and not session.weights:
        examples.save(
            session.run_dir(name) / "examples.npz",
            judges(name).logits_fn,
            session.recipe(name).dataset.test_batches(
                batch_size=NUM_EXAMPLES, data_dir=session.data_dir
            ),
            attacks[0],
        )


def _wanted(
    session: Session, name: str, asked: tuple[str, ...]
) -> Mapping[str, recipes.Evaluation]:
    known = session.paper.evaluations_at(session.scale)
    names = asked or session.paper.needed_evaluations(session.scale, name)
    wanted = {key: recipes.lookup(known, key, "evaluation") for key in names}
    transfers = [key for key, value in wanted.items() if value.target]
    if not session.has_released_weights or not transfers:
        return wanted
    if asked:
        raise ValueError(
            "A transfer needs two trained networks; --weights names one. "
            f"Received: {transfers[0]}"
        )
    return {key: value for key, value in wanted.items() if not value.target}


def _judges(session: Session, name: str) -> evaluation.Judges:
    """Returns the judges of a recipe's network, batch norm in inference mode."""
    network = session.network(name)
    one_machine = strategy.worker(session.distribution)[1] == 1
    return evaluation.Judges(
        lambda images: network(images, training=False),
        session.distribution if one_machine else None,
    )


def _evaluate(
    session: Session, name: str, value: recipes.Evaluation, judges: Any
) -> Any:
    dataset = session.recipe(name).dataset
    positions = (
        evaluation.sample(dataset.num_test, value.num_images, value.seed)
        if value.num_images
        else None
    )
    batches = dataset.test_batches(
        batch_size=BATCH_SIZE, data_dir=session.data_dir, indices=positions
    )
    record = _judged(value, batches, judges(name), judges)
    expected = value.num_images or dataset.num_test
    if record.total != expected:
        raise RunError(
            f"{name} was evaluated on another number of images than the {expected} of "
            f"its test set. Received: total={record.total}"
        )
    record.notes.update(
        recipe=name,
        step=session.step(name),
        precision=session.precision,
        target=value.target or None,
        num_images=value.num_images or None,
        **manifest.environment(),
    )
    return record


def _judged(
    value: recipes.Evaluation, batches: Any, source: evaluation.Judges, judges: Any
) -> Any:
    """Returns the record of the source, or of what it transfers to the target."""
    if not value.target:
        return evaluation.evaluate(
            source.logits_fn,
            batches,
            value.attack,
            seed=value.seed,
            distribution=source.distribution,
            progress=True,
            judges=source,
        )
    target = judges(value.target)
    return evaluation.transfer(
        source.logits_fn,
        target.logits_fn,
        batches,
        value.attack,
        seed=value.seed,
        progress=True,
        judges=(source, target),
    )


def _is_done(
    session: Session, name: str, path: pathlib.Path, value: recipes.Evaluation
) -> bool:
    """Whether the record is there, of this attack, seed, updates and precision."""
    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    expected = {
        "attack": recipes.to_dict(value.attack),
        "seed": value.seed,
        "step": session.step(name),
        "precision": session.precision,
        "target": value.target or None,
        "num_images": value.num_images or None,
    }
    return all(found.get(key) == part for key, part in expected.items())


def _path(session: Session, name: str, key: str) -> pathlib.Path:
    return session.records_dir(name) / f"{key}.json"
