"""Losses of one example each: labels int [B], logits float [B, K] -> float32 [B].

An attack ascends them; a targeted attack ascends the negative loss at its target.
Training averages them with `Method.mean`.
"""

from __future__ import annotations

from typing import Any

from common.lazy import ops


def cross_entropy(labels: Any, logits: Any) -> Any:
    """Returns -log softmax(logits)[label]."""
    logits = ops.cast(logits, "float32")
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def smoothed_cross_entropy(labels: Any, logits: Any, smoothing: float) -> Any:
    """Returns the cross-entropy to a target that gives every class smoothing / K.

    The label keeps the rest, 1 - smoothing + smoothing / K (Szegedy 2016, Sec. 7).
    """
    if not smoothing:
        return cross_entropy(labels, logits)
    log_probabilities = ops.log_softmax(ops.cast(logits, "float32"))
    uniform = -ops.mean(log_probabilities, axis=-1)
    return (1 - smoothing) * cross_entropy(labels, logits) + smoothing * uniform


def log_odds_against(labels: Any, logits: Any) -> Any:
    """Returns log sum over the others of exp(z), minus z_label: log (1 - p) / p.

    With d for it, cross-entropy is log(1 + exp(d)), an increasing function. So the
    gradients of both have one direction, and this one does not vanish where the network
    is sure of the label: there, cross-entropy's is a multiple of 1 - p, which is 0 in
    float32 from p = 1 - 6e-8 on.
    """
    is_label, logits = _split(labels, logits)
    others = ops.logsumexp(ops.where(is_label, -float("inf"), logits), axis=-1)
    return others - ops.max(ops.where(is_label, logits, -float("inf")), axis=-1)


def margin(labels: Any, logits: Any) -> Any:
    """Returns max over the others of z - z_label: positive where misclassified."""
    is_label, logits = _split(labels, logits)
    best_other = ops.max(ops.where(is_label, -float("inf"), logits), axis=-1)
    return best_other - ops.max(ops.where(is_label, logits, -float("inf")), axis=-1)


def entropy(logits: Any) -> Any:
    """Returns the entropy of softmax(logits) in nats; it has no label."""
    log_probabilities = ops.log_softmax(ops.cast(logits, "float32"))
    return -ops.sum(ops.exp(log_probabilities) * log_probabilities, axis=-1)


def _split(labels: Any, logits: Any) -> tuple[Any, Any]:
    """Returns bool [B, K], where the label is, and the logits in float32."""
    logits = ops.cast(logits, "float32")
    return ops.one_hot(labels, logits.shape[-1], dtype="bool"), logits
