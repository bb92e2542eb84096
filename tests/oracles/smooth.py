"""Smooth adversarial training of smooth_at on a network of two layers."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from common import attacks
from common.models import activations, batch_norm
from smooth_at.algorithm import SmoothTraining
from tests.oracles import textbook, training
from tests.oracles.training import NORM_EPSILON, UNIT

BATCH, HIDDEN = 6, 12
PGD = attacks.PGD(8.0, step_size=1.0, num_steps=1, reaching=True)
ROWS = {  # Table 1: derivatives of the attacker and of the update
    "none": ("own", "own"),
    "attacker": ("smooth", "own"),
    "update": ("own", "smooth"),
    "both": ("smooth", "smooth"),
}


class Network(keras.Model):
    """A dense layer on pixels / 64, batch norm, an activation, and a dense layer."""

    def __init__(self, activation):
        super().__init__(name="network")
        self.hidden = keras.layers.Dense(HIDDEN, use_bias=False, name="hidden")
        self.norm = batch_norm.BatchNorm(epsilon=NORM_EPSILON, name="norm")
        self.activation = activations.layer(activation, name="activation")
        self.classifier = keras.layers.Dense(textbook.CLASSES, name="classifier")

    def call(self, images, training=False, backward="own", seed=None):
        flat = tf.reshape(images, [-1, textbook.PIXELS]) / UNIT
        features = self.norm(self.hidden(flat), training=training)
        return self.classifier(self.activation(features, backward=backward))


def row(name, attack=PGD, **changes):
    """Returns the method of a row of Table 1."""
    crafting, update = ROWS[name]
    return SmoothTraining(attack, crafting, update, **changes)


def bound(method, activation="relu"):
    """Returns the method on a network of which no two variables are alike."""
    make = functools.partial(Network, activation)
    return training.bound(method, make, nesterov=True, varied=True)


def minibatch(seed=0):
    """Returns images, some pixels of which are 0 or 255, and labels."""
    return training.minibatch(seed, BATCH)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {"relu": lambda x: np.maximum(x, 0), "silu": lambda x: x * sigmoid(x)}
SLOPES = {
    ("relu", "own"): lambda x: np.float64(x > 0),
    ("relu", "smooth"): lambda x: sigmoid(10 * x),
    ("silu", "own"): lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x))),
}


class Twin(training.Twin):
    """The method on this network."""

    def __init__(self, trained):
        super().__init__(trained, nesterov=True)
        self.activation = trained.network.activation.activation

    def passes(self, images, targets, backward, *, by_batch):
        """Returns softmax, statistics, and the gradients of weights and of images."""
        of = self.values
        flat = images.reshape(len(images), -1) / UNIT
        features = flat @ of["hidden/kernel"]
        mean, variance = of["norm/moving_mean"], of["norm/moving_variance"]
        if by_batch:
            mean, variance = features.mean(0), features.var(0)
        deviation = np.sqrt(variance + NORM_EPSILON)
        normed = (features - mean) / deviation
        inputs = of["norm/gamma"] * normed + of["norm/beta"]
        active = FUNCTIONS[self.activation](inputs)
        logits = active @ of["classifier/kernel"] + of["classifier/bias"]
        softmax = textbook.softmax(logits)
        residual = (softmax - targets) / len(images)
        back = residual @ of["classifier/kernel"].T
        back = back * SLOPES[self.activation, backward](inputs)
        g_features = back * of["norm/gamma"]
        if by_batch:  # each feature moves the mean and the variance
            along = normed * (g_features * normed).mean(0)
            g_features = g_features - g_features.mean(0) - along
        g_features = g_features / deviation
        gradients = {
            "hidden/kernel": flat.T @ g_features,
            "norm/gamma": (back * normed).sum(0),
            "norm/beta": back.sum(0),
            "classifier/kernel": active.T @ residual,
            "classifier/bias": residual.sum(0),
        }
        g_images = (g_features @ of["hidden/kernel"].T).reshape(images.shape)
        return softmax, (mean, variance), gradients, g_images

    def crafted(self, images, labels, start):
        """Returns what the attack makes of images from a start, at hard labels."""
        attack, method = self.method.attack, self.method
        length = max(attack.step_size, attack.epsilon / attack.num_steps)
        low = np.maximum(images - attack.epsilon, 0)
        high = np.minimum(images + attack.epsilon, 255)
        targets, current = textbook.smoothed(labels), start
        for _ in range(attack.num_steps):
            *_, slope = self.passes(current, targets, method.crafting, by_batch=False)
            current = np.clip(current + length * np.sign(slope), low, high)
        return current

    def update(self, adv_images, labels):
        """Returns loss and percent correct, and moves weights and statistics."""
        targets = textbook.smoothed(labels, self.method.label_smoothing)
        softmax, statistics, gradients, _ = self.passes(
            adv_images, targets, self.method.update, by_batch=True
        )
        loss = textbook.cross_entropy(softmax, targets).mean() + self.penalty()
        self.descend(gradients)
        for name, new in zip(("mean", "variance"), statistics, strict=True):
            key = f"norm/moving_{name}"
            self.values[key] = 0.9 * self.values[key] + 0.1 * new
        return loss, 100 * (softmax.argmax(-1) == labels).mean()
