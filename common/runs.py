"""A paper's runs on disk: train a recipe, evaluate it, skip what is done."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from common import engine, evaluation, manifest, overrides
from common import recipe as recipes
from common import session as sessions
from common.evaluation import examples, plan
from common.models import logits
from common.names import lookup
from common.session import Session
from common.training import RunError, loop

__all__ = ["Session", "evaluate", "train"]

NUM_EXAMPLES = 8  # images shown in the report


def train(session: Session, name: str) -> None:
    """Trains a recipe; goes on where it stopped, and does nothing when it is done.

    Raises:
      ValueError: the session is about other weights or a branch to evaluate.
    """
    for flag in ("weights", "branch"):
        if value := getattr(session, flag):
            raise ValueError(
                f"--{flag} says what to evaluate; train without it. "
                f"Received: --{flag}={value}"
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
            "name": session.paper.at(session.scale).run_name(name),
            "overrides": list(session.overrides),
        },
    )


def evaluate(session: Session, name: str, evaluations: Iterable[str] = ()) -> None:
    """Evaluates a trained recipe as tables and claims need; keeps records that fit.

    Under several workers the chief evaluates alone, on its first device. Of attacks
    that begin alike (see `evaluation.plan`) the longest is run, and what its steps find
    on the way are the records of the others. A killed evaluation goes on where it was.

    Args:
      session: where.
      name: of the recipe.
      evaluations: names; those that tables and claims need by default, without
        transfers where the weights are released ones.

    Raises:
      ValueError: unknown evaluation, a transfer of released weights, or a branch that
        the network does not have, or a record in another precision.
      RunError: the recipe or the target of a transfer is not trained to its end, the
        folder is of another, or the engine failed, as where memory runs out.
    """
    with sessions.explained_failures():
        _evaluate_missing(session, name, tuple(evaluations))


def _evaluate_missing(session: Session, name: str, named: tuple[str, ...]) -> None:
    wanted = _wanted(session, name, named)
    network = functools.cache(session.network)
    judges = functools.cache(
        lambda recipe, branch: _judges(session, network(recipe), branch)
    )
    if session.has_released_weights:
        network(name)  # refuses the folder of other weights, even if nothing is missing
    missing = {
        key: value
        for key, value in wanted.items()
        if not _is_done(session, name, key, value, named=bool(named))
    }
    if not missing or not session.is_chief:
        return
    for value in missing.values():
        judges(name, value.branch)  # refuses a branch before any work
    for longest, *shorter in plan.begin_alike(missing):
        print(f"{session.paper.name} {name}: {longest}", flush=True)
        record = _evaluate(
            session,
            name,
            missing[longest],
            judges=judges,
            progress_file=_path(session, name, longest).with_suffix(".progress.npz"),
        )
        print(f"\n{_told(record, missing[longest])}", flush=True)
        record.notes["evaluation"] = longest
        record.save(_path(session, name, longest))
        for key in shorter:
            part = record.beginning(missing[key].attack)
            print(f"{key}: {_told(part, missing[key])}", flush=True)
            part.notes.update(evaluation=key, beginning_of=longest)
            part.save(_path(session, name, key))
    shown = [v for v in missing.values() if v.attack and not v.target]
    if shown and not (session.weights or session.branch):
        quickest = min(shown, key=lambda v: getattr(v.attack, "num_steps", 1))
        _save_examples(session, name, quickest, judges)


def _save_examples(
    session: Session, name: str, value: recipes.Evaluation, judges: Any
) -> None:
    """Writes images for the report, attacked and judged through its branch."""
    examples.save(
        session.run_dir(name) / "examples.npz",
        judges(name, value.branch).logits_fn,
        session.recipe(name).dataset.test_batches(
            batch_size=NUM_EXAMPLES, data_dir=session.data_dir
        ),
        value.attack,
    )


def _wanted(
    session: Session, name: str, asked: tuple[str, ...]
) -> Mapping[str, recipes.Evaluation]:
    known = session.paper.at(session.scale).evaluations
    names = asked or session.paper.at(session.scale).needed_evaluations(name)
    wanted = {key: lookup(known, key, "evaluation") for key in names}
    if session.branch:
        wanted = {
            key: dataclasses.replace(value, branch=session.branch)
            for key, value in wanted.items()
        }
    transfers = [key for key, value in wanted.items() if value.target]
    if not session.has_released_weights or not transfers:
        return wanted
    if asked:
        raise ValueError(
            "A transfer needs two trained networks; --weights names one. "
            f"Received: {transfers[0]}"
        )
    return {key: value for key, value in wanted.items() if not value.target}


def _told(record: Any, value: recipes.Evaluation) -> str:
    """Returns what a record says, in a line, and a line for each of its warnings."""
    warnings = (f"warning: {line}" for line in record.warnings)
    return "\n".join([_result(record, value), *warnings])


def _result(record: Any, value: recipes.Evaluation) -> str:
    low, high = record.interval
    of = f"right at {value.target}" if value.target else "right"
    told = f"{record.accuracy:.2f} % of {record.total} {of} [{low:.2f}, {high:.2f}]"
    if value.target or record.success is None:
        return told
    low, high = record.success_interval
    return f"{told}, {record.success:.2f} % as the target [{low:.2f}, {high:.2f}]"


def _judges(session: Session, network: keras.Model, branch: str) -> evaluation.Judges:
    """Returns the judges of a branch of a network, batch norm in inference mode."""
    return evaluation.Judges(
        logits.inference(network, branch), engine.alone(session.distribution)
    )


def _evaluate(
    session: Session,
    name: str,
    value: recipes.Evaluation,
    *,
    judges: Any,
    progress_file: pathlib.Path,
) -> Any:
    dataset = session.recipe(name).dataset
    positions = (
        evaluation.sample(dataset.num_test, value.num_images, value.seed)
        if value.num_images
        else None
    )
    batches = dataset.test_batches(
        batch_size=session.eval_batch_size,
        data_dir=session.data_dir,
        indices=positions,
    )
    record = _judged(
        value,
        batches,
        judges(name, value.branch),
        judges,
        progress_file=progress_file,
        progress_key=_identity(session, name, value),
    )
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
        branch=value.branch or None,
        **manifest.environment(),
    )
    return record


def _judged(
    value: recipes.Evaluation,
    batches: Any,
    source: evaluation.Judges,
    judges: Any,
    **kept: Any,
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
            **kept,
        )
    target = judges(value.target, "")
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
    session: Session, name: str, key: str, value: recipes.Evaluation, *, named: bool
) -> bool:
    """Whether the record is there, and of this evaluation and network.

    One in another precision is kept, too, unless the evaluation was named.

    Raises:
      ValueError: it is in another precision, and the evaluation was named.
    """
    path = _path(session, name, key)
    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    expected = {"attack": value.attack, **_identity(session, name, value)}
    others = {
        field
        for field, part in expected.items()
        if not overrides.agrees(found.get(field), part)
    }
    if others != {"precision"}:
        return not others
    message = f"{path} is in {found.get('precision')}"
    if named:
        raise ValueError(
            f"{message}; take that --precision, or move the file. "
            f"Received: --precision={session.precision}"
        )
    print(f"{message} and is kept", flush=True)
    return True


def _identity(session: Session, name: str, value: recipes.Evaluation) -> dict[str, Any]:
    """Returns what tells an evaluation of a run from others of the same attack."""
    return {
        "seed": value.seed,
        "step": session.step(name),
        "precision": session.precision,
        "target": value.target or None,
        "num_images": value.num_images or None,
        "branch": value.branch or None,
    }


def _path(session: Session, name: str, key: str) -> pathlib.Path:
    return session.records_dir(name) / f"{key}.json"
