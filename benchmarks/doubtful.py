"""g. Networks that look robust and are not, as this suite and other libraries see them.

Every network has the weights of the first. Its classes are the same or nearly so, so an
attack that finds less than on the first was blinded. Like `peers`, it runs where the
other libraries are installed.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from benchmarks import double_head, peer_attacks, peers, records, setting, trained
from common import evaluation
from common.attacks import FGSM, PGD

NUM_IMAGES = 100
BATCH_SIZE = 50
NUM_STEPS = 10
DARK = 100.0  # mean pixel below which a network's gradient is cut in part
FLOAT32, SURER, LOGS, HALF = (
    "float32",
    "logits times 100",
    "log-softmax at the end",
    "mixed_float16",
)
LIBRARIES: dict[str, peer_attacks.Build] = {
    "foolbox": peer_attacks.foolbox,
    "cleverhans": peer_attacks.cleverhans,
    "ART": peer_attacks.art,
}

LogitsFn = Callable[[Any], Any]


def measure(
    workdir: pathlib.Path, *classifiers: str, num_images: int = NUM_IMAGES
) -> tuple[records.Counts, ...]:
    """Counts what every library leaves right of every network.

    Args:
      workdir: the runs, one of which trained the network.
      *classifiers: further networks, as `trained.from_file` takes them.
      num_images: of the test set.
    """
    loaders = [functools.partial(trained.load, workdir, num_images)]
    loaders += [
        functools.partial(trained.from_file, workdir, spec, num_images)
        for spec in classifiers
    ]
    pairs = [(load(), load()) for load in loaders]  # all, before any is counted
    return tuple(table for found, half in pairs for table in _tables(found, half))


def networks(logits_fn: LogitsFn, half_fn: LogitsFn) -> dict[str, LogitsFn]:
    """Returns name -> images -> answers.

    Args:
      logits_fn: the network in float32.
      half_fn: the same weights, computing in float16.
    """

    def in_part(images: Any) -> Any:
        logits = logits_fn(images)
        is_dark = ops.mean(images, axis=(1, 2, 3))[:, None] < DARK
        return ops.where(is_dark, ops.stop_gradient(logits), logits)

    return {
        FLOAT32: logits_fn,
        SURER: lambda images: 100.0 * logits_fn(images),
        LOGS: lambda images: ops.log_softmax(logits_fn(images)),
        HALF: half_fn,
        "cast to uint8 at the input": lambda images: logits_fn(
            ops.cast(ops.cast(images, "uint8"), "float32")
        ),
        "rounding at the input": lambda images: logits_fn(ops.round(images)),
        "x - x % 1 at the input": lambda images: logits_fn(images - images % 1.0),
        "stop_gradient": lambda images: ops.stop_gradient(logits_fn(images)),
        "stop_gradient for dark images": in_part,
        "softmax at the end": lambda images: ops.softmax(logits_fn(images)),
        "sigmoids at the end": lambda images: ops.sigmoid(logits_fn(images)),
    }


def in_half(network: keras.Model) -> keras.Model:
    """Returns the network after all its layers were set to compute in float16."""
    for layer in network._flatten_layers():
        layer.dtype_policy = "mixed_float16"
    return network


def left_right(
    library: str, logits_fn: LogitsFn, attack: FGSM | PGD, found: trained.Trained
) -> records.Cell:
    """Returns how many images a library leaves right, or why it does not say.

    Args:
      library: one of `LIBRARIES`, or `peers.OURS`, which evaluates.
      logits_fn: the network, which is also the judge.
      attack: with which radius and steps.
      found: the images.
    """
    keras.utils.set_random_seed(0)
    try:
        if library == peers.OURS:
            batches = list(found.batches(BATCH_SIZE))
            record = evaluation.evaluate(logits_fn, batches, attack)
            said = "; ".join(record.warnings)
            return records.Cell(record.correct, record.total, said)
        shape = found.images.shape[1:]
        run, count = LIBRARIES[library](logits_fn, attack, shape), 0
        for images, labels in found.batches(BATCH_SIZE):
            adv_images = np.asarray(run(tf.constant(images), tf.constant(labels)))
            peers.check(adv_images, images, attack.epsilon)
            count += int(peers.is_right(logits_fn, adv_images, labels).sum())
    except Exception as error:  # whatever is raised is the finding
        return records.Cell(None, len(found.labels), peers.reason(error))
    return records.Cell(count, len(found.labels))


def _tables(found: trained.Trained, half: trained.Trained) -> Iterator[records.Counts]:
    """Yields a table for each attack, and one for what the suite ascends."""
    in_half(half.network)
    shown = networks(found.logits_fn, half.logits_fn)
    pgd = dataclasses.replace(found.attack, num_steps=NUM_STEPS)
    fgsm = FGSM(pgd.epsilon)
    attacks: dict[str, FGSM | PGD] = {
        f"FGSM with epsilon {fgsm.epsilon:g}": fgsm,
        setting.attack_name(pgd): pgd,
    }
    for name, attack in attacks.items():
        cells = {row: _row(row, fn, attack, found) for row, fn in shown.items()}
        yield records.Counts(f"{found.description}; {name}", cells)
    asked = {row: shown[row] for row in (FLOAT32, SURER, LOGS, HALF)}
    yield double_head.counts(asked, fgsm, found)


def _row(
    name: str, logits_fn: LogitsFn, attack: FGSM | PGD, found: trained.Trained
) -> Mapping[str, records.Cell]:
    print(f"{name}, {type(attack).__name__}", flush=True)
    clean = peers.is_right(logits_fn, found.images, found.labels)
    return {
        "clean": records.Cell(int(clean.sum()), len(clean)),
        **{
            library: left_right(library, logits_fn, attack, found)
            for library in (peers.OURS, *LIBRARIES)
        },
    }
