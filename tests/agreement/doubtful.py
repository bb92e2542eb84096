"""Networks that look robust and are not, as evaluations see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from common import attacks, data, evaluation
from tests import agreement

COUNT, RADIUS = 60, 60.0
IMAGES, LABELS = data.Digits().arrays("test", None)
IMAGES, LABELS = np.float32(IMAGES[:COUNT]), LABELS[:COUNT]
DARK = float(np.sort(IMAGES.mean(axis=(1, 2, 3)))[COUNT // 4])
ATTACKS = {
    "clean": None,
    "FGSM": attacks.FGSM(RADIUS),
    "PGD": attacks.PGD(RADIUS, 15.0, 8),
    "margin": attacks.PGD(RADIUS, 15.0, 8, loss="margin"),
    "noise": attacks.RandomSign(RADIUS),
}
Network = Callable[[Any], Any]


def _means() -> np.ndarray:
    images, labels = data.Digits().train_slice(data.Digits.num_train)
    flat = images.reshape(len(images), -1) / 255.0
    return np.float32([flat[labels == k].mean(0) for k in range(10)])


MEANS = _means()


def honest(images: Any, dtype: str = "float32") -> Any:
    """Minus the squared distances to the mean images of the classes, bent."""
    flat = ops.cast(ops.reshape(images, (-1, 64)) / 255.0, dtype)
    apart = flat[:, None] - ops.cast(ops.convert_to_tensor(MEANS), dtype)
    return -ops.sum(ops.tanh(2 * apart) ** 2, -1)


def in_part(images: Any) -> Any:
    """The honest network, whose gradient is cut where an image is dark."""
    logits = honest(images)
    is_dark = ops.mean(images, axis=(1, 2, 3))[:, None] < DARK
    return ops.where(is_dark, ops.stop_gradient(logits), logits)


NETWORKS: dict[str, Network] = {
    "honest": honest,
    "sure": lambda x: 100 * honest(x),
    "very sure": lambda x: 1e4 * honest(x),
    "float16": lambda x: honest(x, "float16"),
    "log-probabilities": lambda x: ops.log_softmax(honest(x)),
    "ensemble": lambda x: ops.log(
        (ops.softmax(honest(x)) + ops.softmax(0.5 * honest(x))) / 2
    ),
    "in part": in_part,
    "integers": lambda x: honest(ops.cast(ops.cast(x, "uint8"), "float32")),
    "rounded": lambda x: honest(ops.round(x)),
    "steps": lambda x: honest(255.0 * ops.cast(x > 128.0, "float32")),
    "stopped": lambda x: ops.stop_gradient(honest(x)),
    "signs": lambda x: honest(127.5 + 127.5 * ops.sign(x - 128.0)),
    "probabilities": lambda x: ops.softmax(honest(x)),
    "percent": lambda x: 100 * ops.softmax(honest(x)),
    "sigmoids": lambda x: ops.sigmoid(honest(x) + 8.0),
    "ends": lambda x: 7 * ops.tanh(20 * (honest(x) + 8.0)),
    "not a number": lambda x: honest(x) * float("nan"),
}


def seen(network: Network) -> agreement.Arrays:
    """Returns what survives each attack, and images without gradient, or a refusal."""
    found: agreement.Arrays = {}
    judges = evaluation.Judges(network)
    for name, attack in ATTACKS.items():
        try:
            record = evaluation.evaluate(judges, [(IMAGES, LABELS)], attack, seed=3)
        except ValueError as error:
            found[name] = np.array(str(error))
            continue
        found[name] = np.array(record.correct)
        if attack:
            found[f"{name}, no gradient"] = np.array(int(record.no_gradient.sum()))
    return found


def calls() -> agreement.Arrays:
    """Returns what direct calls of an attack say, "" where they attack."""
    given: dict[str, dict[str, Any]] = {
        "row": {},
        "column": {"labels": LABELS[:, None]},
        "one-hot": {"labels": np.eye(10, dtype=np.int32)[LABELS]},
        "floats": {"labels": LABELS.astype(np.float32)},
        "text": {"labels": LABELS.astype(str)},
        "outside": {"labels": np.full(COUNT, 10)},
        "negative": {"labels": np.full(COUNT, -1)},
        "wrapped": {"labels": LABELS.astype(np.int64) + 2**32},
        "too few": {"labels": LABELS[:-1]},
        "units": {"images": IMAGES / 255},
        "one class": {"logits_fn": lambda x: honest(x)[:, :1], "labels": 0 * LABELS},
        "seed": {"seed": 1.5},
    }
    found = {}
    for name, changes in given.items():
        call = {"logits_fn": honest, "images": IMAGES, "labels": LABELS, **changes}
        try:
            attacks.FGSM(RADIUS)(**call)
            found[name] = np.array("")
        except ValueError as error:
            found[name] = np.array(str(error))
    return found


CASES = {
    "calls": calls,
} | {name: lambda network=network: seen(network) for name, network in NETWORKS.items()}
SLOW: dict[str, Callable[[], agreement.Arrays]] = {}
