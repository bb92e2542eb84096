"""How a paper trains networks of others further, and against which radius."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Tuning:
    """How a paper trains a network further that others have made.

    Attributes:
      method: the training algorithm.
      attacks: by name, those that judge the network before and after.
      activation: a name in `keras.activations` that takes the place of ReLU; the
        network's own stay if it is empty.
      branches: of batch norm.
    """

    method: Any
    attacks: Mapping[str, Any]
    activation: str = ""
    branches: tuple[str, ...] = ("clean",)


def tuned(tuning: Tuning, epsilon: float) -> Tuning:
    """Returns the method and the attacks of a paper with another radius."""
    return dataclasses.replace(
        tuning,
        method=with_epsilon(tuning.method, epsilon),
        attacks={k: with_epsilon(x, epsilon) for k, x in tuning.attacks.items()},
    )


def epsilon_of(method: Any) -> float:
    """Returns the radius that a method trains against; 0 for none."""
    attack = getattr(method, "attack", None)
    return float(getattr(method, "epsilon", getattr(attack, "epsilon", 0.0)))


def with_epsilon(value: Any, epsilon: float) -> Any:
    """Returns a method or an attack of another radius, with steps in proportion.

    Raises:
      ValueError: it has no radius.
    """
    if hasattr(value, "epsilon"):
        changes = {"epsilon": float(epsilon)}
        if hasattr(value, "step_size"):
            changes["step_size"] = value.step_size * epsilon / value.epsilon
        return dataclasses.replace(value, **changes)
    if getattr(value, "attack", None) is None:
        raise ValueError(f"{type(value).__name__} has no epsilon to set.")
    return dataclasses.replace(value, attack=with_epsilon(value.attack, epsilon))
