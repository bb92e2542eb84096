"""The block that EfficientNets are made of: MBConv, an inverted residual.

A 1x1 convolution expands the channels, a depthwise convolution filters each of them, a
gate that looks at the whole image scales them (squeeze-and-excitation, Hu 2018), and a
1x1 convolution without activation projects them to few again.

Padding is TensorFlow's "same". Kernels start normal with variance 2 / (k * k *
filters), where a depthwise convolution counts one filter.

Source: Tan and Le 2019, and the code of its authors.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from common.models import activations, layers
from common.models.layers import INFERENCE, Mode

SQUEEZE = 0.25  # share of a block's input channels that its gate looks at
NewNorm = Callable[..., keras.layers.Layer]  # makes a normaliser of a given `name=`


@dataclasses.dataclass(frozen=True)
class Form:
    """The sizes of a block.

    Attributes:
      inputs: channels that come in.
      filters: channels that go out.
      expansion: factor of the channels in between; 1 for no expanding convolution.
      kernel_size: of the depthwise convolution.
      strides: of the depthwise convolution.
    """

    inputs: int
    filters: int
    expansion: int
    kernel_size: int
    strides: int

    @property
    def has_shortcut(self) -> bool:
        """Whether the inputs are added to the outputs, whose shape they have."""
        return self.strides == 1 and self.inputs == self.filters


class ConvNorm(layers.Composite):
    """A convolution, a normaliser, and the activation if there is one."""

    def __init__(
        self,
        conv: keras.layers.Layer,
        norm: NewNorm,
        activation: str = "",
        *,
        name: str,
    ) -> None:
        """Declares the layers.

        Args:
          conv: the convolution, without bias.
          norm: makes the normaliser.
          activation: a name in `common.models.activations`, or empty for none.
          name: name of the layer, unique in its parent.
        """
        super().__init__(name=name)
        self.conv = conv
        self.norm = norm(name="norm")
        self.activation = (
            activations.layer(activation, name="activation") if activation else None
        )

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        features = mode.normalized(self.norm, self.conv(inputs))
        if self.activation is None:
            return features
        return self.activation(features, backward=mode.backward)


class Gate(layers.Composite):
    """Squeeze-and-excitation: every channel times a factor from 0 to 1 of the image."""

    def __init__(
        self, channels: int, squeezed: int, activation: str, *, name: str
    ) -> None:
        """Declares the layers.

        Args:
          channels: of the inputs.
          squeezed: channels that decide on the factors.
          activation: a name in `common.models.activations`.
          name: name of the layer, unique in its parent.
        """
        super().__init__(name=name)
        self.reduce = layers.convolution(squeezed, 1, use_bias=True, name="reduce")
        self.activation = activations.layer(activation, name="activation")
        self.expand = layers.convolution(channels, 1, use_bias=True, name="expand")

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Returns the inputs' shape."""
        means = ops.mean(inputs, axis=(1, 2), keepdims=True)
        squeezed = self.activation(self.reduce(means), backward=mode.backward)
        return inputs * ops.sigmoid(self.expand(squeezed))


class MBConv(layers.Composite):
    """An inverted residual block with squeeze-and-excitation."""

    def __init__(
        self, form: Form, norm: NewNorm, activation: str, *, name: str
    ) -> None:
        """Declares the layers.

        Args:
          form: of the block.
          norm: makes the normaliser of each convolution.
          activation: a name in `common.models.activations`.
          name: name of the layer, unique in the network.
        """
        super().__init__(name=name)
        self.form = form
        channels = form.inputs * form.expansion
        self.expand = None
        if form.expansion > 1:
            conv = layers.convolution(channels, 1, name="conv")
            self.expand = ConvNorm(conv, norm, activation, name="expand")
        depthwise = _depthwise(form)
        self.depthwise = ConvNorm(depthwise, norm, activation, name="depthwise")
        squeezed = max(1, int(form.inputs * SQUEEZE))
        self.gate = Gate(channels, squeezed, activation, name="gate")
        conv = layers.convolution(form.filters, 1, name="conv")
        self.project = ConvNorm(conv, norm, name="project")

    def call(self, inputs: Any, mode: Mode = INFERENCE, *, factors: Any = None) -> Any:
        """Applies the block.

        Args:
          inputs: float [B, H, W, C].
          mode: of the network's call.
          factors: None, or float [B]: of what the block adds to its inputs, if it does.

        Returns:
          [B, H / strides, W / strides, filters].
        """
        features = self.expand(inputs, mode=mode) if self.expand else inputs
        for layer in (self.depthwise, self.gate, self.project):
            features = layer(features, mode=mode)
        if not self.form.has_shortcut:
            return features
        if factors is not None:
            features *= ops.reshape(factors, (-1, 1, 1, 1))
        return inputs + features


def _depthwise(form: Form) -> keras.layers.DepthwiseConv2D:
    return keras.layers.DepthwiseConv2D(
        form.kernel_size,
        strides=form.strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name="conv",
    )
