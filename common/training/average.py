"""The moving average of a network's weights, from which it is evaluated."""

from __future__ import annotations

from typing import Any

from common.lazy import keras, ops


class Average:
    """Moving averages of all floating variables of a network, with a short start.

    As TensorFlow 1's `ExponentialMovingAverage` that is told the number of updates:
    after update `t`, counted from 1, with `d = min(decay, (1 + t) / (10 + t))`,

        shadow <- shadow - (1 - d) * (shadow - variable)

    so that the random initial weights are soon forgotten. The moving statistics of
    batch norm, averages themselves, are averaged once more.

    Attributes:
      variables: the shadows, at the path of their variable below `average/`; each
        starts from the variable's value at construction.
    """

    def __init__(self, network: keras.Model, decay: float) -> None:
        """Creates the shadows, in the scope of the strategy that is entered.

        Args:
          network: built.
          decay: in (0, 1).
        """
        self._decay = decay
        self._averaged = [v for v in network.variables if "float" in v.dtype]
        self.variables = [_shadow(variable) for variable in self._averaged]

    def update(self, updates: Any) -> None:
        """Moves the shadows towards the variables, which every replica does by itself.

        Args:
          updates: how many updates the network had, with the last; an integer.
        """
        # 1 - d, of which float32 would keep three digits at d = 0.9999.
        rate = ops.maximum(
            1.0 - self._decay, 9.0 / (10.0 + ops.cast(updates, "float32"))
        )
        for shadow, variable in zip(self.variables, self._averaged, strict=True):
            step = ops.cast(rate, shadow.dtype) * (shadow - variable)
            shadow.assign(shadow - step)

    def give(self) -> None:
        """Gives the network's variables the values of their shadows."""
        for shadow, variable in zip(self.variables, self._averaged, strict=True):
            variable.assign(shadow)


def _shadow(variable: Any) -> Any:
    folder = f"average/{variable.path}".rpartition("/")[0]
    parent, _, scope = folder.rpartition("/")
    with keras.name_scope(scope, override_parent=parent):
        # Without aggregation: the replicas hold the same values and move them alike.
        return keras.Variable(
            variable.numpy(), dtype=variable.dtype, trainable=False, name=variable.name
        )
