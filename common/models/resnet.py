"""Residual networks for ImageNet, as torchvision has them.

A `ResNet` is a value that builds a `Network`: normalisation of the images, a stem, four
stages of residual blocks and a classifier on the spatial mean. What the blocks are made
of is in `common.models.residual`; another depth is another row of
`architectures.DEPTHS`.

The stages of depths 18 to 152 are published in Table 1 of He 2016, those of 200 in the
sequel, He 2016b. For 338, 518 and 638 Xie 2020 gives the depth alone, that is (depth -
2) / 3 bottleneck blocks. How they are divided is ours: 3 in the first and last stage
and 2 : 3 between the middle ones, as nearly as it goes, like depth 200. The paper's
FLOPs agree with any division, since a block costs as much in one stage as in another.

Source: He 2016, with the stride in the 3x3 convolution ("version 1.5").
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from common.models import (
    activations,
    batch_norm,
    denoising,
    layers,
    normalization,
    residual,
)
from common.models.architectures import ResNet

LARGE_IMAGE = 64  # from this size on the stem reduces four times, as for ImageNet


def build(
    config: ResNet, num_classes: int, image_size: int, channels: int
) -> keras.Model:
    """Returns the network with its weights created; see `Architecture.build`.

    Raises:
      ValueError: `imagenet` normalisation of images without 3 channels.
    """
    normalization.check("ResNet", config.normalization, channels)
    network = Network(config, num_classes, large=image_size >= LARGE_IMAGE)
    return layers.built(network, image_size, channels)


class Network(keras.Model):
    """The `keras.Model` that a `ResNet` describes.

    Attributes:
      branches: names that a call may choose from.
    """

    def __init__(self, config: ResNet, num_classes: int, *, large: bool) -> None:
        """Declares the layers.

        Args:
          config: what to build.
          num_classes: number of logits.
          large: whether the stem reduces the images four times.
        """
        # No autocast: pixels would lose their last bits before standardisation.
        super().__init__(name="resnet", autocast=False)
        self.branches = config.norm.branches
        self.normalize = normalization.INPUTS[config.normalization]
        self.activation = activations.layer(config.activation, name="activation")
        size = (7, 2) if large else (3, 1)
        stem = residual.Convolution(residual.STAGE_WIDTHS[0], *size)
        self.large = large
        self.stem = residual.ConvNorm(stem, config.norm, name="stem")
        self.blocks = _blocks(config)
        self.pool = layers.mean_pool()
        self.classifier = _classifier(config, num_classes, self.blocks[-1].filters)

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
        mode = layers.Mode(training, branch, backward)
        features = self.stem(self.normalize(images), mode=mode)
        features = self.activation(features, backward=backward)
        if self.large:
            features = residual.padded(features, 3, -float("inf"))
            features = ops.max_pool(features, 3, strides=2)
        for block in self.blocks:
            features = block(features, mode=mode)
        return self.classifier(self.pool(features))


def _blocks(config: ResNet) -> list[Any]:
    """Returns the layers between stem and classifier, in order."""
    path = residual.bottleneck if config.has_bottlenecks else residual.basic
    blocks: list[Any] = []
    filters = residual.STAGE_WIDTHS[0]  # of the stem
    stages = zip(residual.STAGE_WIDTHS, config.blocks, strict=True)
    for stage, (width, num_blocks) in enumerate(stages, start=1):
        for index in range(1, num_blocks + 1):
            strides = 2 if stage > 1 and index == 1 else 1
            convolutions = path(
                width, strides, groups=config.groups, group_width=config.group_width
            )
            block = residual.Block(
                convolutions,
                config.norm,
                config.activation,
                zero_gamma=config.zero_gamma,
                project=strides > 1 or convolutions[-1].filters != filters,
                name=f"stage{stage}_block{index}",
            )
            blocks.append(block)
            filters = block.filters
        if config.denoise:
            name = f"stage{stage}_denoise"
            blocks.append(denoising.Denoise(filters, config.norm, name=name))
    return blocks


def _classifier(config: ResNet, num_classes: int, inputs: int) -> keras.layers.Dense:
    if config.classifier_stddev:
        normal = keras.initializers.RandomNormal(stddev=config.classifier_stddev)
        return layers.classifier(num_classes, normal)
    # Kernel and bias uniform within 1 / sqrt(inputs), as PyTorch's linear layer.
    bound = inputs**-0.5
    biases = keras.initializers.RandomUniform(-bound, bound)
    return layers.classifier(num_classes, layers.uniform(1 / 3), biases)
