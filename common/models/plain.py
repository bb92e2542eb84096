"""Networks of the suite as models of Keras alone, which load where it is not installed.

A network is called once with a symbolic image. Its own layers, all of them `Inner`,
leave layers and operations of Keras in their place: those that do the same in
inference.
"""

from __future__ import annotations

from typing import Any

import keras

from common.lazy import is_symbolic


class Inner(keras.layers.Layer):
    """A layer of the suite's own, inside a network."""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer; for a symbolic input, what takes its place."""
        if is_symbolic(inputs):
            return self.of_keras(inputs, *args, **kwargs)
        return super().__call__(inputs, *args, **kwargs)

    def of_keras(self, *args: Any, **kwargs: Any) -> Any:
        """Returns what layers and operations of Keras make of a symbolic input.

        By default it is `call`, where that consists of such layers and operations.
        """
        return self.call(*args, **kwargs)


def model(
    network: keras.Model, image_shape: tuple[int, int, int], branch: str
) -> keras.Model:
    """Returns a functional model that computes what a network does in inference.

    Args:
      network: of `common.models`.
      image_shape: height, width and channels of its images.
      branch: of batch norm.

    Returns:
      The model: pixels float32 [B, H, W, C] in [0, 255] -> logits [B, K].
    """
    layers = network._flatten_layers(include_self=False)
    names = {layer: layer.name for layer in layers}
    try:
        for layer in layers:  # a model's names must differ, those in a network need not
            layer.name = (layer.path or layer.name).replace("/", "_")
        images = keras.Input(image_shape, name="pixels")
        logits = network.call(images, branch=branch)
        shared = keras.Model(images, logits, name=network.name)
        made = keras.models.clone_model(shared)
    finally:
        for layer, name in names.items():
            layer.name = name
    for source, target in zip(shared.layers, made.layers, strict=True):
        target.set_weights(source.get_weights())
    return made
