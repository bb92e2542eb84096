"""Which normaliser a network has: a part of its recipe that builds the layers."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from common import lazy
from common.lazy import keras

# The layers derive from those of Keras.
_batch_norm = lazy.module("common.models.batch_norm")
_group_norm = lazy.module("common.models.group_norm")

MIXTURE = ("clean", "adversarial")  # the branches of mixture batch norm


def check_branches(branches: tuple[str, ...]) -> None:
    """Refuses no branch, or one that is named twice, with a ValueError."""
    if not branches or len(set(branches)) != len(branches):
        raise ValueError(
            "BatchNorm needs one or more branches, each named once. "
            f"Received: branches={branches}"
        )


@dataclasses.dataclass(frozen=True)
class Batch:
    """Batch norm; with the branches `MIXTURE`, mixture batch norm.

    Attributes:
      branches: the first is for clean images, the last for adversarial ones.
      share_statistics: all branches have the same statistics.
      share_affine: all branches have the same gamma and beta.
      synchronized: the statistics are those of all replicas together.
    """

    branches: tuple[str, ...] = ("clean",)
    share_statistics: bool = False
    share_affine: bool = False
    synchronized: bool = False

    def __post_init__(self) -> None:
        check_branches(self.branches)

    def layer(
        self,
        *,
        epsilon: float,
        momentum: float = 0.9,
        gamma_initializer: Any = "ones",
        name: str,
    ) -> keras.layers.Layer:
        """Returns a new layer, called as `layer(inputs, training=, branch=)`.

        Args:
          epsilon: added to the variance.
          momentum: share of the old moving statistics that an update keeps.
          gamma_initializer: a Keras initializer.
          name: unique in its parent.
        """
        return _batch_norm.BatchNorm(
            momentum=momentum,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer,
            branches=self.branches,
            share_statistics=self.share_statistics,
            share_affine=self.share_affine,
            synchronized=self.synchronized,
            name=name,
        )


DEFAULT = Batch()


@dataclasses.dataclass(frozen=True)
class Group:
    """Group norm (Wu and He, 2018), which treats every image by itself.

    Attributes:
      groups: of channels, whose number must divide by it.
    """

    groups: int = 32

    branches: ClassVar[tuple[str, ...]] = ("clean",)

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ValueError(
                f"Group.groups must be at least 1. Received: groups={self.groups}"
            )

    def layer(
        self,
        *,
        epsilon: float,
        momentum: float = 0.9,
        gamma_initializer: Any = "ones",
        name: str,
    ) -> keras.layers.Layer:
        """Returns a new layer, as `Batch.layer`; it has no statistics to move."""
        del momentum
        return _group_norm.GroupNorm(
            groups=self.groups,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer,
            name=name,
        )


Norm = Batch | Group
