"""What changes while a run trains, and its way to and from a checkpoint."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from common import engine, errors, logs
from common import recipe as recipes
from common.lazy import keras
from common.names import lookup
from common.training import average as averages
from common.training import checkpoint

PRECISIONS = ("float32", "mixed_bfloat16")
APART = "Workers find different files: --workdir must be one folder for all of them."


@dataclasses.dataclass
class Learner:
    """Variables, the replicas' own states, and the number of updates done.

    Attributes:
      network: the network.
      method: bound to the network and to its optimizer.
      state: what the method carries from step to step, distributed over replicas.
      distribution: where it lives; from `engine.make`.
      average: the moving average of the network, or None for a recipe without.
      step: updates done.
    """

    network: keras.Model
    method: Any
    state: Any
    distribution: Any
    average: averages.Average | None = None
    step: int = 0

    @property
    def fixed(self) -> list[Any]:
        """Variables that training reads and never changes, nor saves."""
        return [v for network in self.method.static_networks for v in network.variables]

    @property
    def variables(self) -> list[Any]:
        """The shared variables: network, optimizer, then average."""
        shadows = self.average.variables if self.average else []
        return [*self.network.variables, *self.method.optimizer.variables, *shadows]

    def save(self, directory: pathlib.Path) -> None:
        """Writes this worker's files of a checkpoint."""
        checkpoint.save(
            directory,
            self.step,
            variables=self.variables,
            state=[
                np.stack([np.asarray(part) for part in self.local(leaf)])
                for leaf in keras.tree.flatten(self.state)
            ],
            worker=engine.worker(self.distribution),
        )

    def restore(self, directory: pathlib.Path) -> None:
        """Takes variables, states and step from the newest checkpoint, if any.

        Raises:
          RunError: none reads back, or it is of another number of replicas.
        """
        worker = engine.worker(self.distribution)
        leaves = keras.tree.flatten(self.state)
        step, parts = checkpoint.restore(
            directory,
            variables=self.variables,
            worker=worker,
            has_state=bool(leaves),
        )
        if not engine.wait(self.distribution, step):
            raise errors.RunError(f"{APART} Received: step {step} of {directory}")
        if step == 0:
            return
        here = [(len(self.local(leaf)), *self.local(leaf)[0].shape) for leaf in leaves]
        if [part.shape for part in parts] != here:
            count = engine.num_replicas(self.distribution)
            raise errors.RunError(
                "The checkpoint holds the states of other replicas: restart with as "
                "many devices, and as many --replicas_per_device. "
                f"Received: {engine.num_devices(self.distribution)} devices, {count} "
                "replicas"
            )
        restored = engine.joined(self.distribution, parts)
        self.state = keras.tree.pack_sequence_as(self.state, restored)
        self.step = step
        print(f"Going on from step {step} of {directory}.", file=sys.stderr)

    def local(self, value: Any) -> tuple[Any, ...]:
        """Returns this worker's parts of a distributed value."""
        return engine.parts(self.distribution, value)


def network(recipe: recipes.Recipe, distribution: Any, precision: str) -> keras.Model:
    """Returns the network of a recipe at its seeded initial weights.

    Args:
      recipe: which.
      distribution: where the network lives.
      precision: one of `PRECISIONS`.

    Raises:
      ValueError: an unknown precision.
    """
    lookup(dict.fromkeys(PRECISIONS), precision, "--precision")
    with logs.held_back():  # beside JAX Keras imports TensorFlow for this if it can
        keras.utils.set_random_seed(recipe.seed)
    keras.config.set_dtype_policy(precision)
    data = recipe.dataset
    with engine.scope(distribution):
        return recipe.network.build(
            data.num_classes, data.image_size, channels=data.channels
        )


def build(
    recipe: recipes.Recipe,
    distribution: Any,
    precision: str,
    sources: Iterable[pathlib.Path] = (),
) -> Learner:
    """Returns the network at its seeded initial weights, and what trains it.

    Args:
      recipe: what is trained.
      distribution: where; from `engine.make`.
      precision: one of `PRECISIONS`.
      sources: folders of the checkpoints of the method's sources, in their order; none
        where no update is made.

    Raises:
      RunError: a source is not trained to its end, or does not read back.
    """
    static_networks = [
        load(source, directory, distribution, precision)
        for source, directory in zip(recipe.method.sources, sources, strict=False)
    ]
    built, data = network(recipe, distribution, precision), recipe.dataset
    replicas = engine.num_replicas(distribution)
    with engine.scope(distribution):
        method = recipe.method.build(
            built,
            recipe.optimizer.build(recipe.schedule.build()),
            l2=recipe.l2,
            num_replicas=replicas,
            static_networks=static_networks,
        )
        average = averages.Average(built, recipe.average) if recipe.average else None
    shape = (recipe.batch_size // replicas, *data.image_shape)
    state = engine.first_state(distribution, lambda: method.initial_state(shape))
    return Learner(built, method, state, distribution, average)


def load(
    recipe: recipes.Recipe,
    directory: pathlib.Path,
    distribution: Any,
    precision: str,
    *,
    into: keras.Model | None = None,
) -> keras.Model:
    """Returns the trained network with the weights that it is evaluated with.

    They are the averaged ones if the recipe has an average.

    Args:
      recipe: trained to its end.
      directory: of the run's checkpoints.
      distribution: where the network lives.
      precision: one of `PRECISIONS`.
      into: the network that takes the weights, of a recipe with an equal network; a new
        one by default.

    Raises:
      RunError: there is no checkpoint of the last update, or it does not read back.
    """
    built = network(recipe, distribution, precision) if into is None else into
    with engine.scope(distribution):
        average = averages.Average(built, recipe.average) if recipe.average else None
    shadows = average.variables if average else []
    checkpoint.load(directory, [*built.variables, *shadows], recipe.num_steps)
    if average:
        average.give()
    return built
