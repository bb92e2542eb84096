"""What an attack ascends: a loss at a class, up from it or down towards it.

Steps take the direction of an image's gradient alone, which cross-entropy shares with
the log odds against the label; so these are ascended, whose gradient does not vanish.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from common import backend
from common.attacks import cost as costs
from common.attacks import losses
from common.names import lookup

LOSSES = ("cross_entropy", "margin")
# Where the class comes from, and the sign of the loss there: -1 makes it a target.
SOURCES = {"true": 1.0, "predicted": 1.0, "least_likely": -1.0, "random": -1.0}
_DECIDED = {"predicted": ops.argmax, "least_likely": ops.argmin}
_TARGET_STREAM = -1  # of the seed; restarts count up from 0


def objective(
    logits_fn: Callable[[Any], Any],
    images: Any,
    labels: Any,
    *,
    source: str = "true",
    loss: str = "cross_entropy",
    cost: costs.TrainingCost = costs.HARD,
    one_step: bool = False,
    seed: Any = 0,
) -> Callable[[Any], Any]:
    """Returns adversarial images -> the scalar to ascend.

    It is a sum over the batch, so that no example's gradient depends on how many
    others there are. The margin is cut at 0: an attack that has succeeded stands still.

    Args:
      logits_fn: images -> logits [B, K].
      images: float32 [B, H, W, C] in [0, 255], before the attack.
      labels: int32 [B].
      source: the class of the loss. The attack leads away from `true` (the label) and
        from `predicted`. It leads towards `least_likely` and `random` (uniform over the
        classes that are not the label), so their loss is negated. The network decides
        on the clean images.
      loss: a key of `LOSSES`.
      cost: what stands for `cross_entropy`: with smoothed labels, or at several heads.
      one_step: it will be asked at `images` alone, so the network decides in that same
        forward pass; otherwise it does so here, in one more.
      seed: of the random classes: int, or int64 [B].
    """
    choose = chooser(
        logits_fn, images, labels, source=source, one_step=one_step, seed=seed
    )
    return at_class(choose, logits_fn, source=source, loss=loss, cost=cost)


def chooser(
    logits_fn: Callable[[Any], Any],
    images: Any,
    labels: Any,
    *,
    source: str,
    one_step: bool = False,
    seed: Any = 0,
) -> Callable[[Any], Any]:
    """Returns logits [B, K] -> int [B], the class of the loss.

    Arguments as for `objective`; the logits are those of the adversarial images.

    Raises:
      ValueError: unknown source.
    """
    lookup(SOURCES, source, "class of an attack's loss")
    if source in _DECIDED:
        return _decided(_DECIDED[source], logits_fn, images, one_step=one_step)
    return _given(source, images, labels, seed=seed)


def at_class(
    choose: Callable[[Any], Any],
    logits_fn: Callable[[Any], Any],
    *,
    source: str,
    loss: str,
    cost: costs.TrainingCost = costs.HARD,
) -> Callable[[Any], Any]:
    """Returns `objective` at the classes that a `chooser` has chosen.

    Args:
      choose: logits [B, K] -> the class of the loss [B].
      logits_fn: as for `objective`.
      source: as for `objective`.
      loss: as for `objective`.
      cost: as for `objective`.
    """
    sign = SOURCES[source]

    def ascended(adv_images: Any) -> Any:
        heads = cost.heads(logits_fn, adv_images)
        classes = choose(heads[0])
        if loss == "margin":
            margins = sign * losses.margin(classes, heads[0])
            return ops.sum(ops.minimum(margins, 0.0))
        return ops.sum(sign * cost.ascended(classes, heads))

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


def _decided(
    pick: Callable[..., Any], logits_fn: Any, images: Any, *, one_step: bool
) -> Callable[[Any], Any]:
    """Returns logits [B, K] -> the class [B] that the network decides on."""
    if one_step:
        return lambda logits: pick(logits, axis=-1)
    classes = pick(logits_fn(images), axis=-1)
    return lambda _: classes


def _given(source: str, images: Any, labels: Any, *, seed: Any) -> Callable[[Any], Any]:
    """Returns logits [B, K] -> the label, or another class drawn by the seed [B]."""
    if source == "true":
        return lambda _: labels
    keys = backend.example_keys(images)
    draws = backend.uniform(labels.shape, backend.fold(seed, _TARGET_STREAM), keys=keys)
    return lambda logits: random_target(labels, draws, logits.shape[-1])
