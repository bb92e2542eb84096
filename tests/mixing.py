"""A linear model with an auxiliary head, for the tests of mixed training."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from common import attacks
from common.training import optimizers
from kurakin2017.algorithm import MixedTraining
from tests import linear, twins

EPSILON, RATE, L2 = 8.0, 0.05, 0.02
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


class Heads(linear.Linear):
    """The linear model; its auxiliary head, if asked for, is a layer of its own."""

    def __init__(self, norm=False, auxiliary=False):
        super().__init__(norm)
        self.auxiliary = keras.layers.Dense(twins.CLASSES) if auxiliary else None
        self.calls = []

    def call(self, images, training=False):
        self.calls.append((images, training, None))
        return super().call(images, training=training)

    def heads(self, images, training=False, seed=None):
        self.calls.append((images, training, seed))
        logits = super().call(images, training=training)
        if not self.auxiliary:
            return (logits,)
        flat = tf.reshape(images, [-1, twins.PIXELS]) / linear.UNIT
        return logits, self.auxiliary(flat)


def bound(method, *, l2=L2, num_replicas=1, **network):
    keras.utils.set_random_seed(0)
    network = Heads(**network)
    network.heads(tf.zeros([1, *twins.IMAGE]))
    network.calls.clear()
    optimizer = optimizers.Momentum(0.9).build(RATE)
    return method.build(network, optimizer, l2=l2, num_replicas=num_replicas)


def minibatch(seed=0, count=M):
    images, labels = twins.batch(count, seed=seed)
    return np.clip(images * 1.2 - 25, 0, 255).astype(np.float32), labels


def step(trained, batch, seed=0):
    metrics, state = trained.train_step(tuple(map(tf.constant, batch)), (), seed)
    assert state == ()
    return metrics


def mixed_batch(method, batch, seed=0, **network):
    """The images of the training pass, back in the order of the batch."""
    trained = bound(method, **network)
    step(trained, batch, seed)
    images = np.asarray(trained.network.calls[-1][0])
    position = np.arange(len(images))
    k, m = method.num_adversarial, method.minibatch
    chosen = (position + 1) * k // m > position * k // m
    order = np.concatenate([position[chosen], position[~chosen]])
    result = np.empty_like(images)
    result[order] = images
    return result, chosen
