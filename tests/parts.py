"""A recipe of made-up parts, and the fields in which two recipes differ."""

from __future__ import annotations

import dataclasses
from typing import Any

from common import attacks, recipe
from common.training import method, optimizers, schedules


@dataclasses.dataclass(frozen=True)
class Part:
    width: int = 2
    scale: float = 1.5
    activation: str = "relu"
    drops: tuple[int, ...] = (1, 2)
    frozen: bool = False
    limit: Any = None
    after: int | None = None


PARTS = recipe.Recipe(
    dataset=Part(),
    network=Part(width=4),
    method=method.Method(),
    optimizer=optimizers.Momentum(0.9),
    schedule=schedules.PiecewiseConstant((10, 20), (0.1, 0.01, 0.001)),
    batch_size=8,
    num_steps=30,
    l2=2e-4,
    probe=attacks.PGD(8.0, 2.0, 5),
)


def differences(left: Any, right: Any, path: str = "") -> dict[str, Any]:
    """Returns the fields in which two dataclasses differ, and what the right has."""
    if not dataclasses.is_dataclass(left) or type(left) is not type(right):
        return {} if left == right else {path: right}
    found = {}
    for field in dataclasses.fields(left):
        values = (getattr(side, field.name) for side in (left, right))
        found |= differences(*values, f"{path}.{field.name}".strip("."))
    return found
