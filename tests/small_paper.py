"""A paper that trains in seconds, with a recipe for every training method."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np
from keras import ops

from common import attacks, backend, data, engine, recipe
from common.models import activations, layers, normalization, norms
from common.training import Method, checkpoint, loop, metrics, optimizers, schedules
from common.training.natural import NaturalTraining
from ensemble_at.algorithm import EnsembleTraining
from free_at.algorithm import FreeTraining, PGDTraining
from intriguing_at.algorithm import AdversarialTraining
from kurakin2017.algorithm import MixedTraining
from smooth_at.algorithm import SmoothTraining

EPSILON = 40.0


@dataclasses.dataclass(frozen=True)
class Drawing(Method):
    """Trains nothing, and tells a number that it draws with the seed of the update."""

    METRICS = ("draw",)

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        del batch
        return {"draw": backend.uniform((), seed)}, state


@dataclasses.dataclass(frozen=True)
class Network:
    """Two convolutions, with all that a method may ask a network for.

    Attributes:
      norm: a normaliser of `common.models.norms`, or None.
      activation: by its name.
    """

    norm: Any = norms.DEFAULT
    activation: str = "leaky_relu"

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        return layers.built(_Model(self, num_classes), image_size, channels)


class _Model(keras.Model):
    def __init__(self, config: Network, num_classes: int) -> None:
        super().__init__(name="small_paper")
        self.branches = config.norm.branches if config.norm else ("clean",)
        self.convolutions = [
            layers.convolution(8, 3, strides=2, name=f"conv{i}") for i in (1, 2)
        ]
        self.norms = [
            config.norm.layer(epsilon=1e-3, name=f"norm{i}")
            for i in (1, 2)
            if config.norm
        ]
        self.activations = [
            activations.layer(config.activation, name=f"activation{i}") for i in (1, 2)
        ]
        self.classifier = layers.classifier(num_classes, layers.uniform(1.0))

    def call(
        self,
        images: Any,
        training: Any = False,
        branch: Any = "clean",
        backward: str = activations.OWN,
    ) -> Any:
        features = normalization.per_image(images)
        for index, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if self.norms:
                norm = self.norms[index]
                features = norm(features, training=training, branch=branch)
            features = self.activations[index](features, backward=backward)
        return self.classifier(ops.mean(features, axis=(1, 2)))

    def heads(self, images: Any, seed: Any = None, **mode: Any) -> tuple[Any]:
        del seed
        return (self(images, **mode),)


FREE = recipe.Recipe(
    dataset=data.Digits(),
    network=Network(),
    method=FreeTraining(num_replays=4, epsilon=EPSILON),
    optimizer=optimizers.Momentum(0.9),
    schedule=schedules.PiecewiseConstant((8,), (0.1, 0.01)),
    batch_size=16,
    num_steps=18,
    l2=2e-4,
    checkpoint_every=5,
)
NESTEROV = dataclasses.replace(FREE, optimizer=optimizers.Momentum(0.9, nesterov=True))
MIXED = dataclasses.replace(
    FREE,
    method=MixedTraining(
        *(attacks.StepLL(EPSILON), 5, 8),  # neither one nor two replicas have 5 / 8
        delay=2,
        label_smoothing=0.1,
    ),
    optimizer=optimizers.RMSProp(),
    schedule=schedules.ExponentialDecay(rate=0.045, factor=0.94, every=3),
    average=0.9,
)
PGD = attacks.PGD(
    EPSILON, 15.0, num_steps=2, targeted="random", clean_start=0.5, reaching=True
)
MIXTURE = dataclasses.replace(
    NESTEROV,
    network=Network(norms.Batch(norms.MIXTURE)),
    method=AdversarialTraining(PGD, clean_share=1.0),
)
NATURAL = dataclasses.replace(FREE, method=NaturalTraining())
ENSEMBLE = dataclasses.replace(
    MIXED,
    method=EnsembleTraining(
        *(attacks.RStepLL(EPSILON), 1, 2),
        delay=0,
        label_smoothing=0.1,
        sources=(NATURAL,),
    ),
)
SMOOTH = SmoothTraining(attacks.PGD(EPSILON, 10.0, num_steps=1, reaching=True))
RECIPES = {
    "free": FREE,
    "natural": NATURAL,
    "pgd": dataclasses.replace(FREE, method=PGDTraining(EPSILON, 10.0, num_steps=3)),
    "step_ll": MIXED,
    "step_random": dataclasses.replace(
        MIXED,
        method=dataclasses.replace(MIXED.method, attack=attacks.StepRandom(EPSILON)),
    ),
    "ensemble": ENSEMBLE,
    "adversarial": dataclasses.replace(NESTEROV, method=AdversarialTraining(PGD)),
    "mixture": MIXTURE,
    "pairing": dataclasses.replace(
        MIXTURE,
        method=AdversarialTraining(
            PGD, clean_share=0.5, pairing_weight=0.5, consistent_from=3
        ),
    ),
    "silu": dataclasses.replace(
        NESTEROV, network=Network(activation="silu"), method=SMOOTH
    ),
    "smooth": dataclasses.replace(
        NESTEROV,
        network=Network(activation="relu"),
        method=dataclasses.replace(
            SMOOTH, crafting=activations.SMOOTH, update=activations.SMOOTH
        ),
    ),
}
PAPER = recipe.Paper(
    name="small_paper",
    title="A paper for tests",
    recipes={"digits": RECIPES},
    evaluations={"digits": {"clean": recipe.Evaluation()}},
    tables=(),
    claims=(),
    reported=pathlib.Path("reported.csv"),
)


def trained(
    recipe: recipe.Recipe, run_dir: pathlib.Path, distribution: Any
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns what a training has saved, and [lines, 3]: step, loss and accuracy."""
    sources = trained_sources(recipe, run_dir.parent / "sources")
    loop.train(recipe, run_dir, distribution=distribution, sources=sources)
    return saved(run_dir), np.array(logged(run_dir))


def trained_sources(recipe: recipe.Recipe, folder: pathlib.Path) -> list[pathlib.Path]:
    """Trains the sources of a recipe, if they are not; returns their checkpoints."""
    place = engine.make("one_device")
    folders = [folder / str(n) for n, _ in enumerate(recipe.method.sources)]
    for source, run_dir in zip(recipe.method.sources, folders, strict=True):
        loop.train(source, run_dir, distribution=place)
    return [run_dir / "checkpoints" for run_dir in folders]


def with_sources(recipe: recipe.Recipe, sources: tuple[Any, ...]) -> recipe.Recipe:
    """Returns a recipe with other sources of its method."""
    method = dataclasses.replace(recipe.method, sources=sources)
    return dataclasses.replace(recipe, method=method)


def static_networks(method: Any) -> list[keras.Model]:
    """Returns a network for each source of a method, at its initial weights."""
    return [
        source.network.build(10, 8, channels=1)
        for source in getattr(method, "sources", ())
    ]


def saved(run_dir: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns the newest checkpoint: variables by path, and each part of the state.

    The states of all replicas and workers are joined to that of the global batch.
    """
    directory = run_dir / "checkpoints"
    step = checkpoint.steps(directory)[-1]
    arrays = dict(np.load(directory / f"{step:08d}.npz"))
    files = [np.load(path) for path in sorted(directory.glob(f"{step:08d}.state-*"))]
    for name in files[0].files:
        parts = np.concatenate([file[name] for file in files])
        arrays[f"state {name}"] = parts.reshape(-1, *parts.shape[2:])
    return arrays


def logged(run_dir: pathlib.Path) -> list[tuple[int, float, float]]:
    """Returns step, loss and accuracy of each line of training."""
    lines = metrics.read(run_dir / "metrics.jsonl")
    return [
        (line["step"], line["loss"], line["accuracy"])
        for line in lines
        if line["kind"] == "train"
    ]
