"""Accuracies that contradict each other: one rule for training, records and the report.

That PGD leaves fewer images right than FGSM is no contradiction: it is the stronger
attack. These are: robustness that was there and is gone, a network on which one step
finds hardly anything and a few steps nearly everything, a stronger attack that finds
less, an attack that helps, and images without a gradient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Points and shares of accuracies on the probe's 256 images, which chance moves by 6.
FALL = 20.0  # of PGD accuracy below its best: public code stops training at as much
CONTRADICTION = 10.0  # by which what must not be larger is larger
MOST, FEW = 0.75, 0.25  # of the clean accuracy
BLIND = 0.2  # points more that are found without gradients: as of the authors' code
MANY = 0.1  # of the restarts that leave an image right


def of_probe(
    lines: Iterable[Mapping[str, Any]], attack: Mapping[str, Any]
) -> Iterator[tuple[int, str, str]]:
    """Yields step, kind and message of every alarm, in the order of the lines.

    Args:
      lines: of the probe, from the first step on: `step`, `clean_accuracy`,
        `fgsm_accuracy` and `pgd_accuracy` in percent and, since it is counted,
        `no_gradient`.
      attack: the probe's, as JSON values.
    """
    best = 0.0
    for line in lines:
        best = max(best, line["pgd_accuracy"])
        for kind, message in _seen(line, best, outdoes_fgsm(attack)):
            yield line["step"], kind, message


def of_parts(parts: Iterable[Any], total: int) -> Iterator[str]:
    """Yields what parts of an attack say against each other.

    Args:
      parts: `record.Part` values in their order.
      total: images evaluated.
    """
    climbed = False
    for part in parts:
        name = (part.attack or {}).get("type")
        if climbed and not part.gradients and part.broken > max(1, BLIND / 100 * total):
            yield (
                f"{name} breaks {part.broken} images, of {total} in all, that attacks "
                "by the gradient have left: the gradients mislead. Take the standard "
                "version of AutoAttack if this was the quick one, and attacks that are "
                "made for this network"
            )
        yield from of_end(name, part.unfinished)
        climbed |= part.gradients > 0


def of_end(name: str | None, unfinished: float | None) -> Iterator[str]:
    """Yields what the end of an attack says.

    Args:
      name: of the attack.
      unfinished: share of the restarts that left an image right and were not finished.
    """
    if (unfinished or 0.0) > MANY:
        yield (
            f"{name} was not finished in {100 * (unfinished or 0.0):.0f} % of the "
            "restarts that left an image right: their losses still rose at the "
            "end, so more steps would find more"
        )


def of_reach(attack: Any) -> Iterator[str]:
    """Yields what the numbers of an attack say, as JSON values: radius and steps."""
    attack = attack or {}
    names = ("epsilon", "step_size", "num_steps")
    epsilon, step, count = found = [attack.get(name) for name in names]
    if isinstance(epsilon, float | int) and epsilon < 1:
        yield (
            f"epsilon={epsilon:g} is less than one of 255 pixel values. If it is meant "
            f"for images in [0, 1], it is {255 * epsilon:g} here"
        )
    is_known = all(isinstance(number, float | int) for number in found)
    if is_known and not attack.get("reaching") and step * count < epsilon:
        yield (
            f"{count} steps of {step:g} do not cross a ball of radius {epsilon:g}: "
            "take more or larger steps"
        )


def outdoes_fgsm(attack: Mapping[str, Any]) -> bool:
    """Whether an attack, as JSON values, is FGSM in more steps, at the same radius.

    It goes away from the label, and its steps reach the boundary of the ball.
    """
    from_label = (
        attack.get("targeted") == "no"
        if attack.get("type") == "PGD"
        else (attack.get("type"), attack.get("source")) == ("IterBasic", "true")
    )
    if not from_label:
        return False
    reach = attack["step_size"] * attack["num_steps"]
    return bool(attack.get("reaching") or reach >= attack["epsilon"])


def _seen(
    line: Mapping[str, Any], best: float, outdoes: bool
) -> Iterator[tuple[str, str]]:
    clean, fgsm, pgd = (line[f"{name}_accuracy"] for name in ("clean", "fgsm", "pgd"))
    if line.get("no_gradient"):
        yield (
            "gradient",
            f"{line['no_gradient']} images of the probe are right and have no "
            "gradient, so that no attack could move them",
        )
    if pgd < best - FALL:
        overfitted = fgsm > pgd + CONTRADICTION
        yield (
            "overfitting",
            f"PGD accuracy fell to {pgd:.1f} % after {best:.1f} %"
            + (f", while FGSM's is {fgsm:.1f} %" if overfitted else ""),
        )
    elif outdoes and fgsm > MOST * clean and pgd < FEW * clean:
        yield (
            "overfitting",
            f"one step finds hardly anything and a few steps nearly everything: FGSM "
            f"leaves {fgsm:.1f} % right, PGD {pgd:.1f} %, of {clean:.1f} %",
        )
    if outdoes and pgd > fgsm + CONTRADICTION:
        yield (
            "masking",
            f"PGD leaves {pgd:.1f} % right, more than FGSM's {fgsm:.1f} %, though it "
            "is the stronger attack: the gradients are masked",
        )
    if fgsm > clean + CONTRADICTION:
        yield (
            "label leak",
            f"FGSM accuracy {fgsm:.1f} % is above the clean {clean:.1f} %: the attack "
            "tells the label",
        )
