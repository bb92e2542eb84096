"""J: the cost that trains a network, as attacks climb it (Kurakin et al., 2017).

The attacks of that paper climb "the cost function used to train the model" (Sec. 2.1):
cross-entropy with smoothed labels, at the network's main head and, weighed, at its
auxiliary heads. Where a network is surer of the label than the smoothed label is, the
cost falls as it grows less sure, so that such an attack makes those images easier.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common.attacks import losses


@dataclasses.dataclass(frozen=True)
class Heads:
    """A network that answers at several heads; the first has its classes.

    Attributes:
      heads: images [B, H, W, C] -> the logits [B, K] of every head, a tuple.
    """

    heads: Callable[[Any], tuple[Any, ...]]

    def __call__(self, images: Any) -> Any:
        """Returns the logits of the first head."""
        return self.heads(images)[0]


@dataclasses.dataclass(frozen=True)
class TrainingCost:
    """Cross-entropy at smoothed labels: `cost(labels, heads)`.

    Attributes:
      smoothing: share of the label that is spread over all classes, in [0, 1).
      auxiliary_weight: of the same cost at each head but the first.

    Raises:
      ValueError: a value out of range, when it is built.
    """

    smoothing: float = 0.0
    auxiliary_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.smoothing < 1.0:
            raise ValueError(
                "smoothing is a share of the label, in [0, 1). "
                f"Received: smoothing={self.smoothing}"
            )
        if not self.auxiliary_weight >= 0.0:
            raise ValueError(
                "auxiliary_weight must not be negative. "
                f"Received: auxiliary_weight={self.auxiliary_weight}"
            )

    def __call__(self, labels: Any, heads: tuple[Any, ...]) -> Any:
        """Returns float32 [B], the cost of every example.

        Args:
          labels: int32 [B].
          heads: logits float [B, K] of every head, the main one first.
        """
        main, *auxiliary = (
            losses.smoothed_cross_entropy(labels, logits, self.smoothing)
            for logits in heads
        )
        return sum((self.auxiliary_weight * cost for cost in auxiliary), main)

    def ascended(self, labels: Any, heads: tuple[Any, ...]) -> Any:
        """Returns float32 [B] whose gradient has the direction of the cost's.

        Of hard labels at one head they are the log odds against the label, whose
        gradient does not vanish.
        """
        if self.smoothing or (self.auxiliary_weight and len(heads) > 1):
            return self(labels, heads)
        return losses.log_odds_against(labels, heads[0])

    def heads(self, logits_fn: Callable[[Any], Any], images: Any) -> tuple[Any, ...]:
        """Returns the logits of the heads that count, in one pass.

        Args:
          logits_fn: images -> logits; `Heads`, for the auxiliary ones as well.
          images: float32 [B, H, W, C].
        """
        if self.auxiliary_weight and isinstance(logits_fn, Heads):
            return logits_fn.heads(images)
        return (logits_fn(images),)


HARD = TrainingCost()  # hard labels, at the main head alone
