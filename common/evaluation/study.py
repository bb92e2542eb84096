"""Attacks on networks that somebody else trained, and what they transfer.

Records lie as those of trained runs do: FOLDER/NETWORK/evaluations/NAME.json and .npz,
and for a transfer FOLDER/SOURCE/evaluations/NAME_to_TARGET. Each says which networks
and images it is about, by their hashes and without folders of this machine.
"""

from __future__ import annotations

import itertools
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common import overrides
from common import recipe as recipes
from common.evaluation import accuracy, folders, foreign, transferability
from common.evaluation import judges as judging
from common.training import manifest

CLEAN = "clean"  # the evaluation that every network has


def study(
    classifiers: Sequence[foreign.Classifier],
    images: folders.Photographs,
    attacks: Mapping[str, Any],
    folder: pathlib.Path,
    *,
    transfers: Iterable[str] = (),
    seed: int = 0,
    batch_size: int = 50,
) -> None:
    """Evaluates every network under every attack, and every pair; keeps what is done.

    Args:
      classifiers: of different names.
      images: that are attacked.
      attacks: by name.
      folder: of the records.
      transfers: names of the attacks that are shown to the other networks, too.
      seed: of the attacks.
      batch_size: images attacked at a time.

    Raises:
      ValueError: two networks of one name, an unknown attack, or images in folders of
        other classes than a network has.
    """
    shown = {name: recipes.lookup(attacks, name, "attack") for name in transfers}
    _check(classifiers, images)
    judges = {found.name: judging.Judges(found.logits_fn) for found in classifiers}
    tasks: list[tuple[Any, Any, str, Any]] = [
        (source, None, name, attack)
        for source in classifiers
        for name, attack in {CLEAN: None, **attacks}.items()
    ] + [
        (source, target, name, attack)
        for source, target in itertools.permutations(classifiers, 2)
        for name, attack in shown.items()
    ]
    for source, target, name, attack in tasks:
        stem = f"{name}_to_{target.name}" if target else name
        path = folder / source.name / "evaluations" / f"{stem}.json"
        notes = {"evaluation": stem, "network": source.record, "images": images.record}
        if target:
            notes.update(target=target.name, target_network=target.record)
        if _is_done(path, {**notes, "attack": attack, "seed": seed}):
            continue
        print(f"{source.name}: {stem}", flush=True)
        record = _measured(
            source,
            target,
            attack,
            judges=judges,
            dataset=images.test_batches(batch_size=batch_size),
            seed=seed,
        )
        record.notes.update(notes, **manifest.environment())
        record.save(path)
        low, high = record.interval
        print(f"\n{record.accuracy:.2f} % of {record.total} [{low:.2f}, {high:.2f}]")


def _check(
    classifiers: Sequence[foreign.Classifier], images: folders.Photographs
) -> None:
    names = [found.name for found in classifiers]
    if len(set(names)) < len(names):
        raise ValueError(
            "Networks need different names: add ?name=. "
            f"Received: names={', '.join(names)}"
        )
    for found in classifiers:
        if images.num_classes not in (None, found.num_classes):
            raise ValueError(
                "Class folders are numbered, so they must be the network's classes. "
                f"Received: {images.num_classes} folders, {found.name} with "
                f"{found.num_classes} classes"
            )


def _measured(
    source: foreign.Classifier,
    target: foreign.Classifier | None,
    attack: Any,
    *,
    judges: Mapping[str, judging.Judges],
    dataset: Any,
    seed: int,
) -> Any:
    """Returns the record of the attack on the source, or of what it transfers."""
    if target is None:
        return accuracy.evaluate(
            source.logits_fn,
            dataset,
            attack,
            seed=seed,
            progress=True,
            judges=judges[source.name],
        )
    return transferability.transfer(
        source.logits_fn,
        target.logits_fn,
        dataset,
        attack,
        seed=seed,
        progress=True,
        judges=(judges[source.name], judges[target.name]),
    )


def _is_done(path: pathlib.Path, expected: Mapping[str, Any]) -> bool:
    """Whether the record is there, of this attack, seed, networks and images."""
    if not path.exists():
        return False
    found = json.loads(path.read_text(encoding="utf-8"))
    return all(overrides.agrees(found.get(key), part) for key, part in expected.items())
