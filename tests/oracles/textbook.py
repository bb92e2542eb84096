"""A small network in NumPy and in TensorFlow, and what attacks do, in NumPy."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

IMAGE = (5, 5, 2)
PIXELS = int(np.prod(IMAGE))
CLASSES = 4


class TinyNetwork:
    """A two-layer network in float64 NumPy, and the same as a TensorFlow function."""

    def __init__(self, seed=0, hidden=16):
        rng = np.random.default_rng(seed)
        self.w1 = rng.normal(size=(PIXELS, hidden)) / 100
        self.w2 = rng.normal(size=(hidden, CLASSES))

    def logits(self, images):
        flat = images.reshape(len(images), -1) - 127.0
        return np.tanh(flat @ self.w1) @ self.w2

    def gradient(self, images, logit_gradient):
        flat = images.reshape(len(images), -1) - 127.0
        hidden = np.tanh(flat @ self.w1)
        back = (logit_gradient @ self.w2.T) * (1 - hidden**2)
        return (back @ self.w1.T).reshape(images.shape)

    def __call__(self, images):
        flat = tf.reshape(images, [-1, PIXELS]) - 127.0
        hidden = tf.tanh(flat @ self.w1.astype(np.float32))
        return hidden @ self.w2.astype(np.float32)


def batch(count=6, seed=1):
    """Returns images in [0, 255] and labels."""
    rng = np.random.default_rng(seed)
    images = rng.uniform(0, 255, (count, *IMAGE)).astype(np.float32)
    return images, rng.integers(0, CLASSES, count).astype(np.int32)


def spread_batch():
    """Returns a batch of which a third of the pixels are at a bound of the range."""
    images, labels = batch()
    images[images < 50] = 0.0
    images[images > 200] = 255.0
    return images, labels


def softmax(logits):
    """Returns the probabilities of float64 logits."""
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def smoothed(labels, smoothing=0.0):
    """Returns one-hot labels of which a share is spread over all classes."""
    return (1 - smoothing) * np.eye(CLASSES)[labels] + smoothing / CLASSES


def cross_entropy(probabilities, targets):
    """Returns the loss of each example."""
    return -(targets * np.log(probabilities)).sum(-1)


def ascended_gradient(network, images, classes, *, loss, sign):
    """Gradient of what an attack ascends; sign is -1 for a targeted attack."""
    logits = network.logits(images)
    one_hot = np.eye(CLASSES)[classes]
    if loss == "cross_entropy":
        gradient = softmax(logits) - one_hot
    else:
        others = np.where(one_hot == 1, -np.inf, logits)
        margin = others.max(-1) - (logits * one_hot).sum(-1)
        gradient = np.eye(CLASSES)[others.argmax(-1)] - one_hot
        gradient *= (sign * margin < 0)[:, None]
    return network.gradient(images, sign * gradient)


def attacked(network, images, classes, *, attack, loss="cross_entropy", sign=1.0):
    """Textbook PGD from the image, with the numbers of the attack."""
    images = images.astype(np.float64)
    low = np.maximum(images - attack.epsilon, 0)
    high = np.minimum(images + attack.epsilon, 255)
    current = images
    for _ in range(attack.num_steps):
        gradient = ascended_gradient(network, current, classes, loss=loss, sign=sign)
        current = np.clip(current + attack.step_size * np.sign(gradient), low, high)
    return current


def chosen(network, images, labels, *, source, draws=()):
    """The class that an attack takes its loss at; draws in [0, 1) pick a wrong one."""
    logits = network.logits(images)
    if source == "random":
        others = [[k for k in range(CLASSES) if k != label] for label in labels]
        pairs = zip(others, draws, strict=True)
        return np.array([wrong[int(draw * len(wrong))] for wrong, draw in pairs])
    return {
        "true": labels,
        "predicted": logits.argmax(-1),
        "least_likely": logits.argmin(-1),
    }[source]


def entropy(logits):
    """Entropy in nats of the softmax of float64 logits."""
    probabilities = softmax(logits)
    return -(probabilities * np.log(probabilities)).sum(-1)


def entropy_gradient(network, images):
    """Gradient of the entropy of what the network predicts."""
    logits = network.logits(images)
    probabilities = softmax(logits)
    surprise = -np.log(probabilities)
    slope = probabilities * (surprise - entropy(logits)[:, None])
    return network.gradient(images, slope)


def norms(delta):
    """L2 and L-infinity norms of each example."""
    flat = delta.reshape(len(delta), -1)
    return np.sqrt((flat**2).sum(1)), np.abs(flat).max(1)


def stepped(images, gradient, *, epsilon, direction):
    """One step along `sign`, or the gradient at `l2` or `linf` norm epsilon."""
    if direction == "sign":
        delta = np.sign(gradient)
    else:
        length = dict(zip(("l2", "linf"), norms(gradient), strict=True))[direction]
        delta = gradient / length[:, None, None, None]
    epsilon = np.reshape(epsilon, (-1, 1, 1, 1))
    return np.clip(images.astype(np.float64) + epsilon * delta, 0, 255)


class PassCounter:
    """Passes tensors through, and counts how often forward and backward."""

    def __init__(self):
        self.forward = self.backward = 0

    def _count(self, name, tensor):
        def bump(value):
            setattr(self, name, getattr(self, name) + 1)
            return value

        counted = tf.numpy_function(bump, [tensor], tensor.dtype)
        return tf.ensure_shape(counted, tensor.shape)

    def __call__(self, tensor):
        @tf.custom_gradient
        def through(tensor):
            counted = self._count("forward", tensor)
            return counted, lambda upstream: self._count("backward", upstream)

        return through(tensor)
