"""Losses of one example each: labels int [B], logits float [B, K] -> float32 [B].

An attack ascends them; a targeted attack ascends the negative loss at its target.
Training averages them with `Method.mean`.
"""

from __future__ import annotations

from typing import Any

from common.lazy import ops

_TINY = 1e-12  # keeps ratios finite where all logits are equal


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


def targeted_margin(labels: Any, targets: Any, logits: Any) -> Any:
    """Returns z_target - z_label (MultiTargeted, Gowal 2019)."""
    is_label, logits = _split(labels, logits)
    is_target, _ = _split(targets, logits)
    signs = ops.cast(is_target, "float32") - ops.cast(is_label, "float32")
    return ops.sum(signs * logits, axis=-1)


def dlr(labels: Any, logits: Any) -> Any:
    """Returns the margin divided by z_1 - z_3, where z_i is the i-th largest logit.

    It is the difference of logits ratio of Croce and Hein (2020), section 4, which does
    not change with the scale of the logits. With two classes it is the margin.
    """
    if logits.shape[-1] < 3:
        return margin(labels, logits)
    first, _, third = _largest(3, logits)
    return margin(labels, logits) / (first - third + _TINY)


def targeted_dlr(labels: Any, targets: Any, logits: Any) -> Any:
    """Returns z_target - z_label divided by z_1 - (z_3 + z_4) / 2; z_i as in `dlr`.

    With fewer than four classes it is z_target - z_label.
    """
    if logits.shape[-1] < 4:
        return targeted_margin(labels, targets, logits)
    first, _, third, fourth = _largest(4, logits)
    scale = first - (third + fourth) / 2 + _TINY
    return targeted_margin(labels, targets, logits) / scale


def nearness(labels: Any, logits: Any) -> Any:
    """Returns the margin divided by z_1 - (z_3 + z_4) / 2; z_i as in `dlr`.

    It is the largest `targeted_dlr` of a wrong class.
    """
    is_label, logits = _split(labels, logits)
    best_other = ops.argmax(ops.where(is_label, -float("inf"), logits), axis=-1)
    return targeted_dlr(labels, best_other, logits)


def gap_scaled(labels: Any, logits: Any) -> Any:
    """Returns the log odds against the label of logits whose two largest differ by 1.

    The logits are divided by their own gap, which counts as a constant. So the
    probabilities of the other classes keep a part, however sure the network is; after
    Yu and Xu (2023), who divide by a tenth of the gap. APGD also compares these losses
    at different points, where the gaps differ, so a higher one need not be nearer.
    """
    first, second = _largest(2, logits)
    gap = ops.stop_gradient(ops.maximum(first - second, _TINY))
    return log_odds_against(labels, ops.cast(logits, "float32") / gap[:, None])


def entropy(logits: Any) -> Any:
    """Returns the entropy of softmax(logits) in nats; it has no label."""
    log_probabilities = ops.log_softmax(ops.cast(logits, "float32"))
    return -ops.sum(ops.exp(log_probabilities) * log_probabilities, axis=-1)


def _largest(count: int, logits: Any) -> list[Any]:
    """Returns the largest logits in order, each float32 [B]."""
    values, _ = ops.top_k(ops.cast(logits, "float32"), count)
    return [values[:, place] for place in range(count)]


def _split(labels: Any, logits: Any) -> tuple[Any, Any]:
    """Returns bool [B, K], where the label is, and the logits in float32."""
    logits = ops.cast(logits, "float32")
    return ops.one_hot(labels, logits.shape[-1], dtype="bool"), logits
