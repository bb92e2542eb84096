"""What an attack ascends: its loss, at the label or away from a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from common import backend
from common.attacks import losses

LOSSES = {"cross_entropy": losses.cross_entropy, "margin": losses.margin}
TARGETED = ("no", "random", "least_likely")
_TARGET_STREAM = 1  # keeps the draw of targets apart from the draw of starts


def objective(
    logits_fn: Callable[[Any], Any],
    images: Any,
    labels: Any,
    *,
    loss: str = "cross_entropy",
    targeted: str = "no",
    seed: Any = 0,
) -> Callable[[Any], Any]:
    """Returns adversarial images -> the scalar to ascend.

    It is a sum over the batch, so that no example's gradient depends on how many
    others there are. The margin is cut at 0: an attack that has succeeded stands still.

    Args:
      logits_fn: images -> logits [B, K].
      images: float32 [B, H, W, C] in [0, 255], before the attack.
      labels: int32 [B].
      loss: a key of `LOSSES`.
      targeted: `no` ascends the loss at the label; `random` and `least_likely` descend
        it at a wrong class drawn uniformly, or at the clean image's least likely one.
      seed: of the random targets.
    """
    example_loss = LOSSES[loss]
    choose = _chooser(targeted, logits_fn, images, labels, seed=seed)
    sign = 1.0 if targeted == "no" else -1.0

    def ascended(adv_images: Any) -> Any:
        logits = logits_fn(adv_images)
        values = sign * example_loss(choose(logits.shape[-1]), logits)
        return ops.sum(ops.minimum(values, 0.0) if loss == "margin" else values)

    return ascended


def random_target(labels: Any, draws: Any, num_classes: int) -> Any:
    """Returns int32 [B]: a class uniform among those that are not the label.

    Args:
      labels: int32 [B].
      draws: float32 [B], uniform in [0, 1).
      num_classes: K, at least 2.
    """
    others = ops.cast(ops.floor(draws * (num_classes - 1)), "int32")
    others = ops.minimum(others, num_classes - 2)  # a draw may round up to 1
    labels = ops.cast(labels, "int32")
    return others + ops.cast(others >= labels, "int32")


def _chooser(
    targeted: str, logits_fn: Any, images: Any, labels: Any, *, seed: Any
) -> Callable[[int], Any]:
    """Returns number of classes -> the class that the loss is taken at."""
    if targeted == "no":
        return lambda _: labels
    if targeted == "least_likely":
        target = ops.stop_gradient(ops.argmin(logits_fn(images), axis=-1))
        return lambda _: target
    keys = backend.example_keys(images)
    draws = backend.uniform(labels.shape, backend.fold(seed, _TARGET_STREAM), keys=keys)
    return lambda num_classes: random_target(labels, draws, num_classes)
