"""EfficientNets: one network, made wider, deeper and higher in resolution together.

An `EfficientNet` is a value that builds a `Network`: normalisation of the images, a
stem, seven stages of blocks, a head and a classifier on the spatial mean. The blocks
are in `common.models.mbconv`; `EfficientNet.named` has the published sizes.

Training draws, and asks for a seed: dropout sets pooled features to 0, and stochastic
depth skips the residual paths of blocks, the later the more. What an image loses
follows from the seed and its own pixels.

Source: Tan and Le 2019, and the code of its authors; L1 is in that of Xie 2020 (smooth
adversarial training).
"""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
from keras import ops

from common import backend
from common.models import activations, batch_norm, layers, mbconv, normalization
from common.models.architectures import EfficientNet

STEM_WIDTH, HEAD_WIDTH = 32, 1280
LARGE_IMAGE = 64  # above this size the stem reduces twice, as for ImageNet
_BUILD_SIZE = 32  # no weight depends on the image size, and small images are quick


_STAGES = (  # blocks, kernel size, strides of the first block, expansion, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def build(
    config: EfficientNet, num_classes: int, image_size: int, channels: int
) -> keras.Model:
    """Returns the network with its weights created; see `Architecture.build`.

    Raises:
      ValueError: `imagenet` normalisation of images without 3 channels.
    """
    normalization.check("EfficientNet", config.normalization, channels)
    network = Network(config, num_classes, large=image_size > LARGE_IMAGE)
    return layers.built(network, _BUILD_SIZE, channels)


class Network(keras.Model):
    """The `keras.Model` that an `EfficientNet` describes.

    Attributes:
      branches: names that a call may choose from.
      draws: whether training needs a seed.
    """

    def __init__(self, config: EfficientNet, num_classes: int, *, large: bool) -> None:
        """Declares the layers.

        Args:
          config: what to build.
          num_classes: number of logits.
          large: whether the stem reduces the images twice.
        """
        # No autocast: pixels would lose their last bits before normalisation.
        super().__init__(name="efficientnet", autocast=False)
        self.branches = config.norm.branches
        self.draws = config.dropout > 0 or config.survival < 1
        self.normalize = normalization.INPUTS[config.normalization]
        norm = functools.partial(
            config.norm.layer, epsilon=config.epsilon, momentum=config.momentum
        )
        stem = layers.convolution(
            config.filters(STEM_WIDTH), 3, strides=2 if large else 1, name="conv"
        )
        self.stem = mbconv.ConvNorm(stem, norm, config.activation, name="stem")
        self.blocks = [
            mbconv.MBConv(form, norm, config.activation, name=name)
            for name, form in _forms(config).items()
        ]
        width = config.filters(HEAD_WIDTH)
        head = layers.convolution(width, 1, name="conv")
        self.head = mbconv.ConvNorm(head, norm, config.activation, name="head")
        num_blocks = len(self.blocks)
        rates = (1.0 - config.survival) * np.arange(num_blocks) / num_blocks
        self.path_rates = rates.astype("float32")
        self.feature_rates = np.full(width, config.dropout, "float32")
        self.pool = layers.mean_pool()
        # Kernels uniform within 1 / sqrt(num_classes), as in the authors' code.
        self.classifier = layers.classifier(
            num_classes, layers.uniform(width / num_classes / 3)
        )

    def call(
        self,
        images: Any,
        training: Any = False,
        branch: batch_norm.Branch = "clean",
        backward: str = activations.OWN,
        *,
        seed: Any = None,
    ) -> Any:
        """Returns the logits of images.

        Args:
          images: float32 [B, H, W, C], pixels in [0, 255].
          training: batch norm uses the batch, and moves its statistics; features and
            blocks are dropped. A bool, or a bool scalar tensor.
          branch: of batch norm, or the parts of the batch with theirs.
          backward: derivative of the activations in the backward pass.
          seed: int or int64 tensor that decides on what is dropped. An image loses the
            same in whatever batch it comes.

        Returns:
          float32 [B, num_classes].

        Raises:
          ValueError: training with dropout or stochastic depth, but no seed.
        """
        mode = layers.Mode(training, branch, backward)
        of_paths, of_features = self._factors(images, training, seed)
        features = self.stem(self.normalize(images), mode=mode)
        for block, factors in zip(self.blocks, of_paths, strict=True):
            features = block(features, mode=mode, factors=factors)
        pooled = self.pool(self.head(features, mode=mode))
        return self.classifier(pooled * of_features)

    def _factors(self, images: Any, training: Any, seed: Any) -> tuple[list[Any], Any]:
        """Returns the factors of the blocks' residual paths, and of the features."""
        if training is False or not self.draws:
            return [None] * len(self.blocks), 1.0
        if seed is None:
            raise ValueError(
                "efficientnet drops features and blocks when it trains, so it needs a "
                f"seed. Received: seed={seed}"
            )
        keys = backend.example_keys(images)
        of_paths, of_features = (
            _kept(rates, backend.fold(seed, stream), keys)
            for stream, rates in enumerate((self.path_rates, self.feature_rates))
        )
        if training is not True:
            of_paths = ops.where(training, of_paths, 1.0)
            of_features = ops.where(training, of_features, 1.0)
        return ops.unstack(of_paths, axis=1), of_features


def _kept(rates: np.ndarray, seed: Any, keys: Any) -> Any:
    """Returns float32 [B, N]: 0 with the probability rates[n], else 1 / (1 - rates[n]).

    Args:
      rates: float32 [N].
      seed: int or int64 tensor.
      keys: int64 [B], as `backend.example_keys` returns.
    """
    kept = backend.uniform((keys.shape[0], *rates.shape), seed, keys=keys) >= rates
    return ops.where(kept, 1.0 / (1.0 - rates), 0.0)


def _forms(config: EfficientNet) -> dict[str, mbconv.Form]:
    """Returns the names and forms of the blocks of all stages, in order."""
    forms = {}
    inputs = config.filters(STEM_WIDTH)
    for stage, (repeats, kernel, strides, expansion, base) in enumerate(_STAGES, 1):
        filters = config.filters(base)
        for index in range(1, config.repeats(repeats) + 1):
            forms[f"stage{stage}_block{index}"] = mbconv.Form(
                inputs=inputs,
                filters=filters,
                expansion=expansion,
                kernel_size=kernel,
                strides=strides if index == 1 else 1,
            )
            inputs = filters
    return forms
