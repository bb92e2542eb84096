"""A linear softmax model in Keras, and its training in float64 NumPy."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common.training import optimizers
from tests.oracles import textbook

UNIT = 64.0  # networks divide pixels by it
RATE, L2, NORM_EPSILON = 0.05, 0.02, 0.01


class Linear(keras.Model):
    """One dense layer on pixels / 64, or on what a normaliser makes of them."""

    def __init__(self, norm=None):
        super().__init__(name="linear")
        self.branches = norm.branches if norm else ("clean",)
        self.norm = norm.layer(epsilon=NORM_EPSILON, name="norm") if norm else None
        self.dense = keras.layers.Dense(textbook.CLASSES, name="dense")

    def call(self, images, training=False, branch="clean"):
        features = tf.reshape(images, [-1, textbook.PIXELS]) / UNIT
        if self.norm:
            features = self.norm(features, training=training, branch=branch)
        return self.dense(features)


class Recorder:
    """A network that keeps the images of every call, and all else it was given."""

    def __init__(self, network):
        self.network, self.calls = network, []

    def __getattr__(self, name):
        found = getattr(self.network, name)
        return functools.partial(self._kept, found) if name == "heads" else found

    def __call__(self, images, **mode):
        return self._kept(self.network, images, **mode)

    def _kept(self, function, images, **mode):
        self.calls.append((images, mode))
        return function(images, **mode)


@dataclasses.dataclass(frozen=True)
class Negative:
    """In place of an attack: the negative of the images.

    It keeps what it was called with. Where it asks, it asks the network once.
    """

    asks: bool = False
    num_steps: int = 1
    calls: list = dataclasses.field(default_factory=list, compare=False)

    def __call__(self, logits_fn: Any, images: Any, labels: Any, *, seed: Any) -> Any:
        self.calls.append((images, labels, seed))
        if self.asks:
            logits_fn(images)
        return 255.0 - images


def bound(
    method: Any,
    make: Callable[[], keras.Model] = Linear,
    *,
    momentum: float = 0.9,
    nesterov: bool = False,
    varied: bool = False,
) -> Any:
    """Returns the method, bound to a network that keeps its calls.

    Args:
      method: to be bound.
      make: returns the network.
      momentum: of the optimizer.
      nesterov: whether the optimizer is Nesterov's.
      varied: no two variables are alike, nor do normalisers begin as the identity.
    """
    keras.utils.set_random_seed(0)
    network = make()
    network(tf.zeros([1, *textbook.IMAGE]))
    generator = np.random.default_rng(5)
    for variable in network.variables if varied else ():
        if variable.name != "kernel":
            low = -1.5 if variable.name == "beta" else 0.5  # ReLU cuts some off
            variable.assign(generator.uniform(low, 1.5, variable.shape))
    optimizer = optimizers.Momentum(momentum, nesterov=nesterov).build(RATE)
    return method.build(Recorder(network), optimizer, l2=L2, num_replicas=1)


def minibatch(seed: int = 0, count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Returns images, some pixels of which are 0 or 255, and labels."""
    images, labels = textbook.batch(count, seed=seed)
    return np.clip(images * 1.2 - 25, 0, 255).astype(np.float32), labels


def step(trained: Any, batch: Any, seed: Any = 0) -> dict[str, Any]:
    """Makes an update of a method without state, and returns the metrics."""
    metrics, state = trained.train_step(tuple(map(tf.constant, batch)), (), seed)
    assert state == ()
    return metrics


def values(trained: Any, word: str = "") -> dict[str, np.ndarray]:
    """Returns the variables of a bound method's network by layer and name."""
    variables = {"/".join(v.path.split("/")[-2:]): v for v in trained.network.variables}
    return {name: v.numpy() for name, v in variables.items() if word in name}


def changed(trained: Any, before: dict[str, np.ndarray]) -> set[str]:
    """Returns the names of the variables that are no longer as they were."""
    after = values(trained)
    return {name for name, old in before.items() if (after[name] != old).any()}


class Twin:
    """The network of a bound method in float64 NumPy, and its training."""

    def __init__(self, trained, *, momentum=0.9, nesterov=False):
        self.method, self.momentum, self.nesterov = trained, momentum, nesterov
        self.values = {n: np.float64(v) for n, v in values(trained).items()}
        self.velocities = dict.fromkeys(self.values, 0.0)

    def passes(self, images, labels, smoothing=0.0, weights=None):
        """Returns loss and percent correct, the gradients of weights, and of images.

        The loss of an example counts with its weight, which is one for each of n images
        divided by n if there are none.
        """
        kernel = self.values["dense/kernel"]
        flat = images.reshape(len(images), -1) / UNIT
        softmax = textbook.softmax(flat @ kernel + self.values["dense/bias"])
        targets = textbook.smoothed(labels, smoothing)
        weights = np.full(len(images), 1 / len(images)) if weights is None else weights
        loss = (weights * textbook.cross_entropy(softmax, targets)).sum()
        residual = weights[:, None] * (softmax - targets)
        gradients = {
            "dense/kernel": flat.T @ residual,
            "dense/bias": residual.sum(0),
        }
        g_images = (residual @ kernel.T / UNIT).reshape(images.shape)
        accuracy = 100 * (softmax.argmax(-1) == labels).mean()
        return (loss + self.penalty(), accuracy), gradients, g_images

    def penalty(self):
        """Returns `l2 / 2` times the squared kernels."""
        kernels = [v for name, v in self.values.items() if name.endswith("kernel")]
        return self.method.l2 / 2 * sum((kernel**2).sum() for kernel in kernels)

    def descend(self, gradients):
        """Moves weights along gradients of the loss without its penalty."""
        for name, gradient in gradients.items():
            if name.endswith("kernel"):
                gradient = gradient + self.method.l2 * self.values[name]
            velocity = self.momentum * self.velocities[name] + gradient
            self.velocities[name] = velocity
            move = gradient + self.momentum * velocity if self.nesterov else velocity
            self.values[name] = self.values[name] - RATE * move

    def check(self, metrics, expected):
        """Compares what an update has returned, and every variable after it."""
        found = (float(metrics["loss"]), float(metrics["accuracy"]))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        for name, value in values(self.method).items():
            np.testing.assert_allclose(
                value, self.values[name], atol=1e-5, err_msg=name
            )
