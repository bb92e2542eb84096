"""Intervals of rates and of differences between rates, in percent.

Every rate of the suite comes with the Wilson interval. Two sets of outcomes on the same
images are compared as pairs: only the images on which they disagree carry information,
which finds differences that two separate intervals would not. Several trainings that
differ in their seed have an interval made of how far they lie apart.

A `Ratio` divides two counts on the same images. All intervals are closed forms, so the
same records always give the same verdict.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common import lazy

special = lazy.module("scipy.special")

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Estimate:
        """Returns the number and its interval times a positive factor."""
        return Estimate(*(factor * part for part in self))


class Ratio(NamedTuple):
    """Images counted over images among which they are counted, on the same images.

    Attributes:
      counted: bool [N].
      among: bool [N]; need not contain `counted`.
    """

    counted: np.ndarray
    among: np.ndarray

    @property
    def value(self) -> float:
        """The ratio, or NaN among no images."""
        total = int(np.sum(self.among))
        return int(np.sum(self.counted)) / total if total else math.nan


class Discordance(NamedTuple):
    """Images on which two outcomes disagree, and McNemar's p-value."""

    gained: int
    lost: int
    p_value: float


def wilson(correct: int, total: int) -> tuple[float, float]:
    """Returns the 95 % interval of a rate in percent (Wilson, 1927).

    Args:
      correct: successes.
      total: trials.

    Raises:
      ValueError: unless 0 <= correct <= total and total >= 1.
    """
    if total < 1 or not 0 <= correct <= total:
        raise ValueError(
            "wilson needs 0 <= correct <= total and total >= 1. "
            f"Received: correct={correct}, total={total}"
        )
    rate, spread = correct / total, Z95**2 / total
    centre = (rate + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(rate * (1 - rate) / total + spread / (4 * total))
    half /= 1 + spread
    # Rounding must not push the bound past the rate itself at 0 and at 100 %.
    low = 0.0 if correct == 0 else 100 * (centre - half)
    high = 100.0 if correct == total else 100 * (centre + half)
    return low, high


def standard_error(accuracy: float, total: int) -> float:
    """Returns the binomial standard error in points of a rate in percent."""
    rate = accuracy / 100
    return 100 * math.sqrt(rate * (1 - rate) / total)


def paired_difference(left: np.ndarray, right: np.ndarray) -> Estimate:
    """Returns `left - right` in points with its 95 % interval.

    The adjusted interval of Bonett and Price (2012) for paired rates: the normal
    interval after one image is added to each kind of disagreement. It keeps its
    coverage where a bootstrap has none: when few images, or none, disagree.

    Args:
      left: bool [N], outcome per image.
      right: bool [N], outcomes on the same images.

    Raises:
      ValueError: lengths differ or are 0.
    """
    gained, lost = _disagreements(left, right)
    total = len(left) + 2
    up, down = (gained + 1) / total, (lost + 1) / total
    half = Z95 * math.sqrt((up + down - (up - down) ** 2) / total)
    return Estimate(
        100 * (gained - lost) / len(left),
        100 * max(-1.0, up - down - half),
        100 * min(1.0, up - down + half),
    )


def difference_of_differences(
    left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray]
) -> Estimate:
    """Returns one paired difference minus another, in points with its 95 % interval.

    The normal interval of what each image adds, after one image is added to each kind
    of disagreement of both sides, as `paired_difference` does for one.

    Args:
      left: two outcomes, bool [N], whose first minus second is one difference.
      right: the same for the other, on the same images.

    Raises:
      ValueError: lengths differ or are 0.
    """
    for first, second in (left, right, (left[0], right[0])):
        _disagreements(first, second)  # refuses other images
    moves = sum(
        sign * np.subtract(*np.asarray(side, float))
        for sign, side in ((1, left), (-1, right))
    )
    seen = np.concatenate([moves, (1.0, -1.0, 1.0, -1.0)])
    centre = float(np.mean(seen))
    half = Z95 * float(np.std(seen)) / math.sqrt(len(seen))
    ends = max(-2.0, centre - half), min(2.0, centre + half)
    return Estimate(float(np.mean(moves)), *ends).scaled(100)


def separate_difference(left: tuple[int, int], right: tuple[int, int]) -> Estimate:
    """Returns `left - right` in points for outcomes on different images.

    Newcombe's interval (1998, method 10), from the Wilson intervals.

    Args:
      left: correct and total.
      right: correct and total.
    """
    rates = [100 * correct / total for correct, total in (left, right)]
    (low_l, high_l), (low_r, high_r) = wilson(*left), wilson(*right)
    value = rates[0] - rates[1]
    return Estimate(
        value,
        value - math.hypot(rates[0] - low_l, high_r - rates[1]),
        value + math.hypot(high_l - rates[0], rates[1] - low_r),
    )


def mean(values: np.ndarray) -> Estimate:
    """Returns the mean of numbers [N], one for each image, with its normal interval."""
    half = Z95 * float(np.std(values)) / math.sqrt(len(values))
    centre = float(np.mean(values, dtype=float))
    return Estimate(centre, centre - half, centre + half)


def mean_difference(left: np.ndarray, right: np.ndarray) -> Estimate:
    """Returns the mean of `left - right` with its normal interval, on the same images.

    Raises:
      ValueError: lengths differ.
    """
    if len(left) != len(right):
        raise ValueError(
            "Paired numbers need the same images. "
            f"Received: {len(left)} and {len(right)} images"
        )
    return mean(np.subtract(left, right, dtype=float))


def sum_of_means(groups: Sequence[np.ndarray]) -> Estimate:
    """Returns the sum of the means of independent groups of numbers, with its interval.

    Welch's interval (1947), with the degrees of freedom of Satterthwaite: the groups
    need not spread alike.

    Args:
      groups: each of numbers [N], N >= 2, such as one for each seed of a training.

    Raises:
      ValueError: a group has fewer than two numbers.
    """
    sizes = np.array([len(group) for group in groups])
    if not groups or sizes.min() < 2:
        raise ValueError(
            "A spread needs two numbers or more in every group. "
            f"Received: numbers={sizes.tolist()}"
        )
    value = float(sum(np.mean(group) for group in groups))
    parts = np.array([np.var(group, ddof=1) for group in groups]) / sizes
    variance = float(parts.sum())
    if not variance:
        return Estimate(value, value, value)
    freedom = variance**2 / float((parts**2 / (sizes - 1)).sum())
    half = float(special.stdtrit(freedom, 0.975)) * math.sqrt(variance)
    return Estimate(value, value - half, value + half)


def ratio(of: Ratio) -> Estimate:
    """Returns a ratio with its 95 % interval, cut off at 0.

    The delta method on pairs: an image moves the ratio r by (counted - r among) over
    the mean of `among`. Before that, one image that is counted and one that is not are
    added, as Agresti and Caffo (2000) do for rates, so that the interval keeps its
    coverage when few images are counted, or none, or all.

    Raises:
      ValueError: lengths differ, or it is a ratio among no images.
    """
    _check_ratios(of)
    value, moves = _moves(of, counted=(1, 0), among=(1, 1))
    half = Z95 * float(np.std(moves)) / math.sqrt(len(moves))
    return Estimate(of.value, max(0.0, value - half), value + half)


def ratio_difference(left: Ratio, right: Ratio) -> Estimate:
    """Returns `left - right` with its 95 % interval, as `ratio` does for one.

    Args:
      left: on the images of `right`.
      right: on the images of `left`.

    Raises:
      ValueError: lengths differ, or one is a ratio among no images.
    """
    _check_ratios(left, right)
    value_l, moves_l = _moves(left, counted=(1, 0, 0, 0), among=(1, 1, 0, 0))
    value_r, moves_r = _moves(right, counted=(0, 0, 1, 0), among=(0, 0, 1, 1))
    half = Z95 * float(np.std(moves_l - moves_r)) / math.sqrt(len(moves_l))
    centre = value_l - value_r
    return Estimate(left.value - right.value, centre - half, centre + half)


def mcnemar(left: np.ndarray, right: np.ndarray) -> Discordance:
    """Returns McNemar's mid-p test of `left` against `right`.

    Args:
      left: bool [N], outcome per image.
      right: bool [N], outcomes on the same images.

    Returns:
      How many images only `left` has right (gained) and only `right` (lost), and the
      two-sided mid-p value of that split under a fair coin; 1 without disagreement.

    Raises:
      ValueError: lengths differ or are 0.
    """
    gained, lost = _disagreements(left, right)
    fewer, more = sorted((gained, lost))
    # Both tails, in which the split itself counts half: P(X <= fewer) + P(X < fewer),
    # and the second is P(X > more), since a fair coin has no side.
    at_most = special.bdtr(fewer, fewer + more, 0.5)
    below = special.bdtrc(more, fewer + more, 0.5)
    return Discordance(gained, lost, float(at_most + below))


def _disagreements(left: np.ndarray, right: np.ndarray) -> tuple[int, int]:
    left, right = np.asarray(left, bool), np.asarray(right, bool)
    if left.shape != right.shape or left.size == 0:
        raise ValueError(
            "Paired outcomes need the same images. "
            f"Received: {left.size} and {right.size} images"
        )
    return int(np.sum(left & ~right)), int(np.sum(~left & right))


def _moves(
    of: Ratio, counted: Sequence[int], among: Sequence[int]
) -> tuple[float, np.ndarray]:
    """Returns the ratio after images are added, and how each image moves it."""
    top = np.concatenate([of.counted, counted]).astype(float)
    bottom = np.concatenate([of.among, among]).astype(float)
    value = float(top.sum() / bottom.sum())
    return value, (top - value * bottom) / bottom.mean()


def _check_ratios(*ratios: Ratio) -> None:
    sizes = [len(part) for of in ratios for part in of]
    if len(set(sizes)) != 1:
        raise ValueError(f"Ratios need the same images. Received: images={sizes}")
    if any(math.isnan(of.value) for of in ratios):
        raise ValueError("A ratio needs images to count among. Received: among=0")
