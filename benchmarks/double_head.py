"""What the suite ascends for cross-entropy, beside cross-entropy itself in float64.

The suite climbs the log odds against the label. Cross-entropy is an increasing function
of them, so both have one direction, in exact numbers. In float32 cross-entropy loses it
where a network is sure; with a softmax and a loss in float64 it keeps it for longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from benchmarks import peers, records, trained
from common import backend
from common.attacks import FGSM
from common.attacks.attack import Problem

BATCH_SIZE = 50
SURE = 0.99999
IMAGES, SIGNS = "images", "pixels of one sign"
OURS, THEIRS = "right after FGSM", "right after float64 cross-entropy"


def counts(
    networks: Mapping[str, Callable[[Any], Any]], attack: FGSM, found: trained.Trained
) -> records.Counts:
    """Compares the signs of both gradients, and what is right after a step along them.

    Args:
      networks: name -> images -> logits.
      attack: of the suite.
      found: the images.
    """
    cells, pixels = {}, int(np.prod(found.images.shape[1:]))
    for name, logits_fn in networks.items():
        columns = _columns(logits_fn, attack, found)
        for part, chosen in {
            f"less than {SURE:g} sure": columns["sure"] < SURE,
            "all images": np.ones(len(found.labels), bool),
        }.items():
            cells[f"{name}, {part}"] = _cells(columns, chosen, pixels)
    return records.Counts(
        f"{found.description}; FGSM with epsilon {attack.epsilon:g} along the gradient "
        "of this suite and along that of cross-entropy in float64",
        cells,
    )


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Returns -log softmax(logits)[label], in float64 [B]."""
    logits = ops.cast(logits, "float64")
    at_label = ops.take_along_axis(logits, labels[:, None], axis=-1)[:, 0]
    return ops.logsumexp(logits, axis=-1) - at_label


def _columns(
    logits_fn: Callable[[Any], Any], attack: FGSM, found: trained.Trained
) -> dict[str, np.ndarray]:
    """Returns [n] each: how sure, pixels of one sign, and right after either step."""
    parts: dict[str, list[np.ndarray]] = {"sure": [], SIGNS: [], OURS: [], THEIRS: []}
    for images, labels in found.batches(BATCH_SIZE):
        x, y = ops.convert_to_tensor(images), ops.convert_to_tensor(labels)
        climbed: Any = attack.ascended(Problem(logits_fn, x, y))
        ours = _signs(climbed, x)
        theirs = _signs(_total(logits_fn, y), x)
        parts["sure"].append(np.exp(-np.asarray(cross_entropy(y, logits_fn(x)))))
        parts[SIGNS].append((ours == theirs).sum(axis=(1, 2, 3)))
        for name, signs in ((OURS, ours), (THEIRS, theirs)):
            moved = np.clip(images + attack.epsilon * signs, 0, 255)
            parts[name].append(peers.is_right(logits_fn, moved, labels))
    return {name: np.concatenate(each) for name, each in parts.items()}


def _total(logits_fn: Callable[[Any], Any], labels: Any) -> Callable[[Any], Any]:
    return lambda images: ops.sum(cross_entropy(labels, logits_fn(images)))


def _signs(climbed: Callable[[Any], Any], images: Any) -> np.ndarray:
    return np.sign(np.asarray(backend.value_and_gradients(climbed, images)[1]))


def _cells(
    columns: Mapping[str, np.ndarray], chosen: np.ndarray, pixels: int
) -> dict[str, records.Cell]:
    """Returns the cells of the images that are chosen."""
    total = int(chosen.sum())
    return {
        IMAGES: records.Cell(total, len(chosen)),
        SIGNS: records.Cell(int(columns[SIGNS][chosen].sum()), total * pixels),
        OURS: records.Cell(int(columns[OURS][chosen].sum()), total),
        THEIRS: records.Cell(int(columns[THEIRS][chosen].sum()), total),
    }
