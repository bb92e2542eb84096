"""Losses of one example each: labels int [B], logits float [B, K] -> float32 [B].

An attack ascends them; a targeted attack ascends the negative loss at its target.
Training averages them with `Method.mean`.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Returns -log softmax(logits)[label]."""
    logits = ops.cast(logits, "float32")
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def margin(labels: Any, logits: Any) -> Any:
    """Returns max over the others of z - z_label: positive where misclassified."""
    logits = ops.cast(logits, "float32")
    is_label = ops.one_hot(labels, logits.shape[-1], dtype="bool")
    label_logit = ops.max(ops.where(is_label, logits, -float("inf")), axis=-1)
    best_other = ops.max(ops.where(is_label, -float("inf"), logits), axis=-1)
    return best_other - label_logit
