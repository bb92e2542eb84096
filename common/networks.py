"""The networks on which the runs of a session are evaluated, and their judges.

Recipes with equal networks differ in the weights alone. So one network takes the
weights of run after run, and what its judges compiled for the first serves all.
"""

from __future__ import annotations

from typing import Any

from common import engine, evaluation
from common import recipe as recipes
from common.lazy import keras
from common.models import logits
from common.training import learner


class Networks:
    """Networks and judges, made when they are first asked for."""

    def __init__(self, distribution: Any) -> None:
        """Makes nothing yet.

        Args:
          distribution: from `engine.make`; the networks live where it is `alone`.
        """
        self._distribution = distribution
        self._networks: dict[Any, keras.Model] = {}
        self._judges: dict[Any, evaluation.Judges] = {}

    def network(
        self, recipe: recipes.Recipe, precision: str, number: int
    ) -> keras.Model:
        """Returns a network like the recipe's, with whatever weights it has now.

        Args:
          recipe: whose weights it is to take.
          precision: of the computation.
          number: one for each network that is needed at the same time.
        """
        data = recipe.dataset
        shape = (data.num_classes, data.image_size, data.channels)
        key = (recipe.network, *shape, precision, number)
        if key not in self._networks:
            place = engine.alone(self._distribution)
            self._networks[key] = learner.network(recipe, place, precision)
        return self._networks[key]

    def judges(
        self, exact: keras.Model, attacked: keras.Model, branch: str
    ) -> evaluation.Judges:
        """Returns the judges of a network through a branch of batch norm.

        Args:
          exact: the network that judges.
          attacked: the network as attacks see it, such as in another precision.
          branch: of both; their first if empty.

        Raises:
          ValueError: a branch that the network does not have.
        """
        key = (exact, attacked, branch)
        if key not in self._judges:
            judged, seen = (logits.inference(n, branch) for n in (exact, attacked))
            place = engine.alone(self._distribution)
            self._judges[key] = evaluation.Judges(judged, place, attacked_fn=seen)
        return self._judges[key]
