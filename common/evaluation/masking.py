"""Signs of masked gradients: what one step reaches of what many steps find.

A network may resist an attack of one step because it has become robust, or because its
gradient at the image no longer says where the loss is high. Three numbers tell the two
apart (Tramèr et al., 2018, Sec. 4): the share of the largest loss found that one step
reaches, the cosine between the perturbations of one step and of many, and the norm of
the gradient, which is not small where gradients are masked.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from common import backend, intervals
from common import recipe as recipes
from common.attacks import losses
from common.evaluation import accuracy, attackable, record, stream
from common.evaluation import judges as judging
from common.lazy import ops

RANGE = 255.0  # the norm is of a gradient towards pixels in [0, 1]
_TINY = 1e-12  # below, a perturbation has no direction


@dataclasses.dataclass(frozen=True)
class MaskingRecord(record.Counted):
    """What one step reaches on each image; `survived` is whether it stays right.

    Attributes:
      loss_share: float32 [total] in [0, 1]: cross-entropy at the label after one step,
        over the larger of that and what many steps find; 1 where both are 0.
      cosine: float32 [total] in [-1, 1], between the two perturbations; 0 where one of
        them is 0.
      gradient_norm: float32 [total], the Euclidean norm of the gradient of the
        cross-entropy at the label, towards an image of pixels in [0, 1].
      attack: of one step, as JSON values.
      against: of many steps, as JSON values.
      seed: of both attacks.
      seconds: that it took, with what it had to compile.
      notes: further entries of the JSON file.
    """

    loss_share: np.ndarray
    cosine: np.ndarray
    gradient_norm: np.ndarray
    attack: Any = None
    against: Any = None
    seed: int = 0
    seconds: float = 0.0
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def means(self) -> dict[str, intervals.Estimate]:
        """The mean of each number over the images, with its 95 % interval."""
        return {
            name: intervals.mean(getattr(self, name))
            for name in ("loss_share", "cosine", "gradient_norm")
        }

    def save(self, path: pathlib.Path) -> None:
        """Writes `path` (JSON) and the numbers of all images beside it (`.npz`)."""
        content = {
            **self.notes,
            "attack": self.attack,
            "against": self.against,
            "seed": self.seed,
            "correct": self.correct,
            "total": self.total,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            **{name: found.value for name, found in self.means.items()},
            "seconds": self.seconds,
        }
        arrays = {name: getattr(self, name) for name in self.means}
        record.write(path, content, {"survived": self.survived, **arrays})


def gradient_masking(
    logits_fn: Callable[[Any], Any] | judging.Judges,
    dataset: Iterable[Any],
    one_step: Any,
    many_steps: Any,
    *,
    seed: int = 0,
) -> MaskingRecord:
    """Compares an attack of one step with one of many, image by image.

    Args:
      logits_fn: images [B, H, W, C] in [0, 255] -> logits [B, K]; states the batch norm
        mode and branch. Or `Judges` of it, which earlier evaluations have used.
      dataset: finite, of (images, labels) batches of any sizes.
      one_step: from `common.attacks`.
      many_steps: from `common.attacks`, of the same radius.
      seed: of both attacks.

    Raises:
      ValueError: as for `evaluate`.
      GradientError: a ValueError, likewise.
    """
    begin = time.perf_counter()
    for attack in (one_step, many_steps):
        seed = accuracy.check_settings(attack, seed, None)
    judges = judging.of_network(logits_fn)
    examples = stream.Examples(dataset, judges.questions)
    size = examples.first_size
    watch = attackable.Watch(judges, one_step, seed=seed, size=size)
    watch.check_first(*examples.first)
    ask = backend.compiled(_question(judges, one_step, many_steps, seed))
    found: list[np.ndarray] = []
    while pool := examples.take(examples.first_size):
        slots = pool + pool[:1] * (examples.first_size - len(pool))  # one shape for all
        images = np.stack([slot.image for slot in slots]).astype(np.float32)
        labels = np.array([slot.label for slot in slots], np.int32)
        found.append(np.stack(ask(images, labels))[:, : len(pool)])
    right, loss_share, cosine, norm, known = np.concatenate(found, axis=1)
    judging.check_finite(known > 0)
    return MaskingRecord(
        right.astype(bool),
        loss_share,
        cosine,
        norm,
        attack=recipes.to_dict(one_step),
        against=recipes.to_dict(many_steps),
        seed=seed,
        seconds=time.perf_counter() - begin,
    )


def _question(
    judges: judging.Judges, one_step: Any, many_steps: Any, seed: int
) -> Callable[..., Any]:
    """Returns images, labels -> right after one step, and the numbers; float32 [B].

    The last number is 1 where all logits are finite, else 0.
    """
    logits_fn = judges.logits_fn

    def ask(images: Any, labels: Any) -> Any:
        reached = [
            attack(judges.attacked_fn, images, labels, seed=seed)
            for attack in (one_step, many_steps)
        ]
        logits = [logits_fn(adv_images) for adv_images in reached]
        one, many = (losses.cross_entropy(labels, each) for each in logits)
        best = ops.maximum(one, many)
        share = ops.where(best > 0, one / ops.maximum(best, _TINY), 1.0)
        classes = ops.cast(ops.argmax(logits[0], axis=-1), "int32")
        right = ops.cast(ops.equal(classes, labels), "float32")
        cosine = _cosine(*(adv_images - images for adv_images in reached))
        known = ops.all(ops.isfinite(ops.stack(logits)), axis=(0, -1))
        norm = gradient_norm(logits_fn, images, labels)
        return right, share, cosine, norm, ops.cast(known, "float32")

    return ask


def gradient_norm(logits_fn: Callable[[Any], Any], images: Any, labels: Any) -> Any:
    """Returns float32 [B]: the norm of the gradient of each image's cross-entropy.

    Args:
      logits_fn: images -> logits.
      images: float32 [B, H, W, C] in [0, 255]; the gradient is towards pixels in
        [0, 1].
      labels: int32 [B].
    """

    def loss(images: Any) -> Any:
        return ops.sum(losses.cross_entropy(labels, logits_fn(images)))

    _, gradient = backend.value_and_gradients(loss, images)
    return RANGE * _norm(gradient)


def _cosine(left: Any, right: Any) -> Any:
    """Returns float32 [B], between tensors [B, H, W, C]."""
    product = ops.sum(left * right, axis=(1, 2, 3))
    return product / ops.maximum(_norm(left) * _norm(right), _TINY)


def _norm(tensor: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(tensor), axis=(1, 2, 3)))
