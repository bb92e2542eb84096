"""What an attack ascends: a loss at a class, up from it or down towards it.

Steps use only the direction of an image's gradient. Cross-entropy and the log odds
against the label have the same direction. So the log odds are ascended: their gradient
does not vanish.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common import backend
from common.attacks import attack, losses
from common.attacks import cost as costs
from common.lazy import ops
from common.names import lookup

LOSSES = ("cross_entropy", "margin")
# Where the class comes from, and the sign of the loss there: -1 makes it a target.
SOURCES = {"true": 1.0, "predicted": 1.0, "least_likely": -1.0, "random": -1.0}
_DECIDED = {"predicted": "argmax", "least_likely": "argmin"}  # of the logits
_TARGET_STREAM = -1  # of the seed; restarts count up from 0


@dataclasses.dataclass(frozen=True)
class Objective:
    """A loss at a class: `objective(adv_images)` is the scalar to ascend.

    It is a sum over the batch, so that no example's gradient depends on how many
    others there are. The margin is cut at 0: an attack that has succeeded stands still.

    Attributes:
      logits_fn: images -> logits [B, K].
      choose: logits [B, K] of adversarial images -> int [B], the class of the loss.
      sign: 1.0 to leave the class, -1.0 to get there.
      loss: one of `LOSSES`.
      cost: what stands for `cross_entropy`: with smoothed labels, or at several heads.
    """

    logits_fn: Callable[[Any], Any]
    choose: Callable[[Any], Any]
    sign: float
    loss: str
    cost: costs.TrainingCost

    def __call__(self, adv_images: Any) -> Any:
        """Returns the sum of the losses of images [B, H, W, C]."""
        return self.with_logits(adv_images)[0]

    def with_logits(self, adv_images: Any) -> tuple[Any, Any]:
        """Returns the sum of the losses of images [B, H, W, C], and the logits."""
        heads = self.cost.heads(self.logits_fn, adv_images)
        classes = self.choose(heads[0])
        if self.loss == "margin":
            margins = self.sign * losses.margin(classes, heads[0])
            return ops.sum(ops.minimum(margins, 0.0)), heads[0]
        return ops.sum(self.sign * self.cost.ascended(classes, heads)), heads[0]


def objective(
    problem: attack.Problem,
    *,
    source: str = "true",
    loss: str = "cross_entropy",
    cost: costs.TrainingCost = costs.HARD,
    one_step: bool = False,
) -> Objective:
    """Returns the objective of an attack.

    Args:
      problem: what the attack is to solve.
      source: the class of the loss. The attack leads away from `true` (the label) and
        from `predicted`. It leads towards `least_likely` and `random` (uniform over the
        classes that are not the label), so their loss is negated. The network decides
        on the clean images.
      loss: as for `Objective`.
      cost: as for `Objective`.
      one_step: it will be asked at the clean images alone, so the network decides in
        that same forward pass; otherwise it does so here, in one more.

    Raises:
      ValueError: unknown source.
    """
    sign = lookup(SOURCES, source, "class of an attack's loss")
    if source in _DECIDED:
        pick = getattr(ops, _DECIDED[source])
        choose = _decided(pick, problem, one_step=one_step)
    else:
        choose = _given(source, problem)
    return Objective(problem.logits_fn, choose, sign, loss, cost)


def towards_wrong(problem: attack.Problem) -> Callable[[Any], Any]:
    """Returns adversarial images -> the sum of z_target - z_label.

    Args:
      problem: of a restart, which has its target, see `attack.wrong_class`.
    """

    def climbed(adv_images: Any) -> Any:
        target, logits = attack.wrong_class(problem), problem.logits_fn(adv_images)
        return ops.sum(losses.targeted_margin(problem.labels, target, logits))

    return climbed


def asks(source: str) -> int:
    """Returns the passes in which the network decides on the class before an attack.

    Args:
      source: as for `objective`, of an attack of more than one step.
    """
    return int(source in _DECIDED)


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
    pick: Callable[..., Any], problem: attack.Problem, *, one_step: bool
) -> Callable[[Any], Any]:
    """Returns logits [B, K] -> the class [B] that the network decides on."""
    if one_step:
        return lambda logits: pick(logits, axis=-1)
    classes = pick(problem.logits_fn(problem.images), axis=-1)
    return lambda _: classes


def _given(source: str, problem: attack.Problem) -> Callable[[Any], Any]:
    """Returns logits [B, K] -> the label, or another class drawn by the seed [B]."""
    labels = problem.labels
    if source == "true":
        return lambda _: labels
    keys = backend.example_keys(problem.images)
    seed = backend.fold(problem.seed, _TARGET_STREAM)
    draws = backend.uniform(labels.shape, seed, keys=keys)
    return lambda logits: random_target(labels, draws, logits.shape[-1])
