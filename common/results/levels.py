"""Comparisons of one number of one network with a margin, in percent or as a ratio.

They are `common.results.margins` of a metric: for statements such as "FGSM leaves about
a third of the images right".
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from common import recipe
from common.intervals import Estimate
from common.results import metrics
from common.results.margins import Pair, Paired, Runs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Level(Paired):
    """A metric of one network, against a margin."""

    metric: ClassVar[str]
    form: ClassVar[str] = ".2f"
    unit: ClassVar[str] = " %"

    @property
    @abc.abstractmethod
    def side(self) -> tuple[str, ...]:
        """The recipe and the evaluations that the metric reads."""

    @property
    def needs(self) -> tuple[Pair, ...]:
        """The evaluations of the recipe."""
        name, *evaluations = self.side
        return tuple((name, evaluation) for evaluation in evaluations)

    def estimate(self, runs: Runs) -> Estimate | None:
        """Returns the number with the interval of its metric."""
        name, evaluation, *other = self.side
        cell = recipe.Cell("", "", name, evaluation, self.metric, *other)
        value = metrics.of(cell).measure(runs[name], cell)
        if value is None or value.interval is None:
            return None
        return Estimate(value.number, *value.interval)


@dataclasses.dataclass(frozen=True)
class Accuracy(Level):
    """Percent of the images that a network has right, against a margin.

    Attributes:
      recipe: whose network.
      evaluation: under which attack.
    """

    recipe: str
    evaluation: str
    metric: ClassVar[str] = "accuracy"

    @property
    def side(self) -> tuple[str, ...]:
        """The recipe and the evaluation."""
        return self.recipe, self.evaluation

    @property
    def title(self) -> str:
        """Both names."""
        return f"{self.recipe} {self.evaluation}"

    def reported(self, numbers: Mapping[Pair, float]) -> float | None:
        """Returns the reported accuracy."""
        return numbers.get((self.recipe, self.evaluation))


@dataclasses.dataclass(frozen=True)
class RobustnessRatio(Level):
    """Accuracy under an attack over that on clean images, against a margin.

    Attributes:
      recipe: whose network.
      evaluation: whose accuracy is divided.
      clean: the evaluation whose accuracy divides.
    """

    recipe: str
    evaluation: str
    clean: str = "clean"
    metric: ClassVar[str] = "ratio"
    form: ClassVar[str] = ".3f"
    unit: ClassVar[str] = ""

    @property
    def side(self) -> tuple[str, ...]:
        """The recipe and both evaluations."""
        return self.recipe, self.evaluation, self.clean

    @property
    def title(self) -> str:
        """All names."""
        return f"{self.recipe} {self.evaluation}/{self.clean}"


@dataclasses.dataclass(frozen=True)
class Leaks(Level):
    """Percent of examples whose label leaked, against a margin.

    That is right under an attack that uses the label, and wrong under the same attack
    without it.

    Attributes:
      recipe: whose network.
      with_label: evaluation under the attack that uses the label.
      without_label: evaluation under the attack that does not.
    """

    recipe: str
    with_label: str
    without_label: str
    metric: ClassVar[str] = "leaked"

    @property
    def side(self) -> tuple[str, ...]:
        """The recipe and both evaluations."""
        return self.recipe, self.with_label, self.without_label

    @property
    def title(self) -> str:
        """All names."""
        return f"{self.recipe} right under {self.with_label}, not {self.without_label}"
