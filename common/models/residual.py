"""The blocks that residual networks are made of.

A block is a residual path of convolutions, each with its normaliser, and a shortcut.
The path is a list of `Convolution` values, so another block is another function that
returns one, such as `bottleneck`.

Padding is PyTorch's: (k - 1) // 2 zeros on every side. TensorFlow's "same" puts fewer
on the top and left when the stride is 2, which shifts the features by one pixel; with
that, weights converted from PyTorch would not give the same logits. At stride 1 the
two agree.

Source: He 2016, with the stride in the 3x3 convolution ("version 1.5"); ResNeXt is
Xie 2017, "Aggregated Residual Transformations for Deep Neural Networks".
"""

from __future__ import annotations

import dataclasses
from typing import Any

from keras import ops

from common.models import activations, layers, norms
from common.models.layers import INFERENCE, Mode

STAGE_WIDTHS = (64, 128, 256, 512)


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution of a block: output channels, kernel size, stride, groups."""

    filters: int
    kernel_size: int
    strides: int = 1
    groups: int = 1


class ConvNorm(layers.Composite):
    """A convolution with PyTorch's padding, then the network's normaliser."""

    def __init__(
        self,
        convolution: Convolution,
        norm: norms.Norm,
        *,
        epsilon: float = 1e-5,
        name: str,
        **fields: Any,
    ) -> None:
        """Declares the layers.

        Args:
          convolution: its size.
          norm: the normaliser.
          epsilon: of the normaliser.
          name: name of the layer, unique in its parent.
          **fields: further ones of the normaliser, such as its initial factor.
        """
        super().__init__(name=name)
        self.kernel_size = convolution.kernel_size
        self.padded = convolution.strides > 1 and convolution.kernel_size > 1
        self.conv = layers.convolution(
            convolution.filters,
            convolution.kernel_size,
            strides=convolution.strides,
            groups=convolution.groups,
            padding="valid" if self.padded else "same",
            name="conv",
        )
        self.norm = norm.layer(epsilon=epsilon, name="norm", **fields)

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        if self.padded:
            inputs = padded(inputs, self.kernel_size, 0.0)
        return mode.normalized(self.norm, self.conv(inputs))


class Block(layers.Composite):
    """A residual block: convolutions, a shortcut, and the activation of their sum."""

    def __init__(
        self,
        convolutions: tuple[Convolution, ...],
        norm: norms.Norm,
        activation: str,
        *,
        zero_gamma: bool = False,
        project: bool,
        name: str,
    ) -> None:
        """Declares the layers.

        Args:
          convolutions: of the residual path, in order.
          norm: the normaliser that follows each of them.
          activation: a name in `common.models.activations`.
          zero_gamma: whether the last factor of the residual path starts at 0.
          project: whether a 1x1 convolution shapes the shortcut.
          name: name of the layer, unique in the network.
        """
        super().__init__(name=name)
        self.activations = [
            activations.layer(activation, name=f"activation{index}")
            for index, _ in enumerate(convolutions, start=1)
        ]
        self.filters = convolutions[-1].filters
        gammas = ["ones"] * len(convolutions)
        if zero_gamma:
            gammas[-1] = "zeros"
        self.residual = [
            ConvNorm(convolution, norm, gamma_initializer=gamma, name=f"conv{index}")
            for index, (convolution, gamma) in enumerate(
                zip(convolutions, gammas, strict=True), start=1
            )
        ]
        self.shortcut = None
        if project:
            strides = max(convolution.strides for convolution in convolutions)
            projection = Convolution(self.filters, 1, strides)
            self.shortcut = ConvNorm(projection, norm, name="shortcut")

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        features = inputs
        *inner, last = zip(self.residual, self.activations, strict=True)
        for layer, activation in inner:
            features = layer(features, mode=mode)
            features = activation(features, backward=mode.backward)
        layer, activation = last
        features = layer(features, mode=mode)
        shortcut = self.shortcut(inputs, mode=mode) if self.shortcut else inputs
        return activation(features + shortcut, backward=mode.backward)


def basic(
    width: int, strides: int, *, groups: int = 1, group_width: int = 64
) -> tuple[Convolution, ...]:
    """Returns the path of two 3x3 convolutions, of depths 18 and 34."""
    del groups, group_width  # these depths have none
    return Convolution(width, 3, strides), Convolution(width, 3)


def bottleneck(
    width: int, strides: int, *, groups: int = 1, group_width: int = 64
) -> tuple[Convolution, ...]:
    """Returns the path of the deeper networks: 1x1, 3x3, and 1x1 to four widths.

    The 3x3 convolution has the groups (Xie 2017, Table 1).

    Args:
      width: of the stage, one of `STAGE_WIDTHS`.
      strides: of the 3x3 convolution.
      groups: of the 3x3 convolution.
      group_width: channels of a group in the first stage.
    """
    inner = groups * group_width * width // STAGE_WIDTHS[0]
    return (
        Convolution(inner, 1),
        Convolution(inner, 3, strides, groups),
        Convolution(4 * width, 1),
    )


def padded(inputs: Any, kernel_size: int, value: float) -> Any:
    """Returns features with PyTorch's padding of a kernel, of the given value."""
    side = ((kernel_size - 1) // 2,) * 2
    return ops.pad(inputs, ((0, 0), side, side, (0, 0)), constant_values=value)
