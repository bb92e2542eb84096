"""Evaluations of a run that are missing: which they are, and how they are made.

A run is a `common.runs.Run`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from common import engine, errors, evaluation, files, manifest, overrides
from common import recipe as recipes
from common.evaluation import examples, kinds
from common.evaluation import record as counted
from common.lazy import keras
from common.names import lookup

_EXAMPLES = "examples.npz"
# What records say of the networks, where it was known and already noted.
_NOTED = ("checkpoint", "target_network", "target_checkpoint", "products")
Judges = Callable[[str, str], evaluation.Judges]  # of a recipe and a branch


def chosen(run: Any, asked: tuple[str, ...]) -> Mapping[str, recipes.Evaluation]:
    """Returns the evaluations by name; a ValueError names the nearest known one.

    Args:
      run: the run that is evaluated; it has a session and a recipe.
      asked: names of evaluations; if there are none, those that tables and claims need.
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
    named_targets = (value.target for value in wanted.values() if value.target)
    targets = [name for name in dict.fromkeys(named_targets) if name != run.name]
    runs = {run.name: run} | {name: _target(session, name) for name in targets}
    judges = _judges(session, runs)
    ready = _ready(session, runs, judges)
    identities = {
        key: _identity(run, value, runs[value.target] if value.target else None)
        for key, value in wanted.items()
    }
    missing = {
        key: value
        for key, value in wanted.items()
        if not _is_done(run, key, value, identities[key], named=named)
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
        print(f"Worker 0 evaluates {run.name}, and this one does nothing.", flush=True)
        return
    for value in missing.values():
        judges(run.name, value.branch)  # refuses a branch before any work
    for longest, *shorter in counted.begin_alike(missing):
        values = {key: missing[key] for key in (longest, *shorter)}
        with files.claimed(run.record(longest).with_suffix(".lock")):
            _answer(run, values, identities[longest], judges)
    shown = examples.quickest(wanted.values())
    is_due = shown in missing.values() or not (run.folder / _EXAMPLES).exists()
    if is_due and ready[run.name] and not (run.weights or session.branch):
        _show(run, shown, judges)


def _target(session: Any, name: str) -> Any:
    """Returns the run of a target, or None if the overrides are not for its recipe."""
    try:
        return session.run(name)
    except ValueError:
        return None


def _ready(session: Any, runs: Mapping[str, Any], judges: Judges) -> dict[str, bool]:
    """Returns of each recipe whether it has weights; refuses folders of others."""
    there = {name: run for name, run in runs.items() if run}
    known = {run.name for run in there.values()}
    if unused := session.target_weights.keys() - known:
        raise ValueError(f"--weights=NAME=FILE is of no use. Received: {min(unused)}")
    for name, run in there.items():
        if run.has_released_weights:
            judges(name, "")  # even if all records are there
    return {name: bool(run and run.has_weights) for name, run in runs.items()}


def _answer(
    run: Any, values: Mapping[str, Any], identity: dict[str, Any], judges: Judges
) -> None:
    """Makes the record of the first evaluation, with which the others begin alike."""
    longest, *shorter = values
    print(f"{run.session.at.name} {run.name}: {longest}", flush=True)
    record = _evaluate(run, longest, values[longest], identity=identity, judges=judges)
    print(f"\n{kinds.told(record, values[longest])}", flush=True)
    for key in shorter:
        part = record.beginning(values[key].attack)
        print(f"{key}: {kinds.told(part, values[key])}", flush=True)
        part.notes.update(evaluation=key, beginning_of=longest)
        part.save(run.record(key))
    record.notes["evaluation"] = longest
    record.save(run.record(longest))  # the last, since it removes the progress


def _show(run: Any, shown: recipes.Evaluation | None, judges: Judges) -> None:
    """Writes a few images that an evaluation has attacked, for the report."""
    if shown is None:
        return
    batches = run.recipe.dataset.test_batches(
        batch_size=examples.COUNT, data_dir=run.session.data_dir
    )
    logits_fn = judges(run.name, shown.branch).logits_fn
    examples.save(run.folder / _EXAMPLES, logits_fn, batches, shown.attack)


def _judges(session: Any, runs: Mapping[str, Any]) -> Judges:
    """Returns (recipe, branch) -> judges, each recipe's on a network of its own."""
    numbers = {name: number for number, name in enumerate(runs)}

    @functools.cache
    def network(name: str, precision: str) -> keras.Model:
        return runs[name].network(precision, number=numbers[name])

    def judges(name: str, branch: str) -> evaluation.Judges:
        exact, attacked = (network(name, p) for p in ("float32", session.precision))
        return session.networks.judges(exact, attacked, branch)

    return judges


def _evaluate(
    run: Any,
    key: str,
    value: recipes.Evaluation,
    *,
    identity: dict[str, Any],
    judges: Any,
) -> Any:
    """Returns the record of an evaluation, on all images that it is to see."""
    place = manifest.environment()
    record = kinds.answer(
        value,
        _images(run, value),
        judges(run.name, value.branch),
        judges(value.target, "") if value.target else None,
        progress_file=run.record(key).with_suffix(".progress.npz"),
        progress_key={**identity, "commit": manifest.commit()},
    )
    expected = value.num_images or run.recipe.dataset.num_test
    if record.total != expected:
        raise errors.RunError(
            f"{run.name} was evaluated on another number of images than the "
            f"{expected} of its test set. Received: total={record.total}"
        )
    record.notes.update({"recipe": run.name, **identity, **place})
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


def _is_done(
    run: Any,
    key: str,
    value: recipes.Evaluation,
    identity: dict[str, Any],
    *,
    named: bool,
) -> bool:
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
    expected = {**attacks, "seed": value.seed, **identity}
    others = {
        field
        for field, part in expected.items()
        if not overrides.agrees(found.get(field), part)
        and (field in found or field not in _NOTED)
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


def _identity(run: Any, value: recipes.Evaluation, target: Any) -> dict[str, Any]:
    """Returns what tells an evaluation from others of the same attack and seed.

    Args:
      run: that is attacked.
      value: the evaluation.
      target: the run to which its images are shown; None if there is none.
    """
    noted = {"checkpoint": run.digest, "products": engine.products()}
    if target is not None:
        noted |= {
            "target_network": _digest(target),
            "target_checkpoint": target.digest,
        }
    return {
        "step": run.step,
        "precision": run.session.precision,
        "target": value.target or None,
        "num_images": value.num_images or None,
        "branch": value.branch or None,
        **{key: said for key, said in noted.items() if said},
    }


def _digest(run: Any) -> str:
    """Returns what changes with the recipe of a run, and with released weights."""
    said = json.dumps([recipes.to_dict(run.recipe), run.weights], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
