"""Auto-PGD of one image in NumPy, with a table of all its losses."""

from __future__ import annotations

import itertools

import numpy as np

from tests.oracles import textbook


def checks(num_steps):
    """Returns the steps after which an image looks back, as the paper counts them."""
    window, found = max(22 * num_steps // 100, 1), []
    while sum(found) + window <= num_steps:
        found.append(window)
        shorter = window - max(3 * num_steps // 100, 1)
        window = max(shorter, 6 * num_steps // 100, 1)
    return np.cumsum(found).tolist()


def is_halved(losses, begin, end, *, was_halved, checked):
    """Whether the step size is halved after step `end`, having looked at `begin`."""
    window = losses[begin : end + 1]
    rises = sum(after > before for before, after in itertools.pairwise(window))
    best = max(losses[: end + 1])
    return rises <= 0.75 * (end - begin) or (not was_halved and best <= checked)


def loss_and_slope(name, logits, label, target):
    """Returns a loss of logits [K], and its derivative by the logits."""
    eye, order = np.eye(len(logits)), np.argsort(-logits, kind="stable")
    other = next(k for k in order if k != label)
    if name == "cross_entropy":
        odds = textbook.softmax(logits[None])[0]
        share = np.where(eye[label] == 1, 0.0, odds) / (1 - odds[label])
        return np.log(1 / odds[label] - 1), share - eye[label]
    if name == "gap_scaled":
        gap = logits[order[0]] - logits[order[1]]
        loss, slope = loss_and_slope("cross_entropy", logits / gap, label, target)
        return loss, slope / gap
    if name == "margin":
        return logits[other] - logits[label], eye[other] - eye[label]
    if name == "dlr":
        top, bottom = other, eye[order[0]] - eye[order[2]]
    else:
        half = (eye[order[2]] + eye[order[3]]) / 2
        top, bottom = target, eye[order[0]] - half
    value, scale = logits[top] - logits[label], logits @ bottom + 1e-12
    slope = (eye[top] - eye[label]) / scale - value / scale**2 * bottom
    return value / scale, slope


def attack(network, image, label, start, *, epsilon, num_steps, loss, target=None):
    """Returns every iterate of one image, and the step size before each step.

    Args:
      network: `textbook.TinyNetwork`.
      image: [H, W, C] in [0, 255].
      label: of the image.
      start: where it begins.
      epsilon: radius in pixels of 255.
      num_steps: of the restart.
      loss: a name of `loss_and_slope`.
      target: of a targeted loss.
    """

    def project(x):
        return np.clip(np.clip(x, image - epsilon, image + epsilon), 0, 255)

    def seen(x):
        value, slope = loss_and_slope(loss, network.logits(x[None])[0], label, target)
        return value, np.sign(network.gradient(x[None], slope[None])[0])

    at, before, size = np.float64(start), np.float64(start), 2.0 * epsilon
    points, losses, signs, sizes = [], [], [], []
    begin, was_halved, checked = 0, True, seen(at)[0]
    for step in range(num_steps):
        value, sign = seen(at)
        points.append(at)
        losses.append(value)
        signs.append(sign)
        if step in checks(num_steps):
            was_halved = is_halved(
                losses, begin, step, was_halved=was_halved, checked=checked
            )
            begin, checked = step, max(losses)
            if was_halved:
                best = int(np.argmax(losses))
                size, at, sign = size / 2, points[best], signs[best]
        sizes.append(size)
        ahead = project(at + size * sign)
        share = 0.75 if step else 1.0
        mixed = at + share * (ahead - at) + (1 - share) * (at - before)
        before, at = at, project(mixed)
    return [*points, at], sizes
