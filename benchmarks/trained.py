"""A trained network with test images: real CIFAR-10 where it is, digits otherwise."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np

import free_at
from benchmarks import setting
from common import recipe as recipes
from common import runs
from common.attacks import PGD
from common.training import checkpoint, learner, manifest, strategy

RECIPE = "cifar10_free_8"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A network trained with Free, m = 8, and the first images of its test set.

    Attributes:
      network: the network.
      images: float32 [n, H, W, C] in [0, 255].
      labels: int32 [n].
      attack: PGD-20 of the scale's tables.
      description: one line on what was trained and where the images are from.
    """

    network: keras.Model
    images: np.ndarray
    labels: np.ndarray
    attack: PGD
    description: str

    def logits_fn(self, images: Any) -> Any:
        """Returns the logits, batch norm in inference mode."""
        return self.network(images, training=False)


def load(workdir: pathlib.Path, num_images: int) -> Trained:
    """Returns the small scale's network if it is trained, else the digits'.

    Args:
      workdir: the runs; the digits are trained there if they have not been.
      num_images: how many test images.
    """
    for scale in ("small", "digits"):
        session = runs.Session(
            free_at.PAPER, scale, workdir, strategy.make("one_device")
        )
        recipe = session.recipe(RECIPE)
        if scale == "digits":
            runs.train(session, RECIPE)
        elif recipe.num_steps not in checkpoint.steps(_checkpoints(session)):
            continue
        try:
            images, labels = _test_images(recipe, num_images)
        except FileNotFoundError:
            continue
        evaluation = session.paper.evaluations_at(scale)["pgd_20"]
        description = (
            f"{RECIPE} at scale {scale}: {setting.network_name(recipe.network)} after "
            f"{recipe.num_steps:,} updates; the first {num_images} test images of "
            f"{recipe.dataset.name}"
        )
        print(description, flush=True)
        network = _network(session, recipe)
        return Trained(network, images, labels, evaluation.attack, description)
    raise ValueError("No scale has a network. Received: none of small and digits")


def _network(session: runs.Session, recipe: recipes.Recipe) -> keras.Model:
    manifest.check(session.run_dir(RECIPE), recipe=recipe)
    network = learner.build(recipe, session.distribution, "float32").network
    checkpoint.load(_checkpoints(session), network.variables, recipe.num_steps)
    return network


def _checkpoints(session: runs.Session) -> pathlib.Path:
    return session.run_dir(RECIPE) / "checkpoints"


def _test_images(
    recipe: recipes.Recipe, num_images: int
) -> tuple[np.ndarray, np.ndarray]:
    dataset = recipe.dataset.test_batches(batch_size=num_images)
    images, labels = next(dataset.as_numpy_iterator())
    return images, labels
