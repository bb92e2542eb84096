"""The maxout network: dense layers that take the largest of several linear pieces.

Every unit of a hidden layer is the maximum of its pieces, each with weights of its own.
The network sees an image as a list of pixels in [0, 1], so that any fixed order of them
would do as well. Inputs and hidden units are dropped out in training, and the weights
that come into a piece or a logit keep their norm below a bound: a constraint of the
variable, which the optimizer applies after every update.

Source: Goodfellow 2013 (maxout networks), and its code for MNIST.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from common import backend
from common.models import layers
from common.models.architectures import Maxout

_FIRST_WEIGHTS = 0.005  # uniform within it: Goodfellow 2013, its code


def build(
    config: Maxout, num_classes: int, image_size: int, channels: int
) -> keras.Model:
    """Returns the network with its weights created; see `Architecture.build`."""
    return layers.built(Network(config, num_classes), image_size, channels)


class Network(keras.Model):
    """The `keras.Model` that a `Maxout` describes.

    Attributes:
      branches: names that a call may choose from.
      draws: whether training needs a seed.
    """

    def __init__(self, config: Maxout, num_classes: int) -> None:
        """Declares the layers."""
        # No autocast: pixels would lose their last bits before they are scaled.
        super().__init__(name="maxout", autocast=False)
        self.branches = ("clean",)
        self.pieces = config.pieces
        self.rates = (config.input_dropout, config.dropout, config.dropout)
        self.draws = any(self.rates)
        width = config.units * config.pieces
        self.hidden = [_dense(config, width, name=f"hidden{i}") for i in (1, 2)]
        self.classifier = _dense(
            config, num_classes, name="classifier", dtype="float32"
        )

    def call(
        self,
        images: Any,
        training: bool = False,
        branch: str = "clean",
        seed: Any = None,
    ) -> Any:
        """Returns the logits of images.

        Args:
          images: float32 [B, H, W, C], pixels in [0, 255].
          training: pixels and units are dropped out.
          branch: of no use: there is no batch norm.
          seed: int or int64 tensor that decides on what is dropped. An image loses the
            same in whatever batch it comes.

        Returns:
          float32 [B, num_classes].

        Raises:
          ValueError: training with dropout, but no seed.
        """
        drops = training and self.draws
        if drops and seed is None:
            raise ValueError(
                f"{self.name} drops out units when it trains, so it needs a seed. "
                f"Received: seed={seed}"
            )
        images = ops.cast(images, "float32")
        keys = backend.example_keys(images) if drops else None

        def dropped(features: Any, place: int) -> Any:
            if not drops:
                return features
            own_seed = backend.fold(seed, place)
            return layers.dropped_out(features, self.rates[place], own_seed, keys)

        features = ops.reshape(images / 255.0, (-1, math.prod(images.shape[1:])))
        for place, layer in enumerate(self.hidden):
            features = largest(layer(dropped(features, place)), self.pieces)
        return self.classifier(dropped(features, len(self.hidden)))

    def heads(self, images: Any, **mode: Any) -> tuple[Any, ...]:
        """Returns the logits alone, arguments as for `call`: it has no other head."""
        return (self(images, **mode),)


def largest(features: Any, pieces: int) -> Any:
    """Returns [B, units], the largest of each unit's pieces.

    Args:
      features: [B, pieces * units]: the first piece of all units, then the second, ...
      pieces: of a unit.
    """
    units = features.shape[-1] // pieces
    return ops.max(ops.reshape(features, (-1, pieces, units)), axis=1)


def _dense(config: Maxout, width: int, **fields: Any) -> keras.layers.Dense:
    """Returns a dense layer whose incoming weights are bounded."""
    return keras.layers.Dense(
        width,
        kernel_initializer=keras.initializers.RandomUniform(
            -_FIRST_WEIGHTS, _FIRST_WEIGHTS
        ),
        kernel_constraint=keras.constraints.MaxNorm(config.max_norm, axis=0),
        **fields,
    )
