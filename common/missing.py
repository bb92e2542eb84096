"""Evaluations of a run that are missing: which they are, and how they are made.

A run is a `common.runs.Run`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common import errors, evaluation, files, manifest, overrides
from common import recipe as recipes
from common.evaluation import examples, kinds
from common.evaluation import record as counted
from common.lazy import keras
from common.names import lookup

_EXAMPLES = "examples.npz"
Judges = Callable[[str, str], evaluation.Judges]  # of a recipe and a branch


def chosen(run: Any, asked: tuple[str, ...]) -> Mapping[str, recipes.Evaluation]:
    """Returns the evaluations by name; a ValueError names the nearest known one.

    Args:
      run: of which session and recipe.
      asked: names; those that tables and claims need if there is none.
    """
    session = run.session
    names = asked or session.at.needed_evaluations(run.name)
    known = session.at.evaluations
    found = {key: lookup(known, key, "evaluation") for key in names}
    if session.branch:
        found = {
            key: dataclasses.replace(value, branch=session.branch)
            for key, value in found.items()
        }
    if not run.has_released_weights:
        return found
    targets = {k: session.at.run_name(v.target) for k, v in found.items() if v.target}
    without = [k for k, name in targets.items() if name not in session.target_weights]
    if asked and without:
        raise ValueError(
            "A transfer needs two trained networks: add --weights="
            f"{targets[without[0]]}=FILE. Received: {without[0]}"
        )
    return {key: value for key, value in found.items() if key not in without}


def evaluate(
    run: Any, wanted: Mapping[str, recipes.Evaluation], *, named: bool
) -> None:
    """Evaluates a network and keeps the records that fit, see `Run.evaluate`.

    Args:
      run: of which session and recipe.
      wanted: as `chosen` returns them.
      named: whether they were asked for by name.
    """
    session = run.session
    targets = (value.target for value in wanted.values() if value.target)
    names = list(dict.fromkeys([run.name, *targets]))
    judges = _judges(session, names)
    ready = _ready(session, names, judges)
    missing = {
        key: value
        for key, value in wanted.items()
        if not _is_done(run, key, value, named=named)
    }
    if missing and not ready[run.name]:
        judges(run.name, "")  # which says that it is not trained
    for key in [k for k, v in missing.items() if v.target and not ready[v.target]]:
        target = missing.pop(key).target
        if named:
            raise errors.RunError(
                f"{key} shows its images to {target}, which is not trained; train that "
                f"first. Received: {key}"
            )
        print(f"{key} is left out, since {target} is not trained", flush=True)
    if not session.is_chief:
        return
    for value in missing.values():
        judges(run.name, value.branch)  # refuses a branch before any work
    for longest, *shorter in counted.begin_alike(missing):
        _answer(run, {key: missing[key] for key in (longest, *shorter)}, judges)
    shown = examples.quickest(wanted.values())
    is_due = shown in missing.values() or not (run.folder / _EXAMPLES).exists()
    if is_due and ready[run.name] and not (run.weights or session.branch):
        _show(run, shown, judges)


def _ready(session: Any, names: Sequence[str], judges: Judges) -> dict[str, bool]:
    """Returns of each recipe whether it has weights; refuses folders of others."""
    runs = {name: session.run(name) for name in names}
    known = {run.name for run in runs.values()}
    if unused := session.target_weights.keys() - known:
        raise ValueError(f"--weights=NAME=FILE is of no use. Received: {min(unused)}")
    for name, run in runs.items():
        if run.has_released_weights:
            judges(name, "")  # even if all records are there
    return {name: run.has_weights for name, run in runs.items()}


def _answer(run: Any, values: Mapping[str, Any], judges: Judges) -> None:
    """Makes the record of the first evaluation, with which the others begin alike."""
    longest, *shorter = values
    print(f"{run.session.at.name} {run.name}: {longest}", flush=True)
    record = _evaluate(run, longest, values[longest], judges)
    print(f"\n{kinds.told(record, values[longest])}", flush=True)
    record.notes["evaluation"] = longest
    record.save(run.record(longest))
    for key in shorter:
        part = record.beginning(values[key].attack)
        print(f"{key}: {kinds.told(part, values[key])}", flush=True)
        part.notes.update(evaluation=key, beginning_of=longest)
        part.save(run.record(key))


def _show(run: Any, shown: recipes.Evaluation | None, judges: Judges) -> None:
    """Writes a few images that an evaluation has attacked, for the report."""
    if shown is None:
        return
    batches = run.recipe.dataset.test_batches(
        batch_size=examples.COUNT, data_dir=run.session.data_dir
    )
    logits_fn = judges(run.name, shown.branch).logits_fn
    examples.save(run.folder / _EXAMPLES, logits_fn, batches, shown.attack)


def _judges(session: Any, names: Sequence[str]) -> Judges:
    """Returns (recipe, branch) -> judges, each recipe's on a network of its own."""

    @functools.cache
    def network(name: str, precision: str) -> keras.Model:
        return session.run(name).network(precision, number=names.index(name))

    def judges(name: str, branch: str) -> evaluation.Judges:
        exact, attacked = (network(name, p) for p in ("float32", session.precision))
        return session.networks.judges(exact, attacked, branch)

    return judges


def _evaluate(run: Any, key: str, value: recipes.Evaluation, judges: Any) -> Any:
    """Returns the record of an evaluation, on all images that it is to see."""
    identity = _identity(run, value)
    record = kinds.answer(
        value,
        _images(run, value),
        judges(run.name, value.branch),
        judges(value.target, "") if value.target else None,
        progress_file=run.record(key).with_suffix(".progress.npz"),
        progress_key=identity,
    )
    expected = value.num_images or run.recipe.dataset.num_test
    if record.total != expected:
        raise errors.RunError(
            f"{run.name} was evaluated on another number of images than the "
            f"{expected} of its test set. Received: total={record.total}"
        )
    record.notes.update(recipe=run.name, **identity, **manifest.environment())
    return record


def _images(run: Any, value: recipes.Evaluation) -> Any:
    """Returns the batches of test images that an evaluation is about."""
    dataset, count = run.recipe.dataset, value.num_images
    drawn = evaluation.sample(dataset.num_test, count, value.seed) if count else None
    return dataset.test_batches(
        batch_size=run.session.eval_batch_size,
        data_dir=run.session.data_dir,
        indices=drawn,
    )


def _is_done(run: Any, key: str, value: recipes.Evaluation, *, named: bool) -> bool:
    """Whether the record is there, and of this evaluation and network.

    One in another precision is kept, too, unless the evaluation was named.

    Raises:
      ValueError: it is in another precision, and the evaluation was named.
    """
    path = run.record(key)
    if not (path.exists() and path.with_suffix(".npz").exists()):
        return False
    found = files.read_json(path)
    attacks = {"attack": value.attack, "against": value.against}
    expected = {**attacks, "seed": value.seed, **_identity(run, value)}
    others = {
        field
        for field, part in expected.items()
        if not overrides.agrees(found.get(field), part)
    }
    if others != {"precision"}:
        return not others
    message = f"The record {path} was made in {found.get('precision')}"
    if named:
        raise ValueError(
            f"{message}; give that --precision, or move the file. "
            f"Received: --precision={run.session.precision}"
        )
    print(f"{message} and is kept", flush=True)
    return True


def _identity(run: Any, value: recipes.Evaluation) -> dict[str, Any]:
    """Returns what tells an evaluation from others of the same attack and seed."""
    return {
        "step": run.step,
        "precision": run.session.precision,
        "target": value.target or None,
        "num_images": value.num_images or None,
        "branch": value.branch or None,
    }
