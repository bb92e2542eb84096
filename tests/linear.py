"""A linear softmax model in Keras, and its training in float64 NumPy."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from common.models import batch_norm
from tests import twins

UNIT = 64.0  # the model divides pixels by it


class Linear(keras.Model):
    """One dense layer on pixels / 64, or on their batch norm."""

    def __init__(self, norm=False):
        super().__init__(name="linear")
        self.norm = batch_norm.BatchNorm(name="norm") if norm else None
        self.dense = keras.layers.Dense(twins.CLASSES)

    def call(self, images, training=False):
        features = tf.reshape(images, [-1, twins.PIXELS]) / UNIT
        if self.norm:
            features = self.norm(features, training=training)
        return self.dense(features)


class Recorder:
    """A network that keeps the images and the mode of every call."""

    def __init__(self, network):
        self.network, self.calls = network, []

    @property
    def trainable_variables(self):
        return self.network.trainable_variables

    def __call__(self, images, training=False):
        self.calls.append((images, training))
        return self.network(images, training=training)


class Twin:
    """The linear model, trained in float64 NumPy from the same weights."""

    def __init__(self, trained, *, rate):
        self.rate, self.l2 = rate, trained.l2
        self.weights = [np.float64(v) for v in trained.network.network.dense.variables]
        self.velocities = [np.zeros_like(w) for w in self.weights]

    def passes(self, images, labels, smoothing=0.0):
        """Returns loss, percent correct, and the gradients of kernel, bias, images."""
        kernel, bias = self.weights
        flat = images.reshape(len(images), -1) / UNIT
        softmax = twins.softmax(flat @ kernel + bias)
        targets = (1 - smoothing) * np.eye(twins.CLASSES)[labels]
        targets = targets + smoothing / twins.CLASSES
        loss = -(targets * np.log(softmax)).sum(-1).mean()
        loss += self.l2 / 2 * (kernel**2).sum()
        residual = (softmax - targets) / len(images)
        gradients = [flat.T @ residual + self.l2 * kernel, residual.sum(0)]
        g_images = (residual @ kernel.T / UNIT).reshape(images.shape)
        accuracy = 100 * (softmax.argmax(-1) == labels).mean()
        return (loss, accuracy), gradients, g_images

    def descend(self, gradients, momentum=0.9):
        for i, gradient in enumerate(gradients):
            self.velocities[i] = momentum * self.velocities[i] + gradient
            self.weights[i] = self.weights[i] - self.rate * self.velocities[i]

    def check(self, trained, metrics, expected):
        found = (float(metrics["loss"]), float(metrics["accuracy"]))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        variables = trained.network.network.dense.variables
        for variable, weight in zip(variables, self.weights, strict=True):
            np.testing.assert_allclose(variable.numpy(), weight, atol=1e-5)


class Spy:
    """An attack that asks the network once, and keeps what it was called with."""

    num_steps = 1

    def __init__(self):
        self.calls = []

    def __call__(self, logits_fn, images, labels, *, seed):
        self.calls.append((images, labels, seed))
        logits_fn(images)
        return 255.0 - images
