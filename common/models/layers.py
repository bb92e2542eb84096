"""Layers that the networks share, with the initial weights of their papers' code."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
from keras import ops

from common import backend
from common.models import activations, batch_norm, plain


@dataclasses.dataclass(frozen=True)
class Mode:
    """How a network is called: what it hands down to the layers that it is made of.

    Attributes:
      training: batch norm uses the batch, and moves its statistics; a bool, or a bool
        scalar tensor.
      branch: of batch norm, or the parts of the batch with theirs.
      backward: derivative of the activations in the backward pass.
    """

    training: Any = False
    branch: batch_norm.Branch = "clean"
    backward: str = activations.OWN

    def normalized(self, norm: Any, features: Any) -> Any:
        """Returns features through a normaliser, one of `common.models.norms`."""
        return norm(features, training=self.training, branch=self.branch)


INFERENCE = Mode()


class Composite(plain.Inner):
    """A layer made of others, which create their weights when they are first called.

    It is called as `layer(inputs, mode=mode)`, by name since Keras takes tensors alone
    without one.
    """

    def build(self, input_shape: Any) -> None:
        """Creates nothing; Keras's would trace all layers inside, at every depth."""


class Activation(plain.Inner):
    """An activation whose derivative may be another function's, pass by pass."""

    def __init__(self, activation: str, *, name: str) -> None:
        """Declares the layer; see `activations.layer`."""
        super().__init__(name=name)
        activations.check(activation)
        self.activation = activation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the parameter if it is learned: a float32 scalar, without decay."""
        if self.activation in activations.LEARNED:
            _, start = activations.LEARNED[self.activation]
            self.parameter = self.add_weight(
                shape=(),
                name="parameter",
                initializer=keras.initializers.Constant(start),
                dtype="float32",
                autocast=False,
            )

    def call(self, inputs: Any, backward: str = activations.OWN) -> Any:
        """Returns the activations.

        Args:
          inputs: float [...].
          backward: fixed when a step is traced. `own`, or `smooth`: the derivative in
            this pass is that of Parametric Softplus at alpha = 10, which only ReLU has.

        Raises:
          ValueError: a derivative that there is not.
        """
        activations.check_backward(backward)
        if backward == activations.SMOOTH:
            if self.activation != "relu":
                raise ValueError(
                    "Only activation=relu has a smooth derivative in its place. "
                    f"Received: activation={self.activation}"
                )
            return activations.relu_with_smooth_gradient(inputs)
        if self.activation in activations.LEARNED:
            function, _ = activations.LEARNED[self.activation]
            return function(inputs, ops.convert_to_tensor(self.parameter))
        return activations.get(self.activation)(inputs)

    def of_keras(self, inputs: Any, backward: str = activations.OWN) -> Any:
        """Returns the activations, by operations that know a learned parameter."""
        if self.activation in activations.LEARNED:
            function, _ = activations.LEARNED[self.activation]
            return function(inputs, float(self.parameter))
        return self.call(inputs, backward)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Returns the input's shape."""
        return input_shape


def convolution(
    filters: int,
    kernel_size: int,
    *,
    strides: int = 1,
    groups: int = 1,
    padding: str = "same",
    use_bias: bool = False,
    name: str,
    **fields: Any,
) -> keras.layers.Conv2D:
    """Returns a convolution whose kernel is normal of variance 2 / (k * k * filters).

    Args:
      filters: output channels.
      kernel_size: height and width.
      strides: in both directions.
      groups: of the channels.
      padding: "same" or "valid".
      use_bias: whether there is one, which begins at 0.
      name: unique in its parent.
      **fields: further ones of the Keras layer.
    """
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        groups=groups,
        padding=padding,
        use_bias=use_bias,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
        **fields,
    )


def classifier(
    num_classes: int, kernel_initializer: Any, bias_initializer: Any = "zeros"
) -> keras.layers.Dense:
    """Returns the last layer: float32 logits whatever the policy of the others."""
    return keras.layers.Dense(
        num_classes,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        dtype="float32",
        name="classifier",
    )


def uniform(scale: float) -> keras.initializers.Initializer:
    """Returns what makes kernels uniform within sqrt(3 * scale / inputs)."""
    return keras.initializers.VarianceScaling(
        scale, mode="fan_in", distribution="uniform"
    )


def mean_pool() -> keras.layers.GlobalAveragePooling2D:
    """Returns the mean over all places, in float32 as the classifier after it."""
    return keras.layers.GlobalAveragePooling2D(dtype="float32", name="pool")


def check_layout() -> None:
    """Refuses the other layout, in which layers without one of their own would be.

    Raises:
      ValueError: names the setting of Keras.
    """
    layout = keras.config.image_data_format()
    if layout != "channels_last":
        raise ValueError(
            "The networks take images of channels last: set image_data_format in "
            f"keras.json. Received: image_data_format={layout}"
        )


def built(network: keras.Model, image_size: int, channels: int) -> keras.Model:
    """Returns the network after one call, which creates its weights."""
    check_layout()
    images = ops.zeros((1, image_size, image_size, channels))
    mode = {"branch": network.branches[0]} if hasattr(network, "branches") else {}
    network(images, **mode)
    return network


def dropped_out(features: Any, rate: float, seed: Any, keys: Any) -> Any:
    """Sets features to 0 with probability `rate`; divides the others by 1 - rate.

    Args:
      features: float32 [B, ...].
      rate: share of the features to lose.
      seed: int or int64 tensor.
      keys: int64 [B], as `backend.example_keys` returns; row b is decided on by the
        seed and its key alone.

    Returns:
      The features' shape.
    """
    kept = backend.uniform(features.shape, seed, keys=keys) >= rate
    return ops.where(kept, features / (1.0 - rate), 0.0)
