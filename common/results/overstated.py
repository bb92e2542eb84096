"""By how much a paper's own attacks overstate robustness, beside AutoAttack.

AutoAttack of a scale sees some of the test images. The paper's own attacks are counted
on the same ones, and the one that leaves fewest of them right is the strongest. A
network with several branches of batch norm has a line for each one that was attacked.
A paper whose own attacks have another radius has no columns about them.
Where AutoAttack's `quick` was run as well, a last column has the accuracy under it, and
by how many images this is more.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common import intervals
from common.names import lookup
from common.recipe import PaperAtScale
from common.results import measured, metrics, text
from common.results.answers import Results
from common.results.measured import AUTOATTACK

HEAD = (
    *("recipe", "clean", "strongest that was run", "under it"),
    *("AutoAttack", "overstated by", "AutoAttack, quick"),
)


class Rates(NamedTuple):
    """What is right of a network on the images that AutoAttack saw.

    Attributes:
      clean: bool [N], or None where this was not run.
      strongest: name of the paper's own attack that leaves fewest right; None where
        none of them was run.
      own: bool [N], right under that attack; None likewise.
      autoattack: bool [N].
      quick: bool [N], or None where this was not run.
    """

    clean: np.ndarray | None
    strongest: str | None
    own: np.ndarray | None
    autoattack: np.ndarray
    quick: np.ndarray | None


def lines(results: Results, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the lines of the table, the head first; none without a record.

    Args:
      results: of the paper at a scale.
      names: evaluations of the paper's own attacks, at AutoAttack's epsilon.

    Raises:
      ValueError: an unknown name, or a broken record.
    """
    known = results.at.evaluations
    for name in (AUTOATTACK, *names):
        lookup(known, name, f"evaluation of {results.at.name}")
    radius = known[AUTOATTACK].attack.attacks[0].epsilon
    if others := [
        name for name in names if getattr(known[name].attack, "epsilon", None) != radius
    ]:
        raise ValueError(
            f"Name attacks of the radius of AutoAttack, {radius:g}. "
            f"Received: {others[0]}"
        )
    found = [
        _line(run, strong, _rates(run, results.at, strong, names))
        for run in results.distinct.values()
        for strong in measured.autoattacks(results.at)
        if run.evaluation(strong)
    ]
    own, quick = bool(names), any(line[-1] for line in found)
    shown = (True, True, own, own, True, own, quick)
    table = [tuple(itertools.compress(line, shown)) for line in (HEAD, *found)]
    return table if found else []


def _rates(
    run: measured.Run, at: PaperAtScale, strong: str, names: Sequence[str]
) -> Rates:
    """Returns what is right through the branch that this AutoAttack attacked."""
    known, dataset = at.evaluations, at.recipes[run.name].dataset
    right = {
        name: survived
        for name, value in known.items()
        if value.branch == known[strong].branch
        and (name in names or value.attack is None)
        and (survived := run.survived_among(name, strong, dataset)) is not None
    }
    quick = measured.quick(at, strong)
    own = [name for name in names if name in right]
    strongest = min(own, key=lambda name: int(right[name].sum()), default=None)
    return Rates(
        clean=next((right[name] for name in right if name not in names), None),
        strongest=strongest,
        own=None if strongest is None else right[strongest],
        autoattack=run.survived(strong),
        quick=None if quick is None else run.survived_among(quick, strong, dataset),
    )


def _line(run: measured.Run, strong: str, rates: Rates) -> tuple[str, ...]:
    found = run.evaluation(strong)
    branch = found.record.get("branch") if found else None
    return (
        f"{run.name}, {branch} branch" if branch else run.name,
        _share(rates.clean),
        rates.strongest or "not run",
        _share(rates.own),
        _share(rates.autoattack),
        _difference(rates),
        _quick(rates),
    )


def _share(right: np.ndarray | None) -> str:
    if right is None:
        return ""
    counts = int(right.sum()), len(right)
    rate = 100 * counts[0] / counts[1]
    return _shown(intervals.Estimate(rate, *intervals.wilson(*counts)), len(right))


def _difference(rates: Rates) -> str:
    if rates.own is None:
        return ""
    points = intervals.paired_difference(rates.own, rates.autoattack)
    return _shown(points, len(rates.own), sign="+")


def _quick(rates: Rates) -> str:
    """Accuracy under the shortcut, and the images that it leaves right beyond."""
    if rates.quick is None:
        return ""
    beyond = int(rates.quick.sum()) - int(rates.autoattack.sum())
    return f"{_share(rates.quick)}, {beyond:+d}"


def _shown(estimate: intervals.Estimate, total: int, sign: str = "") -> str:
    accuracy = metrics.METRICS["accuracy"]
    value, *ends = (text.number(part, accuracy, total, sign) for part in estimate)
    return f"{value} [{', '.join(ends)}]"
