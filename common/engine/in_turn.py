"""Several replicas on one device of TensorFlow, one after the other.

Each has its part of the minibatch, its statistics of batch norm, its own state and its
share of the loss, as replicas on devices of their own have. The sum of their gradients
makes one update. So a device needs memory for the features of one part at a time.
"""

from __future__ import annotations

import copy
from typing import Any

import tensorflow as tf
from keras import ops


class Gathered:
    """Stands in for an optimizer, and sums the gradients that it is given.

    Attributes:
      sums: of the gradients so far; empty before the first.
    """

    def __init__(self, optimizer: Any) -> None:
        """Takes the optimizer, of which the number of updates is asked."""
        self._optimizer = optimizer
        self.sums: list[Any] = []

    @property
    def iterations(self) -> Any:
        """Updates done."""
        return self._optimizer.iterations

    def apply(self, gradients: Any, theta: Any) -> None:
        """Adds the gradients; the weights stay as they are."""
        del theta
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        sums = self.sums or [tf.zeros_like(gradient) for gradient in gradients]
        self.sums = [a + b for a, b in zip(sums, gradients, strict=True)]


def train_step(method: Any, batch: Any, states: Any, seed: Any) -> tuple[Any, Any]:
    """Returns what `method.train_step` does, for all replicas of this device.

    Args:
      method: bound to its network, optimizer and number of replicas.
      batch: images and labels of the device.
      states: one for each of its replicas.
      seed: of the update.

    Raises:
      ValueError: batch norm that is synchronized over the replicas.
    """
    layers = method.network._flatten_layers()
    if any(getattr(layer, "synchronized", False) for layer in layers):
        raise ValueError(
            "Replicas in turn cannot share the statistics of batch norm: leave out "
            "synchronized=True, or --replicas_per_device. "
            f"Received: --replicas_per_device={len(states)}"
        )
    gathered, alone = Gathered(method.optimizer), copy.copy(method)
    alone.__dict__["optimizer"] = gathered
    moving = [v for v in method.network.non_trainable_variables if _is_float(v)]
    before = [tf.identity(ops.convert_to_tensor(v)) for v in moving]
    moved = [tf.zeros_like(value) for value in before]
    parts = zip(*(tf.split(whole, len(states)) for whole in batch), strict=True)
    found, after = [], []
    for part, state in zip(parts, states, strict=True):
        # Only when the one before is done: two would need the memory of two.
        with tf.control_dependencies(gathered.sums):
            part = tuple(map(tf.identity, part))
        values, state = alone.train_step(part, state, seed)
        found.append(values)
        after.append(state)
        for index, (variable, value) in enumerate(zip(moving, before, strict=True)):
            moved[index] += ops.convert_to_tensor(variable) - value
            variable.assign(value)
    for variable, value, total in zip(moving, before, moved, strict=True):
        variable.assign(value + total / len(states))  # what nobody moved stays
    method.optimizer.apply(gathered.sums, method.theta)
    totals = {name: sum(values[name] for values in found) for name in found[0]}
    return totals, tuple(after)


def _is_float(variable: Any) -> bool:
    return tf.as_dtype(variable.dtype).is_floating
