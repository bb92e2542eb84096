"""Signed sums of metrics: what claims hold against a bound.

A `Sum` is one number of a network, the difference of two, or the difference of two
differences. Each kind has its interval from `common.intervals`. With one seed the
interval follows from the number of images: it speaks about the networks at hand, not
about another seed. With several seeds the number is the mean over the trainings of each
recipe, and the interval follows from how far those lie apart. It is never narrower than
the mean of the intervals of single seeds: seeds may agree by chance.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from common import intervals
from common.intervals import Estimate
from common.recipe import TRAINING_TIME, Cell
from common.results import measured, metrics
from common.results.measured import Runs
from common.seeds import of_seed, without_seed

INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"

Pair = tuple[str, str]  # names of a recipe and of an evaluation
Side = tuple[str, ...]  # a pair, with the other evaluation if the metric relates two

_SUMS = {  # signs of the terms -> how the sum is written
    (1,): "{}",
    (1, -1): "{} - {}",
    (1, -1, -1, 1): "({} - {}) - ({} - {})",
}
_PREFIXES = {
    "transfer": "transfer of ",
    "leaked": "leaks of ",
    "loss_share": "loss share of ",
    "cosine": "cosine of ",
    "gradient_norm": "gradient norm of ",
    "minutes": "minutes of ",
}


@dataclasses.dataclass(frozen=True)
class Term:
    """A metric of one network, which is added or subtracted.

    Attributes:
      sign: 1 or -1.
      metric: a key of `metrics.METRICS`.
      recipe: whose network.
      evaluation: which the metric reads; `TRAINING_TIME` for minutes.
      other: the second evaluation, if the metric relates two; for minutes, the recipe
        by whose minutes they are divided.
    """

    sign: int
    metric: str
    recipe: str
    evaluation: str
    other: str = ""

    def __post_init__(self) -> None:
        metrics.of(self.cell)  # an unknown metric names the nearest here, not later

    @property
    def cell(self) -> Cell:
        """What `metrics` reads."""
        return Cell("", "", self.recipe, self.evaluation, self.metric, self.other)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each recipe with an evaluation of it that the metric reads."""
        if self.metric == "minutes":
            return (self.recipe, TRAINING_TIME), (self.other, TRAINING_TIME)
        return tuple((self.recipe, name) for name in self.cell.evaluations)

    def __str__(self) -> str:
        if self.metric == "minutes":
            return f"{self.recipe} / {self.other}"
        return f"{self.recipe} {'/'.join(self.cell.evaluations)}"


class Finding(NamedTuple):
    """What the records say about a comparison.

    Attributes:
      estimate: the number with its 95 % interval, or None if they do not give it. A
        time has no interval: both its ends are the number.
      words: the number, or what stands in its way.
      obstacle: the verdict, if the number cannot be held against a bound.
    """

    estimate: Estimate | None
    words: str
    obstacle: str = ""


@dataclasses.dataclass(frozen=True)
class Sum:
    """A signed sum of metrics on the same images.

    Shares are in percent and their differences in points; ratios have no unit.

    Attributes:
      terms: all of one metric: one, the difference of two, or the difference of two
        differences of accuracies.
      seeds: of the trainings of each recipe, named as by `seeds.of_seed`; one alone is
        0, and times have one.
    """

    terms: tuple[Term, ...]
    _: dataclasses.KW_ONLY
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        names = {term.metric for term in self.terms}
        known = len(self.terms) < 4 or names == {"accuracy"}
        if len(names) != 1 or self._signs not in _SUMS or not known:
            raise ValueError(
                "A comparison has one term, two with the signs (1, -1), or four of "
                "accuracies with (1, -1, -1, 1), all of one metric. "
                f"Received: terms={self.terms}"
            )
        alone = self.seeds == (0,)
        several = 2 <= len(self.seeds) == len(set(self.seeds))
        if not alone and (not several or names == {"minutes"}):
            raise ValueError(
                "A comparison has seed 0 alone or several seeds, each once, and one of "
                "training times has seed 0. "
                f"Received: seeds={self.seeds}, metric={self.terms[0].metric}"
            )

    @property
    def metric(self) -> metrics.Metric:
        """What each term counts."""
        return metrics.of(self.terms[0].cell)

    def form(self, total: int | None = None) -> str:
        """Returns how the number is written; differences have a sign.

        Args:
          total: images on which it was counted, or None.
        """
        sign = "+" if len(self.terms) > 1 else ""
        return f"{sign}.{self.metric.decimals(0.0, total)}f"

    @property
    def unit(self) -> str:
        """Of the number, with a space before it."""
        if self.metric.unit != "%":
            return ""
        return " points" if len(self.terms) > 1 else " %"

    @property
    def title(self) -> str:
        """What is compared, in names of recipes and evaluations."""
        term = self.terms[0]
        words = f"{_PREFIXES.get(term.metric, '')}{self.written(self.terms)}"
        if len(self.terms) == 1 and term.metric == "leaked":
            words = f"{term.recipe} right under {term.evaluation}, not {term.other}"
        if len(self.seeds) > 1:
            words += f", mean of seeds {', '.join(map(str, self.seeds))}"
        return words

    def written(self, parts: Iterable[object]) -> str:
        """Returns the sum in words or numbers, one for each term."""
        return _SUMS[self._signs].format(*parts)

    @property
    def quoted(self) -> tuple[Pair, ...]:
        """Each recipe of seed 0, and evaluation of it, that the number is made of."""
        return tuple(pair for term in self.terms for pair in term.pairs)

    def quoted_in(self, numbers: Mapping[Pair, Any]) -> tuple[Pair, ...]:
        """Returns where these numbers stand: at the recipe, or at it with seed 0."""
        return tuple(
            pair if pair in numbers else (without_seed(pair[0]), pair[1])
            for pair in self.quoted
        )

    @property
    def needs(self) -> tuple[Pair, ...]:
        """The same of every seed, and without times, which every training leaves."""
        return tuple(
            (of_seed(name, seed), evaluation)
            for seed in self.seeds
            for name, evaluation in self.quoted
            if evaluation != TRAINING_TIME
        )

    def at(self, seed: int) -> Sum:
        """Returns the sum of one of the seeds alone."""
        terms = (
            dataclasses.replace(term, recipe=of_seed(term.recipe, seed))
            for term in self.terms
        )
        return Sum(tuple(terms))

    def crossed(self, seeds: Iterable[int]) -> Iterator[Self]:
        """Yields the same sum for every choice of a seed for each of its recipes.

        Args:
          seeds: of the trainings of every recipe.
        """
        recipes = list(dict.fromkeys(term.recipe for term in self.terms))
        for choice in itertools.product(seeds, repeat=len(recipes)):
            names = dict(zip(recipes, map(of_seed, recipes, choice), strict=True))
            terms = (
                dataclasses.replace(term, recipe=names[term.recipe])
                for term in self.terms
            )
            yield dataclasses.replace(self, terms=tuple(terms))

    def finding(self, runs: Runs) -> Finding:
        """Returns what the records say, before it is held against the bound."""
        return _of_images(self, runs) if self.needs else _of_times(self.terms[0], runs)

    def numbers(self, runs: Runs) -> np.ndarray:
        """Returns the number of each term at each seed, [seeds, terms]; NaN for none.

        Args:
          runs: which have every evaluation that the comparison needs.
        """
        return np.array(
            [
                [_number(term, runs[of_seed(term.recipe, seed)]) for term in self.terms]
                for seed in self.seeds
            ]
        )

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the same of reported numbers, or None if they do not give it.

        Args:
          numbers: accuracy in percent by recipe and evaluation, and minutes.
        """
        quoted = self.quoted_in(numbers)
        if not all(pair in numbers for pair in quoted):
            return None
        if not self.needs:
            top, bottom = (numbers[pair] for pair in quoted)
            return top / bottom if bottom else None
        if self.metric is not metrics.METRICS["accuracy"]:
            return None
        return sum(
            t.sign * numbers[pair] for t, pair in zip(self.terms, quoted, strict=True)
        )

    @property
    def _signs(self) -> tuple[int, ...]:
        return tuple(term.sign for term in self.terms)


def _of_images(of: Sum, runs: Runs) -> Finding:
    """Returns a sum of metrics on the same images."""
    records = {
        (name, key): runs[name].evaluation(key) if name in runs else None
        for name, key in of.needs
    }
    missing = [" ".join(pair) for pair, record in records.items() if not record]
    if missing:
        return Finding(None, f"not run: {', '.join(missing)}", NOT_RUN)
    found = [record for record in records.values() if record]
    if not all(record.same_images(found[0]) for record in found):
        sizes = " against ".join(str(record.total) for record in found)
        words = f"{sizes} images: evaluate both on the same images"
        return Finding(None, words, INCONCLUSIVE)
    estimate = (_estimate if len(of.seeds) == 1 else _over_seeds)(of, runs)
    if estimate is None or math.isnan(estimate.value):
        return Finding(None, "no images to count", INCONCLUSIVE)
    form = of.form(found[0].total)
    value, low, high = (f"{part:{form}}" for part in estimate)
    words = f"{value}{of.unit} [{low}, {high}] on {found[0].total} images"
    if len(of.seeds) > 1:
        sums = of.numbers(runs) @ [term.sign for term in of.terms]
        each = ", ".join(f"{number:{form}}" for number in sums)
        words = f"{words}; of each seed: {each}"
    return Finding(estimate, words)


def _over_seeds(of: Sum, runs: Runs) -> Estimate | None:
    """Returns the sum of means over seeds, with the interval of how they differ.

    What one network gives under several evaluations belongs together; networks of
    different recipes are independent. Seeds that happen to agree do not make the images
    more: the interval is at least as wide as the mean of those of single seeds.
    """
    found = [_estimate(of.at(seed), runs) for seed in of.seeds]
    alone = [each for each in found if each]
    if len(alone) < len(found):
        return None
    signed = of.numbers(runs) * [term.sign for term in of.terms]
    recipes = np.array([term.recipe for term in of.terms])
    value, low, high = intervals.sum_of_means(
        [signed[:, recipes == name].sum(axis=1) for name in dict.fromkeys(recipes)]
    )
    below, above = np.mean([(e.value - e.low, e.high - e.value) for e in alone], axis=0)
    return Estimate(value, min(low, value - below), max(high, value + above))


def _number(term: Term, run: measured.Run) -> float:
    value = metrics.of(term.cell).measure(run, term.cell)
    return math.nan if value is None else value.number


def _estimate(of: Sum, runs: Runs) -> Estimate | None:
    """Returns the sum with the interval of its kind, or None without an image."""
    terms, metric = of.terms, of.metric
    if len(terms) == 1:
        value = metric.measure(runs[terms[0].recipe], terms[0].cell)
        if value is None or value.interval is None:
            return None
        return Estimate(value.number, *value.interval)
    if isinstance(metric, metrics.Mean):
        return _mean_difference(metric, terms, runs)
    images = [metric.images(runs[term.recipe], term.cell) for term in terms]
    some = [each for each in images if each and not math.isnan(each.value)]
    if len(some) < len(terms):
        return None
    if metric.unit != "%":
        return intervals.ratio_difference(*some)
    if not all(each.among.all() for each in some):
        return intervals.ratio_difference(*some).scaled(100)
    a, b, *others = (each.counted for each in some)
    if others:
        c, d = others
        return intervals.difference_of_differences((a, b), (c, d))
    return intervals.paired_difference(a, b)


def _mean_difference(
    metric: metrics.Mean, terms: tuple[Term, ...], runs: Runs
) -> Estimate | None:
    """Returns the difference of two means, or None where one has no numbers."""
    numbers = [metric.numbers(runs[term.recipe], term.cell) for term in terms]
    left, right = numbers
    if left is None or right is None:
        return None
    return intervals.mean_difference(left, right)


def _of_times(term: Term, runs: Runs) -> Finding:
    """Returns the minutes of one training over those of another."""
    names = (term.recipe, term.other)
    minutes = {
        name: runs[name].training_minutes if name in runs else None for name in names
    }
    missing = [name for name in names if not minutes[name]]
    if missing:
        return Finding(None, f"not trained: {', '.join(missing)}", NOT_RUN)
    top, bottom = (minutes[name] or math.nan for name in names)
    estimate = Estimate(*[top / bottom] * 3)
    where = dict.fromkeys(place for name in names for place in places(runs[name]))
    if len(where) > 1:
        words = f"trained on {' and on '.join(where)}: train both on the same"
        return Finding(estimate, words, INCONCLUSIVE)
    return Finding(estimate, f"{top:.2f} / {bottom:.2f} = {top / bottom:.2f}")


def places(run: measured.Run) -> tuple[str, ...]:
    """Returns what a run was trained on, one after the other, as times depend on it."""
    known = {
        "devices": 1,
        "hardware": "a machine",
        "backend": "tensorflow",
        "precision": "float32",
    }
    begun = {key: run.manifest.get(key, value) for key, value in known.items()}
    by_step = {0: begun}  # what was begun anew at a step counts from there alone
    for entry in run.manifest.get("continued", ()):
        by_step[entry.get("step")] = begun | entry
    words = "{devices} of {hardware} by {backend} in {precision}"
    return tuple(dict.fromkeys(words.format(**entry) for entry in by_step.values()))
