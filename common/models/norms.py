"""Which normaliser a network has: a part of its recipe that builds the layers."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import keras

from common.models.batch_norm import BatchNorm

MIXTURE = ("clean", "adversarial")  # the branches of mixture batch norm


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
        self.layer(epsilon=1e-3, name="norm")  # refuses bad branches

    def layer(
        self,
        *,
        epsilon: float,
        momentum: float = 0.9,
        gamma_initializer: Any = "ones",
        name: str,
    ) -> BatchNorm:
        """Returns a new layer, called as `layer(inputs, training=, branch=)`.

        Args:
          epsilon: added to the variance.
          momentum: share of the old moving statistics that an update keeps.
          gamma_initializer: a Keras initializer.
          name: unique in its parent.
        """
        return BatchNorm(
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
    ) -> GroupNorm:
        """Returns a new layer, as `Batch.layer`; it has no statistics to move."""
        del momentum
        return GroupNorm(
            groups=self.groups,
            epsilon=epsilon,
            gamma_initializer=gamma_initializer,
            name=name,
        )


Norm = Batch | Group


class GroupNorm(keras.layers.GroupNormalization):
    """Group norm that is called as batch norm is; it computes in float32."""

    def __init__(self, **kwargs: Any) -> None:
        """Declares the layer; arguments as of Keras' layer, but for `dtype`."""
        super().__init__(**kwargs, dtype="float32")
        self.output_dtype = keras.config.dtype_policy().compute_dtype

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates gamma and beta.

        Raises:
          ValueError: the channels do not divide by the groups.
        """
        if input_shape[-1] % self.groups:
            raise ValueError(
                f"{self.path} has {input_shape[-1]} channels, which must divide by "
                f"norm.groups. Received: groups={self.groups}"
            )
        super().build(input_shape)

    def call(self, inputs: Any, training: Any = False, branch: Any = "clean") -> Any:
        """Normalises each image by itself.

        Args:
          inputs: float [B, ..., C].
          training: makes no difference.
          branch: makes no difference.

        Returns:
          [B, ..., C] in the compute dtype of the policy.
        """
        del training, branch
        return keras.ops.cast(super().call(inputs), self.output_dtype)
