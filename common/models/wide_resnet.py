"""The wide residual network of free adversarial training's CIFAR experiments.

A `WideResNet` is a value that builds a `Network`: per-image standardisation, a stem,
three stages of pre-activation units, and a classifier on the spatial mean. Shortcuts
have no weights: average pooling in space, zeros for the channels that are new.

Source: the code of Shafahi 2019, whose network is that of Madry 2018.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from common.models import activations, batch_norm, layers, normalization
from common.models.architectures import WideResNet
from common.models.layers import INFERENCE, Mode

STEM_WIDTH = 16
STAGE_WIDTHS = (16, 32, 64)  # times the width factor


def build(
    config: WideResNet, num_classes: int, image_size: int, channels: int
) -> keras.Model:
    """Returns the network with its weights created; see `Architecture.build`."""
    return layers.built(Network(config, num_classes), image_size, channels)


class Network(keras.Model):
    """The `keras.Model` that a `WideResNet` describes.

    Attributes:
      branches: names that a call may choose from.
    """

    def __init__(self, config: WideResNet, num_classes: int) -> None:
        """Declares the layers.

        Args:
          config: what to build.
          num_classes: number of logits.
        """
        # No autocast: pixels would lose their last bits before standardisation.
        super().__init__(name="wide_resnet", autocast=False)
        self.branches = config.norm.branches
        self.stem = layers.convolution(
            STEM_WIDTH, 3, strides=config.stem_stride, name="stem"
        )
        self.units = _units(config)
        self.head = NormAct(config, name="head")
        self.pool = layers.mean_pool()
        self.classifier = layers.classifier(num_classes, layers.uniform(1.0))

    def call(
        self,
        images: Any,
        training: Any = False,
        branch: batch_norm.Branch = "clean",
        backward: str = activations.OWN,
    ) -> Any:
        """Returns the logits of images.

        Args:
          images: float32 [B, H, W, C], pixels in [0, 255].
          training: batch norm uses the batch, and moves its statistics; a bool, or a
            bool scalar tensor.
          branch: of batch norm, or the parts of the batch with theirs.
          backward: derivative of the activations in the backward pass.

        Returns:
          float32 [B, num_classes].
        """
        mode = Mode(training, branch, backward)
        features = self.stem(normalization.per_image(images))
        for unit in self.units:
            features = unit(features, mode=mode)
        features = self.head(features, mode=mode)
        return self.classifier(self.pool(features))


class NormAct(layers.Composite):
    """Batch norm, then the activation."""

    def __init__(self, config: WideResNet, *, name: str) -> None:
        """Declares the layer of a network."""
        super().__init__(name=name)
        self.norm = config.norm.layer(epsilon=1e-3, name="norm")
        self.activation = activations.layer(config.activation, name="activation")

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Returns the inputs' shape, normalised and rectified."""
        normalized = mode.normalized(self.norm, inputs)
        return self.activation(normalized, backward=mode.backward)


class Unit(layers.Composite):
    """A pre-activation residual unit of two 3x3 convolutions."""

    def __init__(
        self, config: WideResNet, filters: int, *, strides: int, first: bool, name: str
    ) -> None:
        """Declares the layers.

        Args:
          config: the network that the unit belongs to.
          filters: channels of the outputs.
          strides: of the first convolution and of the shortcut.
          first: whether the shortcut starts after the first activation, as in the
            network's first unit, or at the inputs, as in all others.
          name: name of the layer, unique in the network.
        """
        super().__init__(name=name)
        self.filters, self.strides, self.first = filters, strides, first
        self.norm_act1 = NormAct(config, name="norm_act1")
        self.conv1 = layers.convolution(filters, 3, strides=strides, name="conv1")
        self.norm_act2 = NormAct(config, name="norm_act2")
        self.conv2 = layers.convolution(filters, 3, name="conv2")

    def call(self, inputs: Any, mode: Mode = INFERENCE) -> Any:
        """Maps [B, H, W, C] to [B, H / strides, W / strides, filters]."""
        activated = self.norm_act1(inputs, mode=mode)
        residual = self.conv1(activated)
        residual = self.conv2(self.norm_act2(residual, mode=mode))
        return residual + self._shortcut(activated if self.first else inputs)

    def _shortcut(self, inputs: Any) -> Any:
        if self.strides > 1:
            # Like the convolutions, "same" rounds odd sizes up.
            inputs = ops.average_pool(
                inputs, self.strides, strides=self.strides, padding="same"
            )
        new = self.filters - inputs.shape[-1]
        if new == 0:
            return inputs
        return ops.pad(inputs, ((0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)))


def _units(config: WideResNet) -> list[Unit]:
    units_per_stage = (config.depth - 2) // 6
    return [
        Unit(
            config,
            base * config.width,
            strides=2 if stage > 1 and index == 1 else 1,
            first=stage == 1 and index == 1,
            name=f"stage{stage}_unit{index}",
        )
        for stage, base in enumerate(STAGE_WIDTHS, start=1)
        for index in range(1, units_per_stage + 1)
    ]
