"""A linear model with branches, and its adversarial training in float64 NumPy."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from common import attacks
from common.models import norms
from common.training import optimizers
from tests import linear, twins

RATE, L2, SMOOTHING = 0.05, 0.02, 0.1
NORM_EPSILON = 0.01
BATCH = 10
# Clean share -> the images of a minibatch that are trained on in clean form too.
KEPT = {
    0.0: (),
    0.2: (4, 9),
    0.4: (2, 4, 7, 9),
    0.5: (1, 3, 5, 7, 9),
    1.0: tuple(range(BATCH)),
}
MIXTURE = norms.Batch(branches=norms.MIXTURE)
NORMS = {
    "none": None,
    "batch": norms.DEFAULT,
    "group": norms.Group(5),
    "mixture": MIXTURE,
    "shared_statistics": dataclasses.replace(MIXTURE, share_statistics=True),
    "shared_affine": dataclasses.replace(MIXTURE, share_affine=True),
    "one_in_two": dataclasses.replace(
        MIXTURE, share_affine=True, share_statistics=True
    ),
}
BRANCHED = [name for name in NORMS if name not in ("none", "group")]
PGD = attacks.PGD(8.0, step_size=3.0, num_steps=4, random_start=False)


class Linear(linear.Linear):
    """One dense layer on normalised pixels / 64."""

    def __init__(self, norm):
        super().__init__()
        self.branches = norm.branches if norm else ("clean",)
        self.norm = norm.layer(epsilon=NORM_EPSILON, name="norm") if norm else None

    def call(self, images, training=False, branch="clean"):
        features = tf.reshape(images, [-1, twins.PIXELS]) / linear.UNIT
        if self.norm:
            features = self.norm(features, training=training, branch=branch)
        return self.dense(features)


class Recorder(linear.Recorder):
    """A network that keeps the images, the mode and the branch of every call."""

    @property
    def branches(self):
        return self.network.branches

    def __call__(self, images, training=False, branch="clean"):
        self.calls.append((images, training, branch))
        return self.network(images, training=training, branch=branch)


@dataclasses.dataclass(frozen=True)
class Negative:
    """In place of an attack: the negative of the images, or the images themselves."""

    away: bool = True
    num_steps: int = 1

    def __call__(self, logits_fn: Any, images: Any, labels: Any, *, seed: Any) -> Any:
        del logits_fn, labels, seed
        return 255.0 - images if self.away else images


def bound(method, norm="mixture", *, l2=L2, momentum=0.9, num_replicas=1):
    """Returns the method on a network of which no two variables are alike."""
    keras.utils.set_random_seed(0)
    network = Linear(NORMS[norm])
    network(tf.zeros([1, *twins.IMAGE]))
    generator = np.random.default_rng(5)
    for variable in network.variables:
        if variable.name != "kernel":
            variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return method.build(
        Recorder(network),
        optimizers.Momentum(momentum).build(RATE),
        l2=l2,
        num_replicas=num_replicas,
    )


def minibatch(seed=0, count=BATCH):
    images, labels = twins.batch(count, seed=seed)
    return np.clip(images * 1.2 - 25, 0, 255).astype(np.float32), labels


def step(trained, batch, seed=0):
    metrics, state = trained.train_step(tuple(map(tf.constant, batch)), (), seed)
    assert state == ()
    return metrics


def values(trained, word=""):
    """Returns the variables of a bound method's network by name, as arrays."""
    variables = trained.network.network.variables
    return {v.name: v.numpy() for v in variables if word in v.name}


def changed(trained, before):
    after = values(trained)
    return {
        name for name, old in before.items() if not np.array_equal(after[name], old)
    }


class Twin:
    """The strategies of the paper in float64 NumPy, from the weights of a method."""

    def __init__(self, trained):
        self.method, self.branches = trained, trained.network.branches
        self.values = {n: np.float64(v) for n, v in values(trained).items()}
        self.velocities = {}

    def of(self, name, branch):
        """Returns the value of a branch, or the one that all branches share."""
        return self.values[self._key(name, branch)]

    def _key(self, name, branch):
        own = f"{name}_{branch}"
        return own if own in self.values else name

    def update(self, images, labels, *, by_batch=True):
        """Returns loss and percent correct, and moves weights and statistics."""
        clean, adversarial = self.branches[0], self.branches[-1]
        kept, n = list(KEPT[self.method.clean_share]), len(images)
        images = images.astype(np.float64)
        crafted = self.crafted(images, labels, adversarial)
        inputs = np.concatenate([crafted, images[kept]]).reshape(n + len(kept), -1)
        labels = np.concatenate([labels, labels[kept]])
        parts = [(adversarial, slice(0, n)), (clean, slice(n, n + len(kept)))]
        parts = parts[: 2 if kept else 1]
        normed = self.normed(inputs / linear.UNIT, parts, by_batch)
        features = np.concatenate(
            [
                normed[rows] * self.of("gamma", name) + self.of("beta", name)
                for name, rows in parts
            ]
        )
        logits = features @ self.values["kernel"] + self.values["bias"]
        loss, residual = self.loss(logits, labels, kept, n)
        self.descend(self.gradients(residual, features, normed, parts))
        return loss, 100 * (logits[:n].argmax(-1) == labels[:n]).mean()

    def crafted(self, images, labels, branch):
        """Returns what the attack makes of the images, by the moving statistics."""
        mean, variance = (
            self.of("moving_mean", branch),
            self.of("moving_variance", branch),
        )
        factor = self.of("gamma", branch) / np.sqrt(variance + NORM_EPSILON)
        offset, attack = self.of("beta", branch), self.method.attack
        low = np.maximum(images - attack.epsilon, 0)
        high = np.minimum(images + attack.epsilon, 255)
        current = images
        for _ in range(attack.num_steps):
            flat = current.reshape(len(images), -1) / linear.UNIT
            logits = ((flat - mean) * factor + offset) @ self.values["kernel"]
            residual = twins.softmax(logits + self.values["bias"])
            residual = residual - np.eye(twins.CLASSES)[labels]
            gradient = (residual @ self.values["kernel"].T) * factor
            moved = current + attack.step_size * np.sign(gradient).reshape(images.shape)
            current = np.clip(moved, low, high)
        return current

    def normed(self, flat, parts, by_batch):
        """Returns the features normalised, and moves the statistics they are by."""
        pieces = parts
        if "moving_mean" in self.values:  # of one branch, or of all
            pieces = [(parts[0][0], slice(0, len(flat)))]
        result = np.empty_like(flat)
        for branch, rows in pieces:
            mean, variance = flat[rows].mean(0), flat[rows].var(0)
            keys = [self._key(f"moving_{x}", branch) for x in ("mean", "variance")]
            if by_batch:
                for key, value in zip(keys, (mean, variance), strict=True):
                    self.values[key] = 0.9 * self.values[key] + 0.1 * value
            else:
                mean, variance = (self.values[key] for key in keys)
            result[rows] = (flat[rows] - mean) / np.sqrt(variance + NORM_EPSILON)
        return result

    def loss(self, logits, labels, kept, n):
        """Returns the loss, and its gradient with respect to the logits."""
        method = self.method
        weights = np.r_[np.ones(n), np.full(len(kept), method.clean_weight)]
        weights /= weights.sum()
        softmax, smoothing = twins.softmax(logits), method.label_smoothing
        targets = (1 - smoothing) * np.eye(twins.CLASSES)[labels]
        targets = targets + smoothing / twins.CLASSES
        loss = -(weights[:, None] * targets * np.log(softmax)).sum()
        loss += method.l2 / 2 * (self.values["kernel"] ** 2).sum()
        residual = weights[:, None] * (softmax - targets)
        if method.pairing_weight:
            pairs = logits[kept] - logits[n:]
            loss += method.pairing_weight * (pairs**2).mean()
            slope = 2 * method.pairing_weight * pairs / pairs.size
            residual[kept] += slope
            residual[n:] -= slope
        return loss, residual

    def gradients(self, residual, features, normed, parts):
        """Returns the gradient of the loss with respect to every weight."""
        kernel = self.values["kernel"]
        found = {
            "kernel": features.T @ residual + self.method.l2 * kernel,
            "bias": residual.sum(0),
        }
        back = residual @ kernel.T
        for branch, rows in parts:
            gamma, beta = self._key("gamma", branch), self._key("beta", branch)
            found[gamma] = found.get(gamma, 0) + (back * normed)[rows].sum(0)
            found[beta] = found.get(beta, 0) + back[rows].sum(0)
        return found

    def descend(self, gradients, momentum=0.9):
        for key, gradient in gradients.items():
            self.velocities[key] = momentum * self.velocities.get(key, 0) + gradient
            self.values[key] = self.values[key] - RATE * self.velocities[key]

    def check(self, metrics, expected):
        """Compares what an update has returned, and every variable after it."""
        found = (float(metrics["loss"]), float(metrics["accuracy"]))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        for name, value in values(self.method).items():
            wanted = self.values[name]
            np.testing.assert_allclose(value, wanted, atol=1e-5, err_msg=name)
