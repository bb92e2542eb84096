"""Layers of the suite that take the place of Keras's in a network from elsewhere.

They do what Keras's do, and what training here asks for beside: batch norm has branches
and one set of statistics for all replicas, and noise follows from the seed of the
update and from each image. Functional models hand nothing but `training` down to their
layers; so a network says what its call is about with `during`, and these layers look
there.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
from keras import ops

from common import backend
from common.foreign import saved
from common.models import activations, layers, norms


@dataclasses.dataclass(frozen=True)
class Pass:
    """What a call of a network is about.

    Attributes:
      mode: training or inference, branch of batch norm, backward pass.
      seed: of what is drawn; None where nothing is.
      keys: of the images, as `backend.example_keys` returns them.
    """

    mode: layers.Mode = layers.INFERENCE
    seed: Any = None
    keys: Any = None


# Replicas are traced in threads, of which each has its own.
_PASS = contextvars.ContextVar("_PASS", default=Pass())  # noqa: B039, which is frozen


@contextlib.contextmanager
def during(current: Pass) -> Iterator[None]:
    """Tells the layers that are called inside what the call is about."""
    token = _PASS.set(current)
    try:
        yield
    finally:
        _PASS.reset(token)


def relu(inputs: Any) -> Any:
    """ReLU, whose derivative is the one that the pass asks for."""
    if _PASS.get().mode.backward == activations.SMOOTH:
        return activations.relu_with_smooth_gradient(inputs)
    return ops.relu(inputs)


class Norm(keras.layers.Layer):
    """Batch norm with the numbers of a layer of Keras.

    Freezing does what it does in Keras: a frozen layer is one of inference always.
    """

    def __init__(
        self, layer: keras.layers.BatchNormalization, norm: norms.Batch, *, name: str
    ) -> None:
        """Declares the layer.

        Args:
          layer: whose place it takes.
          norm: its branches.
          name: unique in the network.
        """
        super().__init__(name=name)
        self.axis, self.is_frozen = layer.axis, not layer.trainable
        if layer.synchronized:
            norm = dataclasses.replace(norm, synchronized=True)
        self.norm = norm.layer(
            epsilon=layer.epsilon, momentum=layer.momentum, name="norm"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the variables of every branch."""
        self.norm.build((input_shape[self.axis],))

    def call(self, inputs: Any, mask: Any = None, training: Any = None) -> Any:
        """Normalises [B, ...] by the batch or by the moving statistics.

        Args:
          inputs: float [B, ...].
          mask: not used, as the next: models have them in their calls of this layer.
          training: not used; the pass has the mode.
        """
        del mask, training
        mode = _PASS.get().mode
        if self.is_frozen:
            mode = dataclasses.replace(mode, training=False)
        last = len(inputs.shape) - 1
        axis = self.axis % (last + 1)
        if axis == last:
            return mode.normalized(self.norm, inputs)
        moved = mode.normalized(self.norm, ops.moveaxis(inputs, axis, last))
        return ops.moveaxis(moved, last, axis)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Returns the input's shape."""
        return input_shape

    def of_branch(self, branch: str) -> dict[str, Any]:
        """Returns the variables of a branch by the names that Keras has for them."""
        own = {v.name: v for v in self.norm.variables}
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {name: own.get(f"{name}_{branch}", own.get(name)) for name in names}

    def take(self, layer: keras.layers.BatchNormalization) -> None:
        """Takes the values of a layer of Keras in every branch.

        A factor or an offset that the layer does not have stays 1 or 0.
        """
        for variable in self.norm.variables:
            variable.trainable = False
        for theirs, ours in self.pairs(layer):
            ours.assign(saved.copied(theirs))

    def pairs(
        self, layer: keras.layers.BatchNormalization
    ) -> Iterator[tuple[Any, Any]]:
        """Yields each variable of a layer of Keras with those of the branches."""
        for branch in self.norm.branches:
            ours = self.of_branch(branch)
            yield from ((theirs, ours[theirs.name]) for theirs in layer.weights)

    def give(self, layer: keras.layers.BatchNormalization, branch: str) -> None:
        """Gives a layer of Keras the values of a branch."""
        ours = self.of_branch(branch)
        for variable in layer.weights:
            variable.assign(saved.copied(ours[variable.name]))


class Noise(keras.layers.Layer):
    """Dropout or noise of a layer of Keras, drawn by the seed of the pass."""

    def __init__(self, layer: keras.layers.Layer, *, stream: int, name: str) -> None:
        """Declares the layer.

        Args:
          layer: one of `draws`.
          stream: tells its draws from those of other layers.
          name: unique in the network.
        """
        super().__init__(name=name)
        kind = type(layer).__name__
        self.law, self.stream = _LAWS[kind], stream
        self.strength = getattr(layer, self.law.strength)
        self.shape_of = _shape_of(layer)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Returns [B, ...] with noise in training, and as it is in inference.

        Args:
          inputs: float [B, ...].
          training: not used; the pass has the mode.

        Raises:
          ValueError: training without a seed, or of inputs that are not one for each
            image.
        """
        current = _PASS.get()
        training = current.mode.training  # in place of the argument
        if training is False or not self.strength:
            return inputs
        if current.seed is None or inputs.shape[0] != current.keys.shape[0]:
            raise ValueError(
                f"{self.path} draws for every image of a batch when it trains, so it "
                "needs a seed and one input for each. "
                f"Received: seed={current.seed}, shape={tuple(inputs.shape)}"
            )
        noise = self.law.draw(
            self.shape_of(inputs.shape),
            backend.fold(current.seed, self.stream),
            keys=current.keys,
        )
        noisy = self.law.apply(inputs, noise, self.strength)
        return noisy if training is True else ops.where(training, noisy, inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Returns the input's shape."""
        return input_shape


def draws(layer: Any) -> bool:
    """Whether `Noise` takes the place of a layer."""
    kind = type(layer)
    return kind.__module__.startswith("keras.") and kind.__name__ in _LAWS


class Still(keras.layers.Layer):
    """A layer that works as in inference always: one that draws by seeds of Keras."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        """Wraps the layer."""
        super().__init__(name=f"{layer.name}_still")
        self.layer = layer

    def build(self, *shapes: Any) -> None:
        """Leaves that to the layer inside."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer in inference mode."""
        return self.layer(*args, **{**kwargs, "training": False})


@dataclasses.dataclass(frozen=True)
class _Law:
    """What a layer of Keras does in training.

    Attributes:
      draw: of `common.backend`.
      apply: (inputs, draws, strength) -> noisy inputs.
      strength: the layer's attribute that says how strong it is.
    """

    draw: Callable[..., Any]
    apply: Callable[[Any, Any, float], Any]
    strength: str = "rate"


def _dropped(inputs: Any, draws: Any, rate: float) -> Any:
    return ops.where(draws >= rate, inputs / (1.0 - rate), 0.0)


def _alpha_dropped(inputs: Any, draws: Any, rate: float) -> Any:
    """Dropout to the lower end of SELU, which keeps mean and variance."""
    low = -1.7580993408473766
    scale = ((1.0 - rate) * (1.0 + rate * low**2)) ** -0.5
    return scale * (ops.where(draws >= rate, inputs, low) - low * rate)


def _multiplied(inputs: Any, draws: Any, rate: float) -> Any:
    return inputs * (1.0 + math.sqrt(rate / (1.0 - rate)) * draws)


def _added(inputs: Any, draws: Any, stddev: float) -> Any:
    return inputs + stddev * draws


_DROPOUT = _Law(backend.uniform, _dropped)
_LAWS = {
    "AlphaDropout": _Law(backend.uniform, _alpha_dropped),
    "Dropout": _DROPOUT,
    "GaussianDropout": _Law(backend.normal, _multiplied),
    "GaussianNoise": _Law(backend.normal, _added, "stddev"),
    "SpatialDropout1D": _DROPOUT,
    "SpatialDropout2D": _DROPOUT,
    "SpatialDropout3D": _DROPOUT,
    # Of ConvNeXt in keras.applications.
    "StochasticDepth": _Law(backend.uniform, _dropped, "drop_path_rate"),
}


def _shape_of(layer: keras.layers.Layer) -> Callable[[Sequence[int]], tuple[int, ...]]:
    """Returns the function from the shape of the inputs to that of the draws."""
    kind = type(layer).__name__
    wanted = getattr(layer, "noise_shape", None)
    channel = 1 if getattr(layer, "data_format", "") == "channels_first" else -1

    def shape(inputs: Sequence[int]) -> tuple[int, ...]:
        ones = [1] * (len(inputs) - 1)
        if kind == "StochasticDepth":
            return (inputs[0], *ones)
        if kind.startswith("Spatial"):
            found = [inputs[0], *ones]
            found[channel] = inputs[channel]
            return tuple(found)
        sizes = zip(wanted or inputs, inputs, strict=True)
        return tuple(own if size is None else size for size, own in sizes)

    return shape
