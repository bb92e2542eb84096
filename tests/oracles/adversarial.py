"""Adversarial training of intriguing_at on a linear model with branches."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from common import attacks
from common.models import norms
from tests.oracles import textbook, training
from tests.oracles.training import NORM_EPSILON, UNIT

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


def bound(method, norm="mixture"):
    """Returns the method on a network of which no two variables are alike."""
    make = functools.partial(training.Linear, NORMS[norm])
    return training.bound(method, make, varied=True)


class Twin(training.Twin):
    """The strategies of the paper."""

    def of(self, name, branch):
        """Returns the value of a branch, or the one that all branches share."""
        return self.values[self._key(name, branch)]

    def _key(self, name, branch):
        own = f"norm/{name}_{branch}"
        return own if own in self.values else f"norm/{name}"

    def update(self, images, labels, *, by_batch=True):
        """Returns loss and percent correct, and moves weights and statistics."""
        branches = self.method.network.branches
        clean, adversarial = branches[0], branches[-1]
        kept, n = list(KEPT[self.method.clean_share]), len(images)
        images = images.astype(np.float64)
        crafted = self.crafted(images, labels, adversarial)
        inputs = np.concatenate([crafted, images[kept]]).reshape(n + len(kept), -1)
        labels = np.concatenate([labels, labels[kept]])
        parts = [(adversarial, slice(0, n)), (clean, slice(n, n + len(kept)))]
        parts = parts[: 2 if kept else 1]
        normed = self.normed(inputs / UNIT, parts, by_batch)
        features = np.concatenate(
            [
                normed[rows] * self.of("gamma", name) + self.of("beta", name)
                for name, rows in parts
            ]
        )
        logits = features @ self.values["dense/kernel"] + self.values["dense/bias"]
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
            flat = current.reshape(len(images), -1) / UNIT
            logits = ((flat - mean) * factor + offset) @ self.values["dense/kernel"]
            residual = textbook.softmax(logits + self.values["dense/bias"])
            residual = residual - np.eye(textbook.CLASSES)[labels]
            gradient = (residual @ self.values["dense/kernel"].T) * factor
            moved = current + attack.step_size * np.sign(gradient).reshape(images.shape)
            current = np.clip(moved, low, high)
        return current

    def normed(self, flat, parts, by_batch):
        """Returns the features normalised, and moves the statistics they are by."""
        pieces = parts
        if "norm/moving_mean" in self.values:  # of one branch, or of all
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
        softmax = textbook.softmax(logits)
        targets = textbook.smoothed(labels, method.label_smoothing)
        loss = (weights * textbook.cross_entropy(softmax, targets)).sum()
        loss += self.penalty()
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
        kernel = self.values["dense/kernel"]
        found = {"dense/kernel": features.T @ residual, "dense/bias": residual.sum(0)}
        back = residual @ kernel.T
        for branch, rows in parts:
            gamma, beta = self._key("gamma", branch), self._key("beta", branch)
            found[gamma] = found.get(gamma, 0) + (back * normed)[rows].sum(0)
            found[beta] = found.get(beta, 0) + back[rows].sum(0)
        return found
