"""A paper that trains in seconds, for the tests of distribution and of restarts."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np
from keras import ops

from common import data, recipe
from common.models import batch_norm, layers, normalization
from common.training import checkpoint, metrics, optimizers, schedules
from common.training.natural import NaturalTraining
from free_at.algorithm import FreeTraining, PGDTraining

EPSILON = 40.0


@dataclasses.dataclass(frozen=True)
class Network:
    """Two convolutions; batch norm is `local`, `synchronized` or `none`."""

    norm: str = "local"

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        return layers.built(_Model(self.norm, num_classes), image_size, channels)


class _Model(keras.Model):
    def __init__(self, norm: str, num_classes: int) -> None:
        super().__init__(name="small_paper")
        self.convolutions = [
            layers.convolution(8, 3, strides=2, name=f"conv{i}") for i in (1, 2)
        ]
        self.norms = [
            batch_norm.BatchNorm(synchronized=norm == "synchronized", name=f"norm{i}")
            for i in (1, 2)
            if norm != "none"
        ]
        self.classifier = layers.classifier(
            num_classes, scale=1.0, bias_initializer="zeros"
        )

    def call(self, images: Any, training: bool = False) -> Any:
        features = normalization.per_image(images)
        for index, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if self.norms:
                features = self.norms[index](features, training=training)
            features = ops.leaky_relu(features)
        return self.classifier(ops.mean(features, axis=(1, 2)))


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
RECIPES = {
    "free": FREE,
    "natural": dataclasses.replace(FREE, method=NaturalTraining()),
    "pgd": dataclasses.replace(FREE, method=PGDTraining(EPSILON, 10.0, num_steps=3)),
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
