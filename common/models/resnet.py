"""Residual networks for ImageNet, as torchvision has them.

A `ResNet` is a value that builds a `Network`: channel standardisation, a stem, four
stages of residual blocks and a classifier on the spatial mean. A block is a list of
`Convolution` values, so another depth or block is another row of `_DEPTHS`.

Padding is PyTorch's: (k - 1) // 2 zeros on every side. TensorFlow's "same" puts fewer
on the top and left when the stride is 2, which shifts the features by one pixel; with
that, weights converted from PyTorch would not give the same logits. At stride 1 the
two agree.

Source: He 2016, with the stride in the 3x3 convolution ("version 1.5").
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
from keras import ops

from common import recipe
from common.models import activations, layers, normalization

STAGE_WIDTHS = (64, 128, 256, 512)
LARGE_IMAGE = 64  # above this size the stem reduces four times, as for ImageNet


@dataclasses.dataclass(frozen=True)
class ResNet:
    """A residual network, version 1.5.

    Attributes:
      depth: 18, 34, 50, 101 or 152.
      activation: a name in `common.models.activations`.
      normalization: of the images, a name in `common.models.normalization.INPUTS`.
      zero_gamma: start the last factor of every block at 0, so that blocks start as
        identities.
      synchronized: batch norm uses the statistics of all replicas together.
    """

    depth: int = 50
    activation: str = "relu"
    normalization: str = "imagenet"
    zero_gamma: bool = False
    synchronized: bool = False

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          ValueError: a depth, activation or normalisation that does not exist.
        """
        if self.depth not in _DEPTHS:
            raise ValueError(
                f"ResNet.depth must be one of {', '.join(map(str, _DEPTHS))}. "
                f"Received: depth={self.depth}"
            )
        activations.get(self.activation)
        recipe.lookup(normalization.INPUTS, self.normalization, "normalization")

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        """Returns the network with its weights created.

        Args:
          num_classes: number of logits.
          image_size: height and width of the images; above 64 the stem is a 7x7
            convolution of stride 2 and a max pool of stride 2, else a 3x3
            convolution of stride 1.
          channels: channels of the images.

        Raises:
          ValueError: `imagenet` normalisation of images without 3 channels.
        """
        if self.normalization == "imagenet" and channels != 3:
            raise ValueError(
                "ResNet.normalization='imagenet' needs 3 channels; 'per_image' takes "
                f"any. Received: channels={channels}"
            )
        network = Network(self, num_classes, large=image_size > LARGE_IMAGE)
        return layers.built(network, image_size, channels)


class Network(keras.Model):
    """The `keras.Model` that a `ResNet` describes."""

    def __init__(self, config: ResNet, num_classes: int, *, large: bool) -> None:
        """Declares the layers.

        Args:
          config: what to build.
          num_classes: number of logits.
          large: whether the stem reduces the images four times.
        """
        # No autocast: pixels would lose their last bits before standardisation.
        super().__init__(name="resnet", autocast=False)
        self.normalize = normalization.INPUTS[config.normalization]
        self.activation = activations.get(config.activation)
        stem = Convolution(64, 7, 2) if large else Convolution(64, 3, 1)
        self.large = large
        self.stem = ConvNorm(config, stem, name="stem")
        self.blocks = _blocks(config)
        self.pool = keras.layers.GlobalAveragePooling2D(name="pool")
        self.classifier = _classifier(num_classes, self.blocks[-1].filters)

    def call(self, images: Any, training: bool = False, branch: str = "clean") -> Any:
        """Returns the logits of images.

        Args:
          images: float32 [B, H, W, C], pixels in [0, 255].
          training: batch norm uses the batch, and moves its statistics.
          branch: the branch of batch norm.

        Returns:
          float32 [B, num_classes].
        """
        mode = {"training": training, "branch": branch}
        features = self.activation(self.stem(self.normalize(images), **mode))
        if self.large:
            features = ops.max_pool(_padded(features, 3, -float("inf")), 3, strides=2)
        for block in self.blocks:
            features = block(features, **mode)
        return self.classifier(self.pool(features))


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution of a block: output channels, kernel size, stride."""

    filters: int
    kernel_size: int
    strides: int = 1


class ConvNorm(keras.layers.Layer):
    """A convolution with PyTorch's padding, then batch norm."""

    def __init__(
        self,
        config: ResNet,
        convolution: Convolution,
        *,
        gamma_initializer: str = "ones",
        name: str,
    ) -> None:
        """Declares the layers of a network.

        Args:
          config: the network that the layer belongs to.
          convolution: its size.
          gamma_initializer: initial factor of batch norm.
          name: name of the layer, unique in its parent.
        """
        super().__init__(name=name)
        self.kernel_size = convolution.kernel_size
        self.padded = convolution.strides > 1 and convolution.kernel_size > 1
        self.conv = layers.convolution(
            convolution.filters,
            convolution.kernel_size,
            strides=convolution.strides,
            padding="valid" if self.padded else "same",
            name="conv",
        )
        self.norm = normalization.BatchNorm(
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer=gamma_initializer,
            synchronized=config.synchronized,
            name="norm",
        )

    def call(self, inputs: Any, training: bool = False, branch: str = "clean") -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        if self.padded:
            inputs = _padded(inputs, self.kernel_size, 0.0)
        return self.norm(self.conv(inputs), training=training, branch=branch)


class Block(keras.layers.Layer):
    """A residual block: convolutions, a shortcut, and the activation of their sum."""

    def __init__(
        self,
        config: ResNet,
        convolutions: tuple[Convolution, ...],
        *,
        project: bool,
        name: str,
    ) -> None:
        """Declares the layers.

        Args:
          config: the network that the block belongs to.
          convolutions: of the residual path, in order.
          project: whether a 1x1 convolution shapes the shortcut.
          name: name of the layer, unique in the network.
        """
        super().__init__(name=name)
        self.activation = activations.get(config.activation)
        self.filters = convolutions[-1].filters
        gammas = ["ones"] * len(convolutions)
        if config.zero_gamma:
            gammas[-1] = "zeros"
        self.residual = [
            ConvNorm(config, convolution, gamma_initializer=gamma, name=f"conv{index}")
            for index, (convolution, gamma) in enumerate(
                zip(convolutions, gammas, strict=True), start=1
            )
        ]
        self.shortcut = None
        if project:
            strides = max(convolution.strides for convolution in convolutions)
            projection = Convolution(self.filters, 1, strides)
            self.shortcut = ConvNorm(config, projection, name="shortcut")

    def call(self, inputs: Any, training: bool = False, branch: str = "clean") -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        mode = {"training": training, "branch": branch}
        features = inputs
        for layer in self.residual[:-1]:
            features = self.activation(layer(features, **mode))
        features = self.residual[-1](features, **mode)
        shortcut = self.shortcut(inputs, **mode) if self.shortcut else inputs
        return self.activation(features + shortcut)


def _basic(width: int, strides: int) -> tuple[Convolution, ...]:
    return Convolution(width, 3, strides), Convolution(width, 3)


def _bottleneck(width: int, strides: int) -> tuple[Convolution, ...]:
    return (
        Convolution(width, 1),
        Convolution(width, 3, strides),
        Convolution(4 * width, 1),
    )


_DEPTHS = {  # the block, and the number of them in each stage: He 2016, Table 1
    18: (_basic, (2, 2, 2, 2)),
    34: (_basic, (3, 4, 6, 3)),
    50: (_bottleneck, (3, 4, 6, 3)),
    101: (_bottleneck, (3, 4, 23, 3)),
    152: (_bottleneck, (3, 8, 36, 3)),
}


def _blocks(config: ResNet) -> list[Block]:
    block, blocks_per_stage = _DEPTHS[config.depth]
    blocks: list[Block] = []
    filters = STAGE_WIDTHS[0]  # of the stem
    stages = zip(STAGE_WIDTHS, blocks_per_stage, strict=True)
    for stage, (width, num_blocks) in enumerate(stages, start=1):
        for index in range(1, num_blocks + 1):
            strides = 2 if stage > 1 and index == 1 else 1
            convolutions = block(width, strides)
            project = strides > 1 or convolutions[-1].filters != filters
            name = f"stage{stage}_block{index}"
            blocks.append(Block(config, convolutions, project=project, name=name))
            filters = blocks[-1].filters
    return blocks


def _classifier(num_classes: int, inputs: int) -> keras.layers.Dense:
    """Kernel and bias uniform within 1 / sqrt(inputs), as PyTorch's linear layer."""
    bound = inputs**-0.5
    return layers.classifier(
        num_classes,
        scale=1 / 3,
        bias_initializer=keras.initializers.RandomUniform(-bound, bound),
    )


def _padded(inputs: Any, kernel_size: int, value: float) -> Any:
    side = ((kernel_size - 1) // 2,) * 2
    return ops.pad(inputs, ((0, 0), side, side, (0, 0)), constant_values=value)
