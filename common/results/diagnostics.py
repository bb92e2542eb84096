"""Warnings about results that are too good to be true, or not what they seem.

Each rule looks for a known mistake: label leaking, gradient masking, catastrophic
overfitting, an evaluation of an unfinished network. They read records only, so the
report can repeat them long after the run.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from common import intervals, overrides, recipe
from common.attacks import (
    FastEntropy,
    FastGradL2,
    FastGradLinf,
    FGSMPredicted,
    RandomSign,
    RandomTruncatedNormal,
    RStepLL,
    StepLL,
    StepRandom,
)
from common.evaluation import alarms
from common.results import measured

STRENGTH = ("epsilon", "num_steps", "num_restarts")  # more of each is a stronger attack
NOISE = {kind.__name__ for kind in (RandomSign, RandomTruncatedNormal)}
_BLIND = NOISE | {
    kind.__name__ for kind in (FastEntropy, FGSMPredicted, RStepLL, StepLL, StepRandom)
}
# These move few pixels as far as epsilon, or none, where signs of noise move all.
_SHORT = {kind.__name__ for kind in (FastGradL2, FastGradLinf)}
_IDENTITY = ("seed", "target", "num_images", "branch")  # of an evaluation
_AT_THE_LABEL = ("no", "true")  # fields of attacks away from the label
FAR_APART = 5.0  # points between the losses of one attack, beyond their noise

# Two evaluations, what the second has less of, and the family of the first's attack.
Pair = tuple[measured.Measured, measured.Measured, str, str]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something to know before trusting a number.

    Attributes:
      recipe: name of the run.
      kind: `label leak`, `masking`, `noise`, `gradient`, `overfitting` or `record`.
      message: what was seen, with its numbers.
    """

    recipe: str
    kind: str
    message: str


def diagnose(
    at: recipe.PaperAtScale, runs: Mapping[str, measured.Run]
) -> list[Finding]:
    """Returns the findings of all runs, run by run.

    Args:
      at: says what the names of runs and evaluations stand for now.
      runs: the runs by the name of their folder.
    """
    compared = (_label_leak, _masking, _losses, _noise)
    seen = (_warnings, _probe, _records)
    return [
        Finding(name, kind, message)
        for name, run in runs.items()
        for kind, message in itertools.chain(
            *(rule(run, at) for rule in compared),
            *(rule(run) for rule in seen),
            _transfers(run, runs, at),
            _autoattack(run, at),
            _changed(run, at.recipes.get(name), at.evaluations),
        )
    ]


def _label_leak(
    run: measured.Run, at: recipe.PaperAtScale
) -> Iterator[tuple[str, str]]:
    """Accuracy under attack above clean: the attack tells the label."""
    records = _evaluations(run)
    pairs = [
        (attacked, clean, "clean", _family(attacked))
        for clean, attacked in itertools.product(records, records)
        if attacked.attack and not clean.attack and _sees_the_label(attacked.attack)
    ]
    return _above(run, pairs, at, kind="label leak")


def _masking(run: measured.Run, at: recipe.PaperAtScale) -> Iterator[tuple[str, str]]:
    """A stronger attack that leaves more right: the weaker one lost its gradient."""
    records = [record for record in _evaluations(run) if record.attack]
    pairs = [
        (strong, weak, f"less {more}", _family(strong))
        for weak, strong in itertools.permutations(records, 2)
        if (more := _stronger(weak.attack, strong.attack))
    ]
    return _above(run, pairs, at, kind="masking")


def _noise(run: measured.Run, at: recipe.PaperAtScale) -> Iterator[tuple[str, str]]:
    """Random noise that leaves as few right as an attack of the same radius."""
    records = [record for record in _evaluations(run) if record.attack]
    found = []
    for noise, attacked in itertools.product(records, records):
        is_tried = noise.attack["type"] in NOISE and _sees_the_label(attacked.attack)
        same_radius = noise.attack.get("epsilon") == attacked.attack.get("epsilon")
        if not is_tried or not same_radius or attacked.attack["type"] in _SHORT:
            continue
        points = _difference(run, attacked, noise, at)
        if points and points.high >= 0:
            message = (
                f"{noise.name} leaves as few right as {attacked.name}: "
                f"{-points.value:+.2f} points [{-points.high:+.2f}, "
                f"{-points.low:+.2f}] apart"
            )
            family = _family(noise) + _family(attacked)
            found.append((family, points.value, message))
    return _worst(found, "noise")


def _losses(run: measured.Run, at: recipe.PaperAtScale) -> Iterator[tuple[str, str]]:
    """Margin and cross-entropy, which lead PGD far apart: one of them is blind."""
    records = [record for record in _evaluations(run) if record.attack]
    found = []
    for right, other in itertools.permutations(records, 2):
        if _but(right.attack, "loss") != _but(other.attack, "loss"):
            continue
        points = _difference(run, right, other, at)
        if points and points.low > FAR_APART:
            message = (
                f"{right.name} above {other.name} (another loss) by {points.value:.2f} "
                f"points [{points.low:.2f}, {points.high:.2f}]: one loss is blind"
            )
            found.append((_family(right), points.value, message))
    return _worst(found, "masking")


def _transfers(
    run: measured.Run, runs: Mapping[str, measured.Run], at: recipe.PaperAtScale
) -> Iterator[tuple[str, str]]:
    """Images made on another network that hurt more than those made on this one."""
    own = [record for record in _evaluations(run) if record.attack]
    shown = [
        (other, record)
        for other in runs.values()
        for record in other.records
        if not other.manifest.get("overrides")
        if record.target in at.recipes and at.run_name(record.target) == run.name
    ]
    found = []
    for white, (other, black) in itertools.product(own, shown):
        is_same = black.attack == white.attack and not white.record.get("branch")
        if is_same and black.interval[1] < white.interval[0]:
            points = white.accuracy - black.accuracy
            message = (
                f"{white.name} leaves {white.accuracy:.2f} % right, and "
                f"{black.accuracy:.2f} % if the images are made on {other.name}"
            )
            found.append((_family(white), points, message))
    return _worst(found, "masking")


def _autoattack(
    run: measured.Run, at: recipe.PaperAtScale
) -> Iterator[tuple[str, str]]:
    """AutoAttack that leaves more right than one of the paper's own attacks."""
    found = []
    names = measured.autoattacks(at) if run.name in at.recipes else ()
    known = [record for name in names if (record := run.evaluation(name))]
    for strong, weak in itertools.product(known, _evaluations(run)):
        radii = [part.get("epsilon") for part in strong.attack.get("attacks", ())]
        same_radius = weak.attack.get("epsilon") in radii
        points = _difference(run, strong, weak, at) if same_radius else None
        if points and points.low > 0:
            message = (
                f"{strong.name} leaves more right than {weak.name}, by "
                f"{points.value:.2f} points [{points.low:.2f}, {points.high:.2f}]"
            )
            found.append((_family(weak), points.value, message))
    return _worst(found, "masking")


def _warnings(run: measured.Run) -> Iterator[tuple[str, str]]:
    """What the evaluations themselves warn of; see `common.evaluation.attackable`."""
    for record in run.records:
        for message in record.record.get("warnings", ()):
            yield "record", f"{record.name}: {message}"


def _probe(run: measured.Run) -> Iterator[tuple[str, str]]:
    """What training's probe has seen, by the rule that raised the alarm there."""
    attack = (run.manifest.get("recipe") or {}).get("probe")
    found: dict[str, list[str]] = {}
    for step, kind, message in alarms.of_probe(run.lines("probe"), attack or {}):
        found.setdefault(kind, []).append(f"probe at step {step}: {message}")
    for kind, (first, *more) in found.items():
        yield kind, f"{first}; {len(more)} more later" if more else first


def _records(run: measured.Run) -> Iterator[tuple[str, str]]:
    """Records that do not show what their folder says."""
    changes = [f"--set {item}" for item in run.manifest.get("overrides") or ()]
    if changes:
        yield "record", f"trained with {' '.join(changes)}, not as the recipe says"
    released = run.manifest.get("weights")
    if released:
        yield "record", f"has the weights of {released['file']}, not trained here"
    elif run.training_minutes is None:
        yield "record", "training has not reached its end"
    trainings = {record.record.get("checkpoint") for record in run.records} - {None}
    if len(trainings) > 1:
        yield "record", f"evaluations are of {len(trainings)} different trainings"
    num_steps = (run.manifest.get("recipe") or {}).get("num_steps")
    for record in run.records:
        if None not in (record.step, num_steps) and record.step != num_steps:
            message = f"measured after {record.step} of {num_steps} updates"
            yield "record", f"{record.name} was {message}"


def _changed(
    run: measured.Run,
    now: recipe.Recipe | None,
    evaluations: Mapping[str, recipe.Evaluation],
) -> Iterator[tuple[str, str]]:
    """Records of a recipe or an attack that was another one when they were made."""
    found = "" if run.manifest.get("overrides") else _difference_of(run.manifest, now)
    if found:
        yield "record", f"trained as the recipe was before: {found}"
    for record in run.records:
        here = evaluations.get(record.name)
        for key in ("attack", "against"):
            asked = getattr(here, key, None)
            if found := _difference_of(record.record, asked, key=key):
                words = f"{record.name} is of the attack as it was before: {found}"
                yield "record", words
        if here is not None:
            pairs = [(f, record.record.get(f), getattr(here, f)) for f in _IDENTITY]
            for field, then, now in pairs:
                if (then or None) != (now or None):
                    message = f"made with another {field}: {then} != {now}"
                    yield "record", f"{record.name} was {message}"


def _difference_of(record: Mapping[str, Any], now: Any, key: str = "recipe") -> str:
    """Returns in what an entry of a record differs from `now`, as far as known."""
    then = record.get(key)
    if not then or now is None:
        return ""
    then = overrides.completed(then, now)
    return overrides.first_difference(then, recipe.to_dict(now)) or ""


def _evaluations(run: measured.Run) -> list[measured.Measured]:
    """Returns the records but for those that another network answered."""
    return [record for record in run.records if not record.target]


def _above(
    run: measured.Run, pairs: Iterable[Pair], at: recipe.PaperAtScale, *, kind: str
) -> Iterator[tuple[str, str]]:
    """Yields a warning where one is above the other beyond the noise of the pairs."""
    found = []
    for high, low, words, family in pairs:
        points = _difference(run, high, low, at)
        if points and points.low > 0:
            message = (
                f"{high.name} above {low.name} ({words}) by {points.value:.2f} points "
                f"[{points.low:.2f}, {points.high:.2f}]"
            )
            found.append((family, points.value, message))
    return _worst(found, kind)


def _worst(
    found: Iterable[tuple[str, float, str]], kind: str
) -> Iterator[tuple[str, str]]:
    """Yields the largest of each family, and how many more there are of it."""
    families: dict[str, list[tuple[float, str]]] = {}
    for family, size, message in found:
        families.setdefault(family, []).append((size, message))
    for members in families.values():
        message = max(members)[1]
        more = len(members) - 1
        yield kind, f"{message}; {more} more like it" if more else message


def _difference(
    run: measured.Run,
    left: measured.Measured,
    right: measured.Measured,
    at: recipe.PaperAtScale,
) -> intervals.Estimate | None:
    """Returns the points that one is above the other, on the images that both saw.

    None if they are of two branches of the network, or if neither saw all images of
    the other.
    """
    if left.record.get("branch") != right.record.get("branch"):
        return None
    if left.same_images(right):
        return intervals.paired_difference(
            run.survived(left.name), run.survived(right.name)
        )
    if run.name not in at.recipes:
        return None
    fewer = min(left, right, key=lambda record: record.total).name
    dataset = at.recipes[run.name].dataset
    outcomes = [run.survived_among(each.name, fewer, dataset) for each in (left, right)]
    left_right = [found for found in outcomes if found is not None]
    return intervals.paired_difference(*left_right) if len(left_right) == 2 else None


def _sees_the_label(attack: Mapping[str, Any]) -> bool:
    """Whether an attack leads away from the label, which noise and targets do not."""
    fields = (attack.get("targeted", "no"), attack.get("source", "true"))
    return fields == _AT_THE_LABEL and attack["type"] not in _BLIND


def _family(record: measured.Measured) -> str:
    """Returns the attack without what makes it stronger."""
    return str(_but(record.attack, *STRENGTH))


def _but(attack: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Returns an attack without some of its fields."""
    return {key: value for key, value in attack.items() if key not in names}


def _stronger(weak: Mapping[str, Any], strong: Mapping[str, Any]) -> str:
    """Returns what `strong` has more of, or "" if it is not a stronger `weak`."""
    if weak["type"] == "FGSM" and alarms.outdoes_fgsm(strong):
        same_radius = weak["epsilon"] == strong["epsilon"]
        same_cost = strong.get("cost", weak.get("cost")) == weak.get("cost")
        return "num_steps" if same_radius and same_cost else ""
    if _but(weak, *STRENGTH) != _but(strong, *STRENGTH):
        return ""
    pairs = {key: (weak.get(key), strong.get(key)) for key in STRENGTH}
    changed = {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}
    if not all(
        isinstance(a, (int, float)) and isinstance(b, (int, float)) and a < b
        for a, b in changed.values()
    ):
        return ""
    return ", ".join(changed)
