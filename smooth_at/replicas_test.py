"""The method on two replicas and on one: the same weights."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from common import attacks, models
from common.engine import strategy, tensorflow_engine
from common.models import activations, layers, norms
from common.training import learner, optimizers
from smooth_at.algorithm import SmoothTraining
from tests import small_paper
from tests.oracles import smooth as oracle

PGD = attacks.PGD(40.0, step_size=10.0, num_steps=1, reaching=True)
SYNCHRONIZED = norms.Batch(synchronized=True)


@dataclasses.dataclass(frozen=True)
class Network:
    """The small paper's network with an activation, and a normaliser or none."""

    activation: str
    norm: Any = None

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        return layers.built(_Model(self, num_classes), image_size, channels)


class _Model(small_paper._Model):
    def __init__(self, config: Network, num_classes: int) -> None:
        super().__init__("none", num_classes)
        names = ("activation1", "activation2")
        self.activations = [activations.layer(config.activation, name=n) for n in names]
        if config.norm:
            self.norms = [
                config.norm.layer(epsilon=1e-3, name=f"norm{i}") for i in (1, 2)
            ]

    def call(self, images: Any, training: Any = False, backward: str = "own") -> Any:
        features = small_paper.normalization.per_image(images)
        for index, convolution in enumerate(self.convolutions):
            features = convolution(features)
            if self.norms:
                features = self.norms[index](features, training=training)
            features = self.activations[index](features, backward=backward)
        return self.classifier(keras.ops.mean(features, axis=(1, 2)))


def trained(network, method, distribution, num_steps):
    """Returns the learner after some updates, and loss and accuracy of each."""
    recipe = dataclasses.replace(
        small_paper.FREE,
        network=network,
        method=method,
        optimizer=optimizers.Momentum(0.9, nesterov=True),
    )
    built = learner.build(recipe, distribution, "float32")
    batches = strategy.distribute_batches(
        distribution,
        lambda shard, replicas: recipe.dataset.train_batches(
            batch_size=recipe.batch_size, seed=0, shard=shard, replicas=replicas
        ),
    )
    update = tensorflow_engine.compile_update(built.method, distribution, recipe.seed)
    history = []
    for step in range(num_steps):
        step = tf.constant(step, tf.int64)
        values, built.state = update(next(batches), built.state, step)
        history.append([float(values["loss"]), float(values["accuracy"])])
    return built, history


@pytest.mark.parametrize(
    ("network", "method", "num_steps"),
    [
        (Network("silu"), SmoothTraining(PGD), 3),
        (Network("relu", SYNCHRONIZED), oracle.row("both", PGD), 3),
        pytest.param(
            *(Network("smooth_relu", SYNCHRONIZED), SmoothTraining(PGD), 3),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            models.WideResNet(8, 1, "relu", norm=SYNCHRONIZED),
            oracle.row("update", PGD),
            1,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["silu", "table1_both", "smooth_relu", "wide_resnet"],
)
def test_two_replicas_train_what_one_does(network, method, num_steps, two_replicas):
    one_device = strategy.make("one_device")
    one, log = trained(network, method, one_device, num_steps)
    two, log_of_two = trained(network, method, two_replicas, num_steps)
    np.testing.assert_allclose(log_of_two, log, rtol=1e-5)
    for expected, variable in zip(one.variables, two.variables, strict=True):
        for held in two_replicas.experimental_local_results(variable.value):
            np.testing.assert_allclose(
                held, expected, rtol=0, atol=1e-6, err_msg=variable.path
            )
