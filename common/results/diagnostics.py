"""Warnings about results that are too good to be true, or not what they seem.

Each rule is one that somebody paid for: label leaking, gradient masking, catastrophic
overfitting, an evaluation of an unfinished network. They read records only, so the
report can repeat them long after the run.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from common.results import intervals, measured

STRENGTH = ("epsilon", "num_steps", "num_restarts")  # more of each is a stronger attack

# Probe accuracies in points: PGD this far below FGSM, and either this far below its own
# best or beside an FGSM accuracy so near to clean that one step has lost its bite. A
# natural network has PGD far below FGSM too, but meets neither.
PROBE_GAP = 10.0
PROBE_FALL = 10.0
PROBE_FGSM_SHARE = 0.75


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something to know before trusting a number.

    Attributes:
      recipe: name of the run.
      kind: `label leak`, `masking`, `noise`, `overfitting`, `alarm` or `record`.
      message: what was seen, with its numbers.
    """

    recipe: str
    kind: str
    message: str


def diagnose(runs: Mapping[str, measured.Run]) -> list[Finding]:
    """Returns the findings of all runs, run by run.

    Args:
      runs: recipe name to run, as `measured.find` gives them.
    """
    rules = (_label_leak, _masking, _noise, _overfitting, _alarms, _records)
    return [
        Finding(name, kind, message)
        for name, run in runs.items()
        for rule in rules
        for kind, message in rule(run)
    ]


def _label_leak(run: measured.Run) -> Iterator[tuple[str, str]]:
    """Accuracy under attack above clean: the attack tells the label."""
    records = _evaluations(run)
    for clean, attacked in itertools.product(records, records):
        if attacked.attack and not clean.attack:
            yield from _above(run, attacked, clean, kind="label leak", words="clean")


def _masking(run: measured.Run) -> Iterator[tuple[str, str]]:
    """A stronger attack that leaves more right: the weaker one lost its gradient."""
    records = [record for record in _evaluations(run) if record.attack]
    for weak, strong in itertools.permutations(records, 2):
        more = _stronger(weak.attack, strong.attack)
        if more:
            yield from _above(run, strong, weak, kind="masking", words=f"less {more}")


def _noise(run: measured.Run) -> Iterator[tuple[str, str]]:
    """Random noise that hurts as much as an attack of the same radius."""
    records = [record for record in _evaluations(run) if record.attack]
    for noise, attacked in itertools.product(records, records):
        is_noise = [r.attack["type"].startswith("Random") for r in (noise, attacked)]
        same_radius = noise.attack.get("epsilon") == attacked.attack.get("epsilon")
        same_images = noise.total == attacked.total
        if is_noise == [True, False] and same_radius and same_images:
            found = intervals.paired_difference(
                run.survived(noise.name), run.survived(attacked.name)
            )
            message = (
                f"{noise.name} hurts as much as {attacked.name}: {found.value:+.2f} "
                f"points [{found.low:+.2f}, {found.high:+.2f}] apart"
            )
            if found.low <= 0:
                yield "noise", message


def _overfitting(run: measured.Run) -> Iterator[tuple[str, str]]:
    """PGD accuracy of the probe that falls far below that of one step."""
    best = 0.0
    for line in run.lines("probe"):
        clean, fgsm, pgd = (
            line[f"{name}_accuracy"] for name in ("clean", "fgsm", "pgd")
        )
        best = max(best, pgd)
        fell = best - pgd > PROBE_FALL or fgsm > PROBE_FGSM_SHARE * clean
        if fgsm - pgd > PROBE_GAP and fell:
            message = (
                f"probe at step {line['step']}: PGD {pgd:.1f} % far below FGSM "
                f"{fgsm:.1f} % (clean {clean:.1f} %, best PGD so far {best:.1f} %)"
            )
            yield "overfitting", message
            return


def _alarms(run: measured.Run) -> Iterator[tuple[str, str]]:
    for line in run.alarms:
        yield "alarm", f"step {line['step']}: {line['message']}"


def _records(run: measured.Run) -> Iterator[tuple[str, str]]:
    """Records that do not show what their folder says."""
    overrides = [f"--set {item}" for item in run.manifest.get("overrides") or ()]
    if overrides:
        yield "record", f"trained with {' '.join(overrides)}, not as the recipe says"
    if run.training_minutes is None:
        yield "record", "training has not reached its end"
    num_steps = (run.manifest.get("recipe") or {}).get("num_steps")
    for record in _evaluations(run):
        if None not in (record.step, num_steps) and record.step != num_steps:
            message = f"measured after {record.step} of {num_steps} updates"
            yield "record", f"{record.name} was {message}"


def _evaluations(run: measured.Run) -> list[measured.Measured]:
    found = (run.evaluation(name) for name in run.evaluations)
    return [record for record in found if record is not None]


def _above(
    run: measured.Run,
    high: measured.Measured,
    low: measured.Measured,
    *,
    kind: str,
    words: str,
) -> Iterator[tuple[str, str]]:
    """Yields a warning if `high` is above `low` beyond the noise of the pairs."""
    if high.total != low.total:
        return
    found = intervals.paired_difference(run.survived(high.name), run.survived(low.name))
    if found.low > 0:
        message = (
            f"{high.name} above {low.name} ({words}) by {found.value:.2f} points "
            f"[{found.low:.2f}, {found.high:.2f}]"
        )
        yield kind, message


def _stronger(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> str:
    """Returns what `strong` has more of, or "" if it is not a stronger `weak`."""
    keys = {*weak, *strong}
    if any(weak.get(k) != strong.get(k) for k in keys - set(STRENGTH)):
        return ""
    pairs = {key: (weak.get(key), strong.get(key)) for key in STRENGTH}
    changed = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    if not all(
        isinstance(a, (int, float)) and isinstance(b, (int, float)) and a < b
        for a, b in changed.values()
    ):
        return ""
    return ", ".join(changed)
