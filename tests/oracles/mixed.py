"""Mixed training of kurakin2017 on a linear model, which may have two heads."""

from __future__ import annotations

import functools

import keras
import numpy as np
import tensorflow as tf

from common import attacks
from kurakin2017.algorithm import MixedTraining
from tests.oracles import textbook, training
from tests.oracles.training import UNIT

EPSILON = 8.0
M, K = 8, 4
CHOSEN = np.arange(1, M, 2)  # every second image, since k / m is 1 / 2
STEP_LL = MixedTraining(attacks.StepLL(16.0))
FIXED = MixedTraining(
    attacks.StepLL(EPSILON),
    num_adversarial=K,
    minibatch=M,
    random_epsilon=False,
    delay=0,
    label_smoothing=0.0,
)


class Heads(training.Linear):
    """The linear model; its auxiliary head, if asked for, is a layer of its own."""

    def __init__(self, norm=None, auxiliary=False):
        super().__init__(norm)
        self.auxiliary = None
        if auxiliary:
            self.auxiliary = keras.layers.Dense(textbook.CLASSES, name="auxiliary")
            self.auxiliary.build((None, textbook.PIXELS))

    def heads(self, images, training=False, branch="clean", seed=None):
        logits = self(images, training=training, branch=branch)
        flat = tf.reshape(images, [-1, textbook.PIXELS]) / UNIT
        return (logits, self.auxiliary(flat)) if self.auxiliary else (logits,)


def bound(method, *, norm=None, auxiliary=False):
    """Returns the method on the linear model with one head or two."""
    make = functools.partial(Heads, norm, auxiliary)
    return training.bound(method, make)


def mixed_batch(method, batch, seed=0, **network):
    """Returns the images of the training pass as ordered in the batch, and which ones
    are adversarial."""
    trained = bound(method, **network)
    training.step(trained, batch, seed)
    images = np.asarray(trained.network.calls[-1][0])
    position = np.arange(len(images))
    k, m = method.num_adversarial, method.minibatch
    chosen = (position + 1) * k // m > position * k // m
    order = np.concatenate([position[chosen], position[~chosen]])
    result = np.empty_like(images)
    result[order] = images
    return result, chosen


class Twin(training.Twin):
    """One update of Alg. 1 with a fixed epsilon, on one head."""

    def crafted(self, images):
        """Returns the images after a step towards the least likely class."""
        kernel, bias = self.values["dense/kernel"], self.values["dense/bias"]
        logits = images.reshape(len(images), -1) / UNIT @ kernel + bias
        *_, slope = self.passes(images, logits.argmin(-1))
        return np.clip(images - EPSILON * np.sign(slope), 0, 255)

    def update(self, images, labels):
        """Returns loss and percent correct, and moves the weights."""
        mixed = images.astype(np.float64)
        chosen = np.arange(len(images)) % 2 == 1
        mixed[chosen] = self.crafted(mixed[chosen])
        weights = np.where(chosen, self.method.adversarial_weight, 1.0)
        expected, gradients, _ = self.passes(
            mixed, labels, self.method.label_smoothing, weights / weights.sum()
        )
        self.descend(gradients)
        return expected
