"""The cells and heads that the Inception networks are made of.

A cell, `Mixed`, runs branches side by side and concatenates their channels; a branch is
a chain of convolutions and pools. Layers have the names of TF-Slim's scopes, so that a
variable's path is, say, inception_v3/Mixed_5b/Branch_1/Conv2d_0b_5x5/conv/kernel.

Every layer is called with a `Mode`, which reaches its batch norms.

Source: the code of TF-Slim, for Szegedy 2015 (version 3) and Szegedy 2016 (version 4,
Inception ResNet).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops
from keras.initializers import GlorotUniform, Initializer

from common.models import activations, batch_norm, layers, plain
from common.models.layers import INFERENCE, Mode

# Slim's least number of filters, so that thin networks keep their bottlenecks open.
# Kurakin's width factors, 0.5 and up, do not meet it: the fewest filters are 32. The
# quarter of the small scales does, in the narrowest convolutions.
MIN_FILTERS = 16


class ConvNorm(layers.Composite):
    """A convolution without bias, batch norm without factor, and the activation."""

    def __init__(
        self,
        name: str,
        filters: int,
        kernel_size: int | tuple[int, int] = 1,
        *,
        strides: int = 1,
        padding: str = "same",
        initializer: Initializer | None = None,
        width: float,
        activation: str,
        momentum: float,
        synchronized: bool,
    ) -> None:
        """Declares the layers.

        Args:
          name: name of the layer, unique in its parent.
          filters: of the convolution, before the width factor.
          kernel_size: of the convolution; (1, 7) is one row of seven.
          strides: of the convolution.
          padding: of the convolution, "same" or "valid".
          initializer: of the kernel; None is truncated normal, variance 2 / inputs.
          width: factor of the filters.
          activation: a name in `common.models.activations`.
          momentum: of the moving statistics of batch norm.
          synchronized: batch norm uses the statistics of all replicas together.
        """
        super().__init__(name=name)
        self.conv = keras.layers.Conv2D(
            max(int(filters * width), MIN_FILTERS),
            kernel_size,
            strides=strides,
            padding=padding,
            use_bias=False,
            kernel_initializer=initializer or keras.initializers.HeNormal(),
            name="conv",
        )
        self.norm = batch_norm.BatchNorm(
            momentum=momentum,
            epsilon=1e-3,
            scale=False,
            synchronized=synchronized,
            name="norm",
        )
        self.activation = activations.get(activation)

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        return self.activation(mode.normalized(self.norm, self.conv(inputs)))


Conv = Callable[..., ConvNorm]
"""Makes a `ConvNorm` whose width, activation and batch norm are those of a network."""


class AveragePool(plain.Inner):
    """The mean of each 3x3 neighbourhood; at an edge, of what lies inside."""

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Returns the inputs' shape."""
        return ops.average_pool(inputs, 3, strides=1, padding="same")


class MaxPool(plain.Inner):
    """The maximum of every second 3x3 neighbourhood."""

    def __init__(self, padding: str, *, name: str) -> None:
        """Declares the layer; padding is "same" or "valid"."""
        super().__init__(name=name)
        self.padding = padding

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to about [B, H / 2, W / 2, C]."""
        return ops.max_pool(inputs, 3, strides=2, padding=self.padding)


class Chain(layers.Composite):
    """Layers one after another; a step of several runs them side by side."""

    def __init__(self, name: str, *steps: Any) -> None:
        """Declares the layer.

        Args:
          name: name of the layer, unique in its parent.
          *steps: in order, each a layer, or a list of layers that all get the outputs
            of the step before.
        """
        super().__init__(name=name, autocast=False)
        self.steps = [step if isinstance(step, list) else [step] for step in steps]

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to the channels of the last step."""
        for step in self.steps:
            inputs = _side_by_side(step, inputs, mode)
        return inputs


class Mixed(layers.Composite):
    """A cell: branches side by side."""

    def __init__(self, name: str, *branches: list[Any]) -> None:
        """Declares the layer.

        Args:
          name: name of the layer, unique in the network.
          *branches: the steps of each, as `Chain` takes them.
        """
        super().__init__(name=name, autocast=False)
        self.branches = _branches(branches)

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to the channels of all branches."""
        return _side_by_side(self.branches, inputs, mode)


class Projection(layers.Composite):
    """A 1x1 convolution with biases, without batch norm and activation."""

    def __init__(self, name: str, filters: int) -> None:
        """Declares the layer.

        Args:
          name: name of the layer, unique in its parent.
          filters: of the convolution.
        """
        super().__init__(name=name)
        self.conv = keras.layers.Conv2D(
            filters, 1, kernel_initializer=GlorotUniform(), name="conv"
        )

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H, W, filters]."""
        return self.conv(inputs)


class Residual(layers.Composite):
    """A cell that is added to its inputs: activation(x + scale * project(cell(x)))."""

    def __init__(
        self,
        name: str,
        *branches: list[Any],
        scale: float,
        activation: Callable[[Any], Any],
    ) -> None:
        """Declares the layer.

        Args:
          name: name of the layer, unique in its parent.
          *branches: the steps of each, as `Chain` takes them.
          scale: of what is added.
          activation: of the sum.
        """
        super().__init__(name=name, autocast=False)
        self.branches = _branches(branches)
        self.scale, self.activation = scale, activation

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Declares the projection to the channels of the inputs."""
        self.project = Projection("Conv2d_1x1", input_shape[-1])

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Returns the inputs' shape."""
        mixed = _side_by_side(self.branches, inputs, mode)
        return self.activation(inputs + self.scale * self.project(mixed, mode=mode))


class Classifier(layers.Composite):
    """Logits of features at one position: float32 whatever the policy of the rest."""

    def __init__(
        self,
        name: str,
        num_classes: int,
        *,
        dense: bool,
        initializer: Initializer,
    ) -> None:
        """Declares the layer.

        Args:
          name: name of the layer, unique in its parent.
          num_classes: number of logits.
          dense: whether the weights are a matrix, named dense, or those of a 1x1
            convolution, named conv; slim's version 4 has the one, 3 the other.
          initializer: of the kernel; biases start at 0.
        """
        super().__init__(name=name, dtype="float32")
        fields = {"kernel_initializer": initializer, "dtype": "float32"}
        if dense:
            self.layer = keras.layers.Dense(num_classes, name="dense", **fields)
        else:
            self.layer = keras.layers.Conv2D(num_classes, 1, name="conv", **fields)

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, 1, 1, C] to [B, num_classes]."""
        return ops.squeeze(self.layer(inputs), (1, 2))


class AuxiliaryLogits(layers.Composite):
    """The auxiliary head: logits of the middle grid's features."""

    def __init__(
        self,
        conv: Conv,
        classifier: Classifier,
        *,
        whole: str,
        initializer: Initializer | None = None,
    ) -> None:
        """Declares the layer.

        Args:
          conv: makes its convolutions.
          classifier: the last layer.
          whole: name of the convolution over the whole pooled grid; {} is its size.
          initializer: of that convolution's kernel, as for `ConvNorm`.
        """
        super().__init__(name="AuxLogits", autocast=False)
        self.conv, self.name_of_whole, self.initializer = conv, whole, initializer
        self.project = conv("Conv2d_1b_1x1", 128)
        self.classifier = classifier

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Declares the convolution over the grid of pooled features."""
        self.pool_size = min(5, input_shape[1])
        size = (input_shape[1] - self.pool_size) // 3 + 1
        self.whole = self.conv(
            self.name_of_whole.format(f"{size}x{size}"),
            768,
            size,
            padding="valid",
            initializer=self.initializer,
        )

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to float32 [B, num_classes]."""
        features = ops.average_pool(inputs, self.pool_size, strides=3, padding="valid")
        for layer in (self.project, self.whole):
            features = layer(features, mode=mode)
        return self.classifier(features)


def _branches(branches: tuple[list[Any], ...]) -> list[Chain]:
    """Returns the branches of a cell, named by their numbers."""
    return [Chain(f"Branch_{index}", *steps) for index, steps in enumerate(branches)]


def _side_by_side(layers: list[Any], inputs: Any, mode: Mode) -> Any:
    outputs = [layer(inputs, mode=mode) for layer in layers]
    return outputs[0] if len(outputs) == 1 else ops.concatenate(outputs, axis=-1)
