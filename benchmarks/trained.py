"""A trained network with test images: real CIFAR-10 where it is, digits otherwise."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

import free_at
from benchmarks import setting
from common import recipe as recipes
from common import runs
from common.attacks import PGD
from common.foreign import saved, specs

RECIPE = setting.FREE
RECORDS = pathlib.Path(__file__).parent.parent / "records"
KEPT = RECORDS / "free_at" / "small" / RECIPE / f"{RECIPE}.weights.h5"
# Pixels that a saved model takes -> factor and offset of those in [0, 255].
PIXELS = {"raw": (1.0, 0.0), "unit": (1 / 255, 0.0), "tf": (1 / 127.5, -1.0)}


@dataclasses.dataclass(frozen=True)
class Trained:
    """A network, and the first images of its test set.

    Attributes:
      network: pixels in [0, 255] to logits.
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

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the images and labels, `size` at a time."""
        for start in range(0, len(self.labels), size):
            part = slice(start, start + size)
            yield self.images[part], self.labels[part]


def load(workdir: pathlib.Path, num_images: int) -> Trained:
    """Returns the small scale's network, whose weights are kept, or the digits'.

    Args:
      workdir: the runs; where CIFAR-10 is not, the digits are trained there if they
        have not been.
      num_images: how many test images.
    """
    for scale, weights in (("small", str(KEPT)), ("digits", "")):
        run = _run(scale, workdir, weights)
        recipe = run.recipe
        try:
            images, labels = _test_images(recipe, num_images)
        except FileNotFoundError:
            continue
        if not weights:
            run.train()
        description = (
            f"{RECIPE} at scale {scale}: {setting.network_name(recipe.network)} after "
            f"{recipe.num_steps:,} updates; the first {num_images} test images of "
            f"{recipe.dataset.name}"
        )
        print(description, flush=True)
        return Trained(run.network(), images, labels, _attack(run), description)
    raise ValueError("No scale has a network. Received: none of small and digits")


def from_file(workdir: pathlib.Path, spec: str, num_images: int) -> Trained:
    """Returns a saved model with CIFAR-10's test images.

    Args:
      workdir: the runs; none is looked at.
      spec: of `said`.
      num_images: how many test images.
    """
    file = said(spec)
    run = _run("small", workdir)
    images, labels = _test_images(run.recipe, num_images)
    factor, offset = PIXELS[file.options["pixels"]]
    network = keras.Sequential(
        [keras.layers.Rescaling(factor, offset), saved.load(file.file)]
    )
    description = (
        f"{file.without_folders}; the first {num_images} test images of "
        f"{run.recipe.dataset.name}"
    )
    print(description, flush=True)
    return Trained(network, images, labels, _attack(run), description)


def said(spec: str) -> specs.Spec:
    """Reads the name of a saved model: `FILE?pixels=`, one of `PIXELS`.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is of weights alone, or does not say what pixels it takes.
    """
    found = specs.parse(spec, ())
    if found.network:
        raise ValueError(f"Expected a saved model, FILE. Received: {spec}")
    if found.options.get("pixels") not in PIXELS:
        raise ValueError(
            f"Say what it takes: ?pixels= one of {', '.join(PIXELS)}. Received: {spec}"
        )
    return found


def _run(scale: str, workdir: pathlib.Path, weights: str = "") -> runs.Run:
    place = workdir / "kept" if weights else workdir  # no training is in its way
    at = free_at.PAPER.at(scale)
    session = runs.Session(at, place, strategy="one_device", weights=weights)
    return session.run(RECIPE)


def _attack(run: runs.Run) -> PGD:
    return run.session.at.evaluations["pgd_20"].attack


def _test_images(
    recipe: recipes.Recipe, num_images: int
) -> tuple[np.ndarray, np.ndarray]:
    dataset = recipe.dataset.test_batches(batch_size=num_images)
    images, labels = next(dataset.as_numpy_iterator())
    return images, labels
