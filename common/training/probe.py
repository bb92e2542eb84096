"""The robustness probe during training, and the alarm when robustness collapses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from common import attacks, backend
from common.evaluation import logits

NUM_IMAGES = 256
COLLAPSE = 20.0  # points; public code stops at the same fall of its own probe


class Probe:
    """Clean, FGSM and PGD accuracy on the first training images, unaugmented."""

    def __init__(
        self,
        network: keras.Model,
        attack: Any,
        data: tuple[Any, Any],
        *,
        history: Iterable[dict[str, Any]] = (),
    ) -> None:
        """Compiles the probe.

        Args:
          network: pixels of 255 to logits; asked with `training=False`, and through
            the last of its branches if it has any: the one of adversarial images.
          attack: a few steps of PGD. What is counted is the true label, also where the
            attack is targeted.
          data: images float32 [N, H, W, C] in [0, 255] and labels int32 [N].
          history: lines of the probe from before an interruption.
        """
        self._best = max((line["pgd_accuracy"] for line in history), default=0.0)
        self._data = tuple(ops.convert_to_tensor(part) for part in data)
        fgsm = attacks.FGSM(attack.epsilon)
        *_, adversarial = getattr(network, "branches", ("",))
        logits_fn = logits.inference(network, adversarial)

        def accuracies(images: Any, labels: Any) -> list[Any]:
            seen = [images, fgsm(logits_fn, images, labels)]
            seen.append(attack(logits_fn, images, labels, seed=0))
            classes = [ops.argmax(logits_fn(x), axis=-1) for x in seen]
            return [
                ops.equal(ops.cast(found, labels.dtype), labels) for found in classes
            ]

        self._accuracies = backend.compiled(accuracies)

    def __call__(self) -> dict[str, float]:
        """Returns the three accuracies in percent."""
        names = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
        correct = self._accuracies(*self._data)
        return {
            name: 100.0 * float(np.mean(hits))
            for name, hits in zip(names, correct, strict=True)
        }

    def alarm(self, accuracies: dict[str, float]) -> str | None:
        """Returns what is wrong, or None.

        Catastrophic overfitting shows as PGD accuracy that falls from what it was
        (Wong et al., 2020), or, in a network that was robust, far below FGSM's.
        """
        pgd, fgsm = accuracies["pgd_accuracy"], accuracies["fgsm_accuracy"]
        self._best = max(self._best, pgd)
        if pgd < self._best - COLLAPSE:
            return (
                f"robustness collapsed: PGD accuracy {pgd:.1f} % after "
                f"{self._best:.1f} %; training has overfitted to its own attack"
            )
        if self._best > COLLAPSE and pgd < fgsm - COLLAPSE:
            return (
                f"PGD accuracy {pgd:.1f} % is far below FGSM's {fgsm:.1f} %: the "
                "network masks its gradients"
            )
        return None
