"""A few images before and after an attack, for the report to show."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from common import backend, files
from common import recipe as recipes
from common.attacks import adapted
from common.data import unreadable

COUNT = 8  # images shown


def quickest(evaluations: Iterable[recipes.Evaluation]) -> recipes.Evaluation | None:
    """Returns the evaluation whose attack has the fewest steps, to be shown.

    Args:
      evaluations: those of clean images, noise, transfers and attacks of several parts
        are left out; None is returned where there are no others.
    """

    def steps(evaluation: recipes.Evaluation) -> int:
        return adapted.adapted(evaluation.attack).rounds.num_steps

    shown = [
        evaluation
        for evaluation in evaluations
        if evaluation.attack
        and steps(evaluation)  # noise has none
        and not evaluation.target
        and len(adapted.adapted(evaluation.attack).parts) == 1
    ]
    return min(shown, key=steps, default=None)


def save(
    path: pathlib.Path,
    logits_fn: Callable[[Any], Any],
    dataset: Iterable[Any],
    attack: Any,
) -> None:
    """Attacks the first batch and writes it with the predictions.

    Args:
      path: of the `.npz`: clean and adversarial images float32 [B, H, W, C] in
        [0, 255], labels, predictions_clean and predictions_adversarial int [B], and
        `attack`, in words.
      logits_fn: images -> logits.
      dataset: of (images, labels) batches.
      attack: from `common.attacks`.
    """
    images, labels = map(np.asarray, next(unreadable.batches(dataset)))

    def attacked(images: Any, labels: Any) -> Any:
        return attack(logits_fn, images, labels, seed=0)

    adv_images = backend.compiled(attacked)(images, labels)
    arrays = {
        "clean": images,
        "adversarial": np.asarray(adv_images),
        "labels": labels,
        "predictions_clean": np.argmax(logits_fn(images), -1),
        "predictions_adversarial": np.argmax(logits_fn(adv_images), -1),
        "attack": np.array(_words(attack)),
    }
    with files.whole(path) as file:
        np.savez_compressed(file, **arrays)


def _words(attack: Any) -> str:
    """Returns the kind of an attack, with its radius if it has one."""
    epsilon = getattr(attack, "epsilon", None)
    return type(attack).__name__ + (f" at epsilon {epsilon:g}" if epsilon else "")
