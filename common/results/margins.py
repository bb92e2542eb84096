"""Numbers that are held against a bound, of which claims are made.

A `Comparison` is a signed sum of metrics: one number of a network, the difference of
two, or the difference of two differences. It holds if its whole 95 % interval is on the
right side of the bound, fails if the whole interval is on the wrong side, and is
inconclusive otherwise. Each kind has its interval from `common.intervals`; it speaks
about the networks at hand, not about another seed. These functions build every kind
that the papers use:

    level("pgd_7", "fgsm", at_most=39.0)  # accuracy in percent
    difference(("free_8", "pgd_20"), ("free_8", "pgd_100"), at_most=1.5)
    difference_of_differences((a, b), (c, d), at_least=0.0)  # of four such pairs
    gain("free_8", "pgd_7", "pgd_20", at_least=-2.0)  # of one network over another
    time_ratio("free_8", "pgd_7", at_most=0.3)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from common import intervals
from common.intervals import Estimate
from common.recipe import TRAINING_TIME, Cell
from common.results import measured, metrics
from common.results.measured import Runs

HOLDS, FAILS = "holds", "fails"
INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"

Pair = tuple[str, str]  # names of a recipe and of an evaluation
Side = tuple[str, ...]  # a pair, with the other evaluation if the metric relates two
Answer = tuple[str, str]  # verdict, and the numbers behind it

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
class Comparison:
    """A signed sum of metrics on the same images, against one bound.

    Shares are in percent and their differences in points; ratios have no unit.

    Attributes:
      terms: all of one metric: one, the difference of two, or the difference of two
        differences of accuracies.
      at_least: lower bound; give this or `at_most`.
      at_most: upper bound.
    """

    terms: tuple[Term, ...]
    _: dataclasses.KW_ONLY
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(
                "A comparison needs at_least or at_most, not both. "
                f"Received: at_least={self.at_least}, at_most={self.at_most}"
            )
        names = {term.metric for term in self.terms}
        known = len(self.terms) < 4 or names == {"accuracy"}
        if len(names) != 1 or self._signs not in _SUMS or not known:
            raise ValueError(
                "A comparison has one term, two with the signs (1, -1), or four of "
                "accuracies with (1, -1, -1, 1), all of one metric. "
                f"Received: terms={self.terms}"
            )

    @property
    def metric(self) -> metrics.Metric:
        """What each term counts."""
        return metrics.of(self.terms[0].cell)

    @property
    def form(self) -> str:
        """How the number is written; differences have a sign."""
        sign = "+" if len(self.terms) > 1 else ""
        return f"{sign}.{2 if self.metric.unit else 3}f"

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
        if len(self.terms) == 1 and term.metric == "leaked":
            return f"{term.recipe} right under {term.evaluation}, not {term.other}"
        return f"{_PREFIXES.get(term.metric, '')}{self.written(self.terms)}"

    def written(self, parts: Iterable[object]) -> str:
        """Returns the sum in words or numbers, one for each term."""
        return _SUMS[self._signs].format(*parts)

    @property
    def quoted(self) -> tuple[Pair, ...]:
        """Each recipe and evaluation of it that the number is made of."""
        return tuple(pair for term in self.terms for pair in term.pairs)

    @property
    def needs(self) -> tuple[Pair, ...]:
        """The same without training times, which every training leaves behind."""
        return tuple(pair for pair in self.quoted if pair[1] != TRAINING_TIME)

    @property
    def bound(self) -> str:
        """What is claimed of the number, such as `at least +2 points`."""
        sign = "+" if len(self.terms) > 1 else ""
        if self.at_least is not None:
            return f"at least {self.at_least:{sign}g}{self.unit}"
        return f"at most {self.at_most:{sign}g}{self.unit}"

    def check(self, runs: Runs) -> Answer:
        """Returns the verdict and a line with the numbers behind it.

        Args:
          runs: recipe name to run, as `Results.runs` gives them.
        """
        found = self.finding(runs)
        if found.estimate is None or found.obstacle:
            return found.obstacle, self._line(found)
        verdict = self.verdict(found.estimate.low, found.estimate.high)
        return verdict, f"{self._line(found)}: {verdict}"

    def line(self, runs: Runs) -> str:
        """Returns the line of `check` without its verdict."""
        return self._line(self.finding(runs))

    def number(self, runs: Runs) -> float | None:
        """Returns what is held against the bound, or None if it was not measured."""
        estimate = self.finding(runs).estimate
        return None if estimate is None else estimate.value

    def finding(self, runs: Runs) -> Finding:
        """Returns what the records say, before it is held against the bound."""
        return _of_images(self, runs) if self.needs else _of_times(self.terms[0], runs)

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the same of reported numbers, or None if they do not give it.

        Args:
          numbers: accuracy in percent by recipe and evaluation, and minutes.
        """
        if not all(pair in numbers for pair in self.quoted):
            return None
        if not self.needs:
            top, bottom = (numbers[pair] for pair in self.quoted)
            return top / bottom if bottom else None
        if self.metric is not metrics.METRICS["accuracy"]:
            return None
        return sum(t.sign * numbers[t.recipe, t.evaluation] for t in self.terms)

    def verdict(self, low: float, high: float) -> str:
        """Returns the verdict on an interval."""
        floor = -math.inf if self.at_least is None else self.at_least
        ceiling = math.inf if self.at_most is None else self.at_most
        if high < floor or low > ceiling:
            return FAILS
        return HOLDS if floor <= low and high <= ceiling else INCONCLUSIVE

    @property
    def _signs(self) -> tuple[int, ...]:
        return tuple(term.sign for term in self.terms)

    def _line(self, found: Finding) -> str:
        if found.estimate is None or found.obstacle:
            return f"{self.title}: {found.words}"
        return f"{self.title} = {found.words}; claimed {self.bound}"


def level(*side: str, metric: str = "accuracy", **bound: float) -> Comparison:
    """Returns the comparison of one number of one network.

    Args:
      *side: recipe and evaluation; for a ratio the evaluation whose accuracy divides,
        for leaked labels that without the label.
      metric: a key of `metrics.METRICS`.
      **bound: `at_least` or `at_most`.
    """
    return Comparison((Term(1, metric, *side),), **bound)


def difference(
    left: Side, right: Side, *, metric: str = "accuracy", **bound: float
) -> Comparison:
    """Returns the comparison of a metric of `left` minus the same of `right`.

    Args:
      left: as the side of `level`.
      right: the same, on the same images.
      metric: a key of `metrics.METRICS`.
      **bound: `at_least` or `at_most`.
    """
    return Comparison((Term(1, metric, *left), Term(-1, metric, *right)), **bound)


def gain(recipe: str, over: str, evaluation: str, **bound: float) -> Comparison:
    """Returns the comparison of the accuracies of two networks under one evaluation."""
    left, right = (recipe, evaluation), (over, evaluation)
    return difference(left, right, metric="accuracy", **bound)


def difference_of_differences(
    left: tuple[Pair, Pair], right: tuple[Pair, Pair], **bound: float
) -> Comparison:
    """Returns the comparison of one difference of accuracies minus another.

    Args:
      left: two pairs: the accuracy of the first minus that of the second.
      right: the same, on the same images.
      **bound: `at_least` or `at_most`.
    """
    pairs = zip((1, -1, -1, 1), (*left, *right), strict=True)
    return Comparison(
        tuple(Term(sign, "accuracy", *pair) for sign, pair in pairs), **bound
    )


def time_ratio(numerator: str, denominator: str, **bound: float) -> Comparison:
    """Returns the comparison of the training times of two recipes on one machine."""
    return level(numerator, TRAINING_TIME, denominator, metric="minutes", **bound)


def _of_images(comparison: Comparison, runs: Runs) -> Finding:
    """Returns a sum of counts on the same images."""
    records = {
        (name, key): runs[name].evaluation(key) if name in runs else None
        for name, key in comparison.needs
    }
    missing = [" ".join(pair) for pair, record in records.items() if not record]
    if missing:
        return Finding(None, f"not run: {', '.join(missing)}", NOT_RUN)
    found = [record for record in records.values() if record]
    if not all(record.same_images(found[0]) for record in found):
        sizes = " against ".join(str(record.total) for record in found)
        words = f"{sizes} images: evaluate both on the same images"
        return Finding(None, words, INCONCLUSIVE)
    estimate = _estimate(comparison, runs)
    if estimate is None:
        return Finding(None, "no images to count", INCONCLUSIVE)
    value, low, high = (f"{part:{comparison.form}}" for part in estimate)
    numbers = f"{value}{comparison.unit} [{low}, {high}]"
    return Finding(estimate, f"{numbers} on {found[0].total} images")


def _estimate(comparison: Comparison, runs: Runs) -> Estimate | None:
    """Returns the sum with the interval of its kind, or None without an image."""
    terms, metric = comparison.terms, comparison.metric
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
    places = [_place(runs[name]) for name in names]
    if places[0] != places[1]:
        words = f"trained on {' and on '.join(places)}: train both on the same"
        return Finding(estimate, words, INCONCLUSIVE)
    return Finding(estimate, f"{top:.2f} / {bottom:.2f} = {top / bottom:.2f}")


def _place(run: measured.Run) -> str:
    """Returns what a run was trained on, as far as it decides on the time."""
    known = {"backend": "tensorflow", "precision": "float32", "devices": 1}
    backend, precision, devices = (run.manifest.get(k, v) for k, v in known.items())
    hardware = run.manifest.get("hardware", "a machine")
    return f"{devices} of {hardware} by {backend} in {precision}"
