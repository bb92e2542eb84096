"""How an evaluation goes through an attack: in rounds, each ended by a judgement.

A round is a restart of the attack, or 100 steps of it where it can be cut there: PGD of
200, 300, ... steps. So PGD of 100, 200 and 500 steps begin PGD of 2000, and what its
rounds find tells what they find.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from common import recipe
from common.attacks import pgd

CHUNK = 100  # steps of a round, where a restart has several


@dataclasses.dataclass(frozen=True)
class Plan:
    """The rounds of an attack.

    Attributes:
      num_steps: of a round: forward and backward passes of each image.
      rounds: of a restart.
      restarts: of the attack.
      is_targeted: whether the goal is a class; otherwise it is any wrong one.
    """

    num_steps: int = 0
    rounds: int = 1
    restarts: int = 1
    is_targeted: bool = False


def of(attack: Any) -> Plan:
    """Returns how an attack is gone through; None stands for clean images."""
    if attack is None:
        return Plan()
    num_steps = getattr(attack, "num_steps", 1)
    if not isinstance(attack, pgd.PGD):
        return Plan(num_steps, restarts=getattr(attack, "num_restarts", 1))
    rounds = 1 if num_steps % CHUNK else num_steps // CHUNK
    return Plan(num_steps // rounds, rounds, attack.num_restarts, attack.is_targeted)


def course(attack: Any) -> Any:
    """Returns the first round of an attack: the same for attacks that begin alike.

    They are PGD of 100, 200, 300, ... steps of one length, in one restart. Of any other
    attack it is the attack itself.
    """
    is_pgd = isinstance(attack, pgd.PGD) and attack.num_restarts == 1
    if not is_pgd or attack.num_steps % CHUNK:
        return attack
    length = float(attack.length)
    return dataclasses.replace(
        attack, num_steps=CHUNK, step_size=length, reaching=False
    )


def begin_alike(evaluations: Mapping[str, recipe.Evaluation]) -> list[list[str]]:
    """Returns the names of evaluations that one run answers, the longest first."""
    groups: dict[Any, list[str]] = {}
    for key, value in evaluations.items():
        shared = dataclasses.replace(value, attack=course(value.attack), only=())
        groups.setdefault(key if value.target else shared, []).append(key)
    return [
        sorted(keys, key=lambda key: -of(evaluations[key].attack).rounds)
        for keys in groups.values()
    ]
