"""Group norm, as the networks call it."""

from __future__ import annotations

from typing import Any

import keras

from common.models import plain


class GroupNorm(plain.Inner, keras.layers.GroupNormalization):
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

    def of_keras(self, inputs: Any, **mode: Any) -> Any:
        """Returns the outputs of a layer of Keras with the same weights."""
        del mode
        layer = keras.layers.GroupNormalization(
            groups=self.groups, epsilon=self.epsilon, name=self.name
        )
        outputs = layer(inputs)
        layer.set_weights(self.get_weights())
        return outputs
