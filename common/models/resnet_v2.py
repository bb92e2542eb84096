"""Residual networks whose blocks begin with the normaliser, as TF-Slim has them.

In a block of version 2 the normaliser and the activation come first, and nothing comes
after the sum; so the stem has neither, and the last block is followed by both. A stage
reduces the features in its last block, the fourth not at all.

The layers are named after the scopes of TF-Slim, whose checkpoints `training.imported`
reads.

Source: He 2016b, "Identity Mappings in Deep Residual Networks"; TF-Slim, `resnet_v2`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from common.models import (
    activations,
    batch_norm,
    layers,
    normalization,
    norms,
    residual,
)
from common.models.architectures import DEPTHS, ResNetV2
from common.models.layers import INFERENCE, Mode
from common.models.resnet import LARGE_IMAGE

NORM = {"epsilon": 1e-5, "momentum": 0.997}  # TF-Slim


def build(
    config: ResNetV2, num_classes: int, image_size: int, channels: int
) -> keras.Model:
    """Returns the network with its weights created; see `Architecture.build`.

    Raises:
      ValueError: `imagenet` normalisation of images without 3 channels.
    """
    normalization.check("ResNetV2", config.normalization, channels)
    network = Network(config, num_classes, large=image_size >= LARGE_IMAGE)
    return layers.built(network, image_size, channels)


class Network(keras.Model):
    """The `keras.Model` that a `ResNetV2` describes.

    Attributes:
      branches: names that a call may choose from.
    """

    def __init__(self, config: ResNetV2, num_classes: int, *, large: bool) -> None:
        """Declares the layers.

        Args:
          config: what to build.
          num_classes: number of logits.
          large: whether the stem reduces the images four times.
        """
        # No autocast: pixels would lose their last bits before standardisation.
        super().__init__(name=f"resnet_v2_{config.depth}", autocast=False)
        self.branches = config.norm.branches
        self.normalize = normalization.INPUTS[config.normalization]
        self.large = large
        size = (7, 2) if large else (3, 1)
        self.conv1 = _Plain(residual.Convolution(64, *size), name="conv1")
        self.stages = _stages(config)
        self.postnorm = config.norm.layer(**NORM, name="postnorm")
        self.activation = activations.layer(config.activation, name="activation")
        last = residual.Convolution(num_classes, 1)
        self.logits = _Plain(last, dtype="float32", name="logits")

    def call(
        self,
        images: Any,
        training: Any = False,
        branch: batch_norm.Branch = "clean",
        backward: str = activations.OWN,
    ) -> Any:
        """Returns the logits of images; see `resnet.Network.call`."""
        mode = Mode(training, branch, backward)
        features = self.conv1(self.normalize(images), mode=mode)
        if self.large:
            features = ops.max_pool(features, 3, strides=2, padding="same")
        for stage in self.stages:
            features = stage(features, mode=mode)
        features = mode.normalized(self.postnorm, features)
        features = self.activation(features, backward=backward)
        features = ops.cast(features, "float32")
        pooled = ops.mean(features, axis=(1, 2), keepdims=True)
        return ops.squeeze(self.logits(pooled, mode=mode), axis=(1, 2))


class Stage(layers.Composite):
    """Blocks of one width."""

    def __init__(self, blocks: list[Block], *, name: str) -> None:
        """Declares the layer."""
        super().__init__(name=name)
        self.blocks = blocks

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Returns what the last block does."""
        for block in self.blocks:
            inputs = block(inputs, mode=mode)
        return inputs


class Block(layers.Composite):
    """A bottleneck block: the normaliser and the activation, and then convolutions."""

    def __init__(
        self,
        width: int,
        strides: int,
        norm: norms.Norm,
        activation: str,
        *,
        project: bool,
        name: str,
    ) -> None:
        """Declares the layers.

        Args:
          width: of the stage; the block has four times as many channels.
          strides: of the 3x3 convolution and the shortcut.
          norm: the normaliser.
          activation: a name in `common.models.activations`.
          project: whether a 1x1 convolution shapes the shortcut.
          name: name of the layer, unique in its stage.
        """
        super().__init__(name=name)
        narrow, middle, last = residual.bottleneck(width, strides)
        self.strides = strides
        self.preact = norm.layer(**NORM, name="preact")
        self.activations = [
            activations.layer(activation, name=f"activation{index}")
            for index in range(3)
        ]
        self.conv1, self.conv2 = (
            residual.ConvNorm(convolution, norm, **NORM, name=f"conv{index}")
            for index, convolution in enumerate((narrow, middle), start=1)
        )
        self.conv3 = _Plain(last, name="conv3")
        self.shortcut = None
        if project:
            projection = residual.Convolution(last.filters, 1, strides)
            self.shortcut = _Plain(projection, name="shortcut")

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, 4 * width]."""
        features = mode.normalized(self.preact, inputs)
        features = self.activations[0](features, backward=mode.backward)
        shortcut = inputs[:, :: self.strides, :: self.strides]
        if self.shortcut:
            shortcut = self.shortcut(features, mode=mode)
        inner = zip((self.conv1, self.conv2), self.activations[1:], strict=True)
        for layer, activation in inner:
            features = activation(layer(features, mode=mode), backward=mode.backward)
        return shortcut + self.conv3(features, mode=mode)


class _Plain(layers.Composite):
    """A convolution with its bias, PyTorch's padding, and no normaliser."""

    def __init__(
        self, convolution: residual.Convolution, *, dtype: Any = None, name: str
    ) -> None:
        """Declares the layer, of the size that the convolution says."""
        super().__init__(name=name, dtype=dtype)
        self.kernel_size = convolution.kernel_size
        self.conv = layers.convolution(
            convolution.filters,
            convolution.kernel_size,
            strides=convolution.strides,
            padding="valid",
            use_bias=True,
            dtype=dtype,
            name="conv",
        )

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        del mode
        return self.conv(residual.padded(inputs, self.kernel_size, 0.0))


def _stages(config: ResNetV2) -> list[Stage]:
    """Returns the stages in order."""
    stages = []
    counts = DEPTHS[config.depth]
    sizes = zip(residual.STAGE_WIDTHS, counts, strict=True)
    for number, (width, num_blocks) in enumerate(sizes, start=1):
        reduces = number < len(counts)
        blocks = [
            Block(
                width,
                2 if reduces and unit == num_blocks else 1,
                config.norm,
                config.activation,
                project=unit == 1,
                name=f"unit_{unit}",
            )
            for unit in range(1, num_blocks + 1)
        ]
        stages.append(Stage(blocks, name=f"block{number}"))
    return stages
