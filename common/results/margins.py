"""Comparisons with a margin, of which claims are made.

Each gives a number with its 95 % interval against a bound. It holds if the whole
interval is on the right side of the bound, fails if the whole interval is on the wrong
side, and is inconclusive otherwise. The interval speaks about the networks at hand, not
about another seed.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from common import recipe
from common.intervals import Estimate
from common.results import measured

HOLDS, FAILS = "holds", "fails"
INCONCLUSIVE = "inconclusive"
NOT_RUN = "not run"

Runs = Mapping[str, measured.Run]  # by recipe name, as `measured.runs_of` gives them
Pair = tuple[str, str]  # names of a recipe and of an evaluation
Answer = tuple[str, str]  # verdict, and the numbers behind it


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison(abc.ABC):
    """A number against one bound.

    Attributes:
      at_least: lower bound; give this or `at_most`.
      at_most: upper bound.
      form: how the number is written.
      unit: of the number, with a space before it.
    """

    form: ClassVar[str] = "+.2f"
    unit: ClassVar[str] = " points"

    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(
                f"{type(self).__name__} needs at_least or at_most, not both. "
                f"Received: at_least={self.at_least}, at_most={self.at_most}"
            )

    @property
    @abc.abstractmethod
    def needs(self) -> tuple[Pair, ...]:
        """The (recipe, evaluation) pairs that are compared."""

    @abc.abstractmethod
    def check(self, runs: Runs) -> Answer:
        """Returns the verdict and a line with the numbers behind it.

        Args:
          runs: recipe name to run, as `measured.runs_of` gives them.
        """

    @abc.abstractmethod
    def number(self, runs: Runs) -> float | None:
        """Returns what is held against the bound, or None if it was not measured."""

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the same of reported numbers, or None if they do not give it.

        Args:
          numbers: accuracy in percent by recipe and evaluation, and minutes.
        """
        del numbers
        return None

    @property
    def quoted(self) -> tuple[Pair, ...]:
        """The pairs that `reported` reads."""
        return self.needs

    def verdict(self, low: float, high: float) -> str:
        """Returns the verdict on an interval."""
        bound = self.at_least
        if bound is not None:
            holds, fails = low >= bound, high < bound
        else:
            bound = self.at_most or 0.0
            holds, fails = high <= bound, low > bound
        return HOLDS if holds else FAILS if fails else INCONCLUSIVE

    def bound(self, form: str, unit: str) -> str:
        """Returns the bound in words."""
        if self.at_least is not None:
            return f"at least {self.at_least:{form}}{unit}"
        return f"at most {self.at_most:{form}}{unit}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paired(Comparison):
    """A comparison of outcomes on the same images.

    A kind says what it needs, how it is called and how it makes its number.
    """

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What is compared, in names of recipes and evaluations."""

    @abc.abstractmethod
    def estimate(self, runs: Runs) -> Estimate | None:
        """Returns the number and its interval, or None without an image to count."""

    def number(self, runs: Runs) -> float | None:
        """Returns the number, in its unit."""
        estimate = None if self._obstacle(runs) else self.estimate(runs)
        return None if estimate is None else estimate.value

    def check(self, runs: Runs) -> Answer:
        """Returns the verdict and a line with the number and its interval."""
        obstacle = self._obstacle(runs)
        if obstacle:
            return obstacle
        estimate = self.estimate(runs)
        if estimate is None:
            return INCONCLUSIVE, f"{self.title}: no images to count"
        verdict = self.verdict(estimate.low, estimate.high)
        value, low, high = (f"{part:{self.form}}" for part in estimate)
        bound = self.bound("+g" if self.form.startswith("+") else "g", self.unit)
        return verdict, (
            f"{self.title} = {value}{self.unit} [{low}, {high}] on "
            f"{self._records(runs)[0].total} images; claimed {bound}: {verdict}"
        )

    def _records(self, runs: Runs) -> list[Any]:
        """Returns the record of each pair, None where there is none."""
        return [runs[r].evaluation(e) if r in runs else None for r, e in self.needs]

    def _obstacle(self, runs: Runs) -> Answer | None:
        """Returns the answer if the records cannot be compared, else None."""
        records = self._records(runs)
        pairs = zip(self.needs, records, strict=True)
        missing = [" ".join(pair) for pair, record in pairs if record is None]
        if missing:
            names = ", ".join(dict.fromkeys(missing))
            return NOT_RUN, f"{self.title}: not run: {names}"
        if not all(record.same_images(records[0]) for record in records):
            sizes = " against ".join(str(record.total) for record in records)
            return INCONCLUSIVE, (
                f"{self.title}: {sizes} images: evaluate both on the same images"
            )
        return None


@dataclasses.dataclass(frozen=True)
class TimeRatio(Comparison):
    """Training minutes of one recipe over those of another, against a bound.

    Attributes:
      numerator: recipe.
      denominator: recipe, trained on the same machine.
    """

    numerator: str
    denominator: str
    form: ClassVar[str] = ".2f"
    unit: ClassVar[str] = ""

    @property
    def needs(self) -> tuple[Pair, ...]:
        """No evaluation is needed."""
        return ()

    @property
    def quoted(self) -> tuple[Pair, ...]:
        """The times of both."""
        return (
            (self.numerator, recipe.TRAINING_TIME),
            (self.denominator, recipe.TRAINING_TIME),
        )

    def number(self, runs: Runs) -> float | None:
        """Returns the ratio."""
        top, bottom = self._minutes(runs)
        return top / bottom if top and bottom else None

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the ratio of the reported minutes."""
        top, bottom = map(numbers.get, self.quoted)
        return top / bottom if top and bottom else None

    def check(self, runs: Runs) -> Answer:
        """Returns the verdict and a line with both times."""
        title = f"minutes of {self.numerator} / {self.denominator}"
        top, bottom = self._minutes(runs)
        if not top or not bottom:
            missing = [self.numerator] * (not top) + [self.denominator] * (not bottom)
            return NOT_RUN, f"{title}: not trained: {', '.join(missing)}"
        places = [_place(runs[name]) for name in (self.numerator, self.denominator)]
        if places[0] != places[1]:
            return INCONCLUSIVE, (
                f"{title}: trained on {' and on '.join(places)}: train both on the same"
            )
        verdict = self.verdict(top / bottom, top / bottom)
        return verdict, (
            f"{title} = {top:.2f} / {bottom:.2f} = {top / bottom:.2f}; "
            f"claimed {self.bound('g', '')}: {verdict}"
        )

    def _minutes(self, runs: Runs) -> Iterator[float | None]:
        return (
            runs[r].training_minutes if r in runs else None
            for r in (self.numerator, self.denominator)
        )


def _place(run: measured.Run) -> str:
    """Returns what a run was trained on, as far as it decides on the time."""
    known = {"backend": "tensorflow", "precision": "float32", "devices": 1}
    backend, precision, devices = (run.manifest.get(k, v) for k, v in known.items())
    hardware = run.manifest.get("hardware", "a machine")
    return f"{devices} of {hardware} by {backend} in {precision}"
