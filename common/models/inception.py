"""The Inception networks, whatever their version: settings, and the network itself.

An `architectures.Inception` is the value that recipes hold. The modules of versions 3
and 4, and of the one with residual blocks, say of which layers, made of
`common.models.inception_cells`, the `Network` consists.

Images under 75 pixels, which ImageNet's stem and reductions would shrink to nothing,
get the small form of a network: its stem is one convolution, its reductions pad, and
its auxiliary head is cut to the grid.

Source: the code of TF-Slim, for Szegedy 2015 (version 3) and Szegedy 2016 (version 4,
Inception ResNet).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from common import backend
from common.models import inception_cells, layers
from common.models.architectures import LETTERS, Inception

LARGE_IMAGE = 75  # from this size on, ImageNet's form leaves a last grid of 1x1 or more


@dataclasses.dataclass(frozen=True)
class Parts:
    """The layers of a network, each called with a `Mode`.

    Attributes:
      trunk: from the scaled images to the middle grid's last block.
      top: from there to the last block.
      logits: on the pooled features of the last block.
      auxiliary: on the middle grid's last block.
    """

    trunk: list[Any]
    top: list[Any]
    logits: inception_cells.Chain
    auxiliary: inception_cells.AuxiliaryLogits


class Network(keras.Model):
    """The `keras.Model` that an `Inception` describes.

    Attributes:
      branches: names that a call may choose from.
      draws: whether training needs a seed.
    """

    def __init__(self, config: Inception, parts: Parts) -> None:
        """Takes over the layers of a network."""
        # No autocast: pixels would lose their last bits before they are scaled.
        super().__init__(name=config.module, autocast=False)
        self.branches = ("clean",)
        self.dropout = config.dropout
        self.draws = config.dropout > 0
        self.trunk, self.top = parts.trunk, parts.top
        self.logits = parts.logits
        self.auxiliary = parts.auxiliary if config.auxiliary else None

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Creates the weights of all layers, the auxiliary head's too."""
        self.heads(ops.zeros(input_shape))

    def call(
        self,
        images: Any,
        training: bool = False,
        branch: str = "clean",
        seed: Any = None,
    ) -> Any:
        """Returns the logits of images; spares the auxiliary head's work.

        Args:
          images: float32 [B, H, W, C], pixels in [0, 255].
          training: batch norm uses the batch, and moves its statistics; features are
            dropped out.
          branch: the branch of batch norm.
          seed: int or int64 tensor that decides on the dropped features. An image
            loses the same ones in whatever batch it comes.

        Returns:
          float32 [B, num_classes].

        Raises:
          ValueError: training with dropout, but no seed.
        """
        mode = layers.Mode(training, branch)
        return self._outputs(images, mode, seed, auxiliary=None)[0]

    def heads(
        self,
        images: Any,
        training: bool = False,
        branch: str = "clean",
        seed: Any = None,
    ) -> tuple[Any, ...]:
        """Returns the logits and the auxiliary logits; arguments as for `call`.

        Returns:
          Two float32 [B, num_classes], or one if there is no auxiliary head.

        Raises:
          ValueError: training with dropout, but no seed.
        """
        mode = layers.Mode(training, branch)
        return self._outputs(images, mode, seed, auxiliary=self.auxiliary)

    def _outputs(
        self, images: Any, mode: layers.Mode, seed: Any, *, auxiliary: Any
    ) -> tuple[Any, ...]:
        rate = self.dropout if mode.training else 0.0
        if rate and seed is None:
            raise ValueError(
                f"{self.name} drops out features when it trains, so it needs a seed. "
                f"Received: seed={seed}"
            )
        images = ops.cast(images, "float32")
        features = images * (2.0 / 255.0) - 1.0
        for layer in self.trunk:
            features = layer(features, mode=mode)
        outputs = () if auxiliary is None else (auxiliary(features, mode=mode),)
        for layer in self.top:
            features = layer(features, mode=mode)
        pooled = ops.mean(ops.cast(features, "float32"), axis=(1, 2), keepdims=True)
        if rate:
            pooled = layers.dropped_out(
                pooled, rate, seed, backend.example_keys(images)
            )
        return (self.logits(pooled), *outputs)


def build(
    config: Inception,
    num_classes: int,
    image_size: int,
    channels: int,
    *,
    parts: Callable[..., Parts],
) -> keras.Model:
    """Returns the network with its weights created; see `Architecture.build`.

    Args:
      config: the settings of the network.
      num_classes: number of logits.
      image_size: height and width of the images.
      channels: channels of the images.
      parts: (config, num_classes, large) -> the layers of this version; `large` says
        whether images get ImageNet's form of the network.

    Raises:
      ValueError: a stride of the small form's stem for large images.
    """
    layers.check_layout()
    large = image_size >= LARGE_IMAGE
    if large and config.stem_stride > 1:
        raise ValueError(
            f"{type(config).__name__}.stem_stride must be 1 for images of "
            f"{LARGE_IMAGE} pixels or more, whose stem has strides of its own. "
            f"Received: stem_stride={config.stem_stride}"
        )
    network = Network(config, parts(config, num_classes, large=large))
    network.build((1, image_size, image_size, channels))
    return network


def conv(config: Inception) -> inception_cells.Conv:
    """Returns what makes the convolutions of a network."""
    return functools.partial(
        inception_cells.ConvNorm,
        width=config.width,
        activation=config.activation,
        momentum=config.momentum,
        synchronized=config.synchronized,
    )


def stem(conv: inception_cells.Conv) -> list[Any]:
    """Returns the stem of version 3 and of Inception ResNet v2, for large images."""
    return [
        conv("Conv2d_1a_3x3", 32, 3, strides=2, padding="valid"),
        conv("Conv2d_2a_3x3", 32, 3, padding="valid"),
        conv("Conv2d_2b_3x3", 64, 3),
        inception_cells.MaxPool("valid", name="MaxPool_3a_3x3"),
        conv("Conv2d_3b_1x1", 80),
        conv("Conv2d_4a_3x3", 192, 3, padding="valid"),
        inception_cells.MaxPool("valid", name="MaxPool_5a_3x3"),
    ]


def small_stem(config: Inception) -> list[Any]:
    """Returns the stem of the small form: one convolution."""
    return [conv(config)("Conv2d_1a_3x3", 64, 3, strides=config.stem_stride)]


def grids(
    config: Inception, forms: tuple[tuple[Callable[..., Any], ...], ...]
) -> list[list[Any]]:
    """Returns the blocks of the three grids, Mixed_5b to 5z, 6b to 6z and 7b to 7z.

    Args:
      config: the network that they belong to.
      forms: for each grid slim's blocks in order, functions of `Conv` and a name.
    """
    return [
        [
            grid_forms[min(index, len(grid_forms) - 1)](
                conv(config), f"Mixed_{grid}{LETTERS[index]}"
            )
            for index in range(num_blocks)
        ]
        for grid, num_blocks, grid_forms in zip(
            (5, 6, 7), config.blocks, forms, strict=True
        )
    ]
