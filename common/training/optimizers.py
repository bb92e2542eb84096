"""Optimizers with the papers' semantics, as parts of a recipe."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from common import lazy
from common.lazy import keras

_rules = lazy.module("common.training.rules")  # they derive from Keras's


@dataclasses.dataclass(frozen=True)
class Momentum:
    """SGD with momentum as TensorFlow 1 and PyTorch apply it.

    `velocity <- momentum * velocity + gradient; w <- w - rate * velocity`, with
    `rate * (gradient + momentum * velocity)` for Nesterov. Keras folds the rate into
    the velocity instead, which differs for some steps after each drop of the rate.

    Attributes:
      momentum: factor of the velocity, in [0, 1).
      nesterov: look ahead.
    """

    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check_share("momentum", self.momentum)

    def build(self, schedule: Any) -> keras.optimizers.Optimizer:
        """Returns the Keras optimizer; `schedule` is a rate or a Keras schedule."""
        return _rules.Momentum(schedule, **dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True)
class RMSProp:
    """RMSProp with momentum as TensorFlow 1 applies it.

    From `ms = 1` and `mom = 0`: `ms <- decay * ms + (1 - decay) * gradient^2;
    mom <- momentum * mom + rate * gradient / sqrt(ms + epsilon); w <- w - mom`. Keras
    starts from `ms = 0`, so that its first steps are longer.

    Attributes:
      decay: share of the old mean square that an update keeps, in [0, 1).
      momentum: factor of the step before, in [0, 1).
      epsilon: added to the mean square, under the root; positive.
    """

    decay: float = 0.9
    momentum: float = 0.9
    epsilon: float = 1.0

    def __post_init__(self) -> None:
        _check_share("decay", self.decay)
        _check_share("momentum", self.momentum)
        if not 0.0 < self.epsilon < math.inf:
            raise ValueError(
                f"epsilon must be positive. Received: epsilon={self.epsilon}"
            )

    def build(self, schedule: Any) -> keras.optimizers.Optimizer:
        """Returns the Keras optimizer; `schedule` is a rate or a Keras schedule."""
        return _rules.RMSProp(schedule, **dataclasses.asdict(self))


def _check_share(name: str, value: float) -> None:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be in [0, 1). Received: {name}={value}")
