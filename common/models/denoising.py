"""Feature denoising: means over the whole feature map, inside a residual network.

A `Denoise` block replaces nothing: it adds to its inputs a projection of *non-local
means*, in which every position gets the mean of all positions, weighted by how similar
their features are.

Source: Xie 2019, Sec. 4, and its code for what the text leaves open.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from common.models import layers, norms, residual
from common.models.layers import INFERENCE, Mode


class Gaussian(layers.Composite):
    """Weights that are a softmax over the positions: they sum to 1.

    Position i weighs position j by exp(theta(x_i) . phi(x_j) / sqrt(d)), where theta
    and phi embed the features in d channels, half as many as there are. The weights
    take 4 (H * W)^2 bytes an image: 39 MB at 56 x 56.
    """

    def __init__(self, channels: int, *, name: str) -> None:
        """Declares the embeddings of features with so many channels."""
        super().__init__(name=name)
        self.theta = _embedding(channels // 2, name="theta")
        self.phi = _embedding(channels // 2, name="phi")

    def call(self, inputs: Any) -> Any:
        """Returns the inputs' shape."""
        theta, phi = _positions(self.theta(inputs)), _positions(self.phi(inputs))
        similarity = ops.matmul(theta, ops.transpose(phi, (0, 2, 1)))
        similarity = ops.cast(similarity, "float32") * theta.shape[-1] ** -0.5
        weights = ops.cast(ops.softmax(similarity), inputs.dtype)
        means = ops.matmul(weights, _positions(inputs))
        return ops.reshape(means, (-1, *inputs.shape[1:]))


class Denoise(layers.Composite):
    """Adds a projection of the non-local means; at the start, nothing."""

    def __init__(self, channels: int, norm: norms.Norm, *, name: str) -> None:
        """Declares the layers.

        Args:
          channels: of the features.
          norm: the normaliser of the projection.
          name: name of the layer, unique in the network.
        """
        super().__init__(name=name)
        self.filters = channels
        self.means = Gaussian(channels, name="means")
        self.project = residual.ConvNorm(
            residual.Convolution(channels, 1),
            norm,
            gamma_initializer="zeros",
            name="project",
        )

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Returns the inputs' shape, [B, H, W, channels]; it has no activation."""
        return inputs + self.project(self.means(inputs), mode=mode)


def _embedding(channels: int, *, name: str) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        channels,
        1,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        name=name,
    )


def _positions(features: Any) -> Any:
    """Returns [B, H, W, C] as [B, H * W, C]."""
    _, height, width, channels = features.shape
    return ops.reshape(features, (-1, height * width, channels))
