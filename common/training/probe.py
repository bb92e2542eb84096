"""The robustness probe during training, and the alarm when robustness collapses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from common import attacks, backend
from common import recipe as recipes
from common.evaluation import alarms
from common.lazy import keras, ops
from common.models import logits

NUM_IMAGES = 256


class Probe:
    """Clean, FGSM and PGD accuracy on the first training images, unaugmented."""

    def __init__(
        self,
        network: keras.Model,
        attack: Any,
        data: tuple[Any, Any],
        *,
        batch_size: int = NUM_IMAGES,
        history: Iterable[dict[str, Any]] = (),
    ) -> None:
        """Compiles the probe.

        Args:
          network: pixels of 255 to logits; asked with `training=False`, and through
            the last of its branches if it has any: the one of adversarial images.
          attack: a few steps of PGD. What is counted is the true label, also where the
            attack is targeted.
          data: images float32 [N, H, W, C] in [0, 255] and labels int32 [N].
          batch_size: images at a time; as many as a replica trains on fit into memory.
          history: lines of the probe from before an interruption.
        """
        self._lines, self._attack = list(history), recipes.to_dict(attack)
        self._batches = [
            tuple(
                ops.convert_to_tensor(part[start : start + batch_size]) for part in data
            )
            for start in range(0, len(data[1]), batch_size)
        ]
        fgsm = attacks.FGSM(attack.epsilon)
        *_, adversarial = getattr(network, "branches", ("",))
        logits_fn = logits.inference(network, adversarial)

        def judged(images: Any, labels: Any) -> Any:
            one_step = fgsm(logits_fn, images, labels)
            seen = [images, one_step, attack(logits_fn, images, labels, seed=0)]
            classes = [ops.argmax(logits_fn(x), axis=-1) for x in seen]
            right = [ops.equal(ops.cast(x, labels.dtype), labels) for x in classes]
            # The sign of a gradient that is not all zero moves a pixel.
            still = ops.all(ops.equal(one_step, images), axis=(1, 2, 3))
            return [*right, ops.logical_and(still, right[0])]

        self._judged = backend.compiled(judged)

    def __call__(self) -> dict[str, float]:
        """Returns three accuracies in percent, and the images without a gradient.

        The latter, `no_gradient`, counts images that the network has right, and that
        FGSM leaves as they are.
        """
        found_in = [self._judged(*batch) for batch in self._batches]
        *right, no_gradient = map(np.concatenate, zip(*found_in, strict=True))
        names = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
        found = {
            name: 100.0 * float(np.mean(hits))
            for name, hits in zip(names, right, strict=True)
        }
        return {**found, "no_gradient": int(no_gradient.sum())}

    def alarms(self, step: int, found: dict[str, float]) -> list[str]:
        """Returns what is wrong, a message each; see `common.evaluation.alarms`.

        Args:
          step: updates done.
          found: what calling the probe returned; later alarms look back at it.
        """
        self._lines.append({"step": step, **found})
        return [
            message
            for at, _, message in alarms.of_probe(self._lines, self._attack)
            if at == step
        ]
