"""Attacks on networks that somebody else trained, and what they transfer.

Records lie as those of trained runs do: FOLDER/NETWORK/evaluations/NAME.json and .npz,
and for a transfer FOLDER/SOURCE/evaluations/NAME_to_TARGET. Each says which networks
and images it is about, by their hashes and without folders of this machine.
"""

from __future__ import annotations

import itertools
import pathlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common import files, manifest, overrides
from common import recipe as recipes
from common.evaluation import judges as judging
from common.evaluation import kinds
from common.foreign import classifiers, folders
from common.names import lookup

CLEAN = "clean"  # the evaluation that every network has
# What is said of a folder beside its images: where it changes, they are the same ones.
_BESIDE = ("left_out", "empty_classes", "first_classes")


def study(
    classifiers: Sequence[classifiers.Classifier],
    images: folders.Photographs,
    attacks: Mapping[str, Any],
    folder: pathlib.Path,
    *,
    transfers: Iterable[str] = (),
    seed: int = 0,
    batch_size: int = 50,
    distribution: Any = None,
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
      distribution: a strategy of one machine whose replicas share each batch, in whose
        scope the networks were loaded; None for one device.

    Raises:
      ValueError: two networks of one name or of different classes, an unknown attack or
        seed, or images of other classes than a network has.
    """
    shown = {name: lookup(attacks, name, "attack") for name in transfers}
    if not 0 <= seed < 2**32:
        raise ValueError(
            f"seed must be at least 0 and below 2**32. Received: seed={seed}"
        )
    _check_networks(classifiers)
    for found in classifiers:
        _check_classes(found, images)
    judges = {
        found.name: judging.Judges(found.logits_fn, distribution)
        for found in classifiers
    }
    for source, target, name, attack in _tasks(classifiers, attacks, shown):
        stem = f"{name}_to_{target.name}" if target else name
        path = folder / source.name / "evaluations" / f"{stem}.json"
        notes = {"evaluation": stem, "network": source.record, "images": images.record}
        if target:
            notes.update(target=target.name, target_network=target.record)
        if _is_done(path, {**notes, "attack": attack, "seed": seed}):
            _warn(source.name, files.read_json(path).get("warnings", ()))
            continue
        print(f"{source.name}: {stem}", flush=True)
        place = manifest.environment()
        with files.claimed(path.with_suffix(".lock")):
            record = kinds.answer(
                recipes.Evaluation(attack, seed),
                images.test_batches(batch_size=batch_size),
                judges[source.name],
                judges[target.name] if target else None,
                progress_file=path.with_suffix(".progress.npz"),
                progress_key={**notes, "commit": manifest.commit()},
            )
            record.notes.update(notes, **place)
            record.save(path)
        low, high = record.interval
        print("", *record.parts, sep="\n")
        print(f"{record.accuracy:.2f} % of {record.total} [{low:.2f}, {high:.2f}]")
        _warn(source.name, record.warnings)


def _tasks(
    classifiers: Sequence[classifiers.Classifier],
    attacks: Mapping[str, Any],
    shown: Mapping[str, Any],
) -> list[tuple[Any, Any, str, Any]]:
    """Returns source, target or None, name and attack of every evaluation."""
    return [
        (source, None, name, attack)
        for source in classifiers
        for name, attack in {CLEAN: None, **attacks}.items()
    ] + [
        (source, target, name, attack)
        for source, target in itertools.permutations(classifiers, 2)
        for name, attack in shown.items()
    ]


def _check_networks(classifiers: Sequence[classifiers.Classifier]) -> None:
    names = [found.name for found in classifiers]
    if len(set(names)) < len(names):
        raise ValueError(
            "Networks need different names: add ?name=. "
            f"Received: names={', '.join(names)}"
        )
    classes = {found.num_classes for found in classifiers}
    if len(classes) > 1:
        counts = ", ".join(f"{c.name} with {c.num_classes}" for c in classifiers)
        raise ValueError(
            "Transfer is counted between networks of the same classes; drop the class "
            f"of the background with ?background=first or last. Received: {counts}"
        )


def _check_classes(found: classifiers.Classifier, images: folders.Photographs) -> None:
    received = f"{found.name} with {found.num_classes} classes"
    if images.num_classes not in (None, found.num_classes):
        raise ValueError(
            "Class folders are numbered, so they must be the network's classes. A text "
            "file ?classes=FILE may name classes without a folder; ?background=first "
            "drops a background class. "
            f"Received: {images.num_classes} folders, {received}"
        )
    wrong = images.labels[images.labels >= found.num_classes]
    if wrong.size:
        raise ValueError(
            "Labels count the network's classes from 0; ?background=first drops a "
            f"background class. Received: class_index={wrong[0]}, {received}"
        )


def _warn(name: str, warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"warning: {name}: {warning}", file=sys.stderr, flush=True)


def _is_done(path: pathlib.Path, expected: Mapping[str, Any]) -> bool:
    """Whether the record is there, of this attack, seed, networks and images."""
    if not path.exists():
        return False
    found, wanted = files.read_json(path), dict(expected)
    for record in (found, wanted):
        record["images"] = {
            key: value
            for key, value in record.get("images", {}).items()
            if key not in _BESIDE
        }
    return all(overrides.agrees(found.get(key), part) for key, part in wanted.items())
