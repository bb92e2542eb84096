"""What a network from elsewhere answers: one of its outputs, as logits.

A softmax at the end is taken off. So is a sigmoid, which answers for each class by
itself; the order of the classes stays the same. "At the end" means that only layers
follow that move or cast numbers and change none. A softmax elsewhere is part of the
network, and stays. The loaded network is not changed: its layers may have other uses.

A single sigmoid is the probability of class 1, of two classes: its logits become
(0, z), whose softmax it is.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import keras

from common.names import unknown

_KERAS = "keras."  # beginning of the modules of its own classes
_MOVES = (
    *("ActivityRegularization", "AlphaDropout", "Cast", "Copy", "Dropout"),
    *("ExpandDims", "Flatten", "GaussianDropout", "GaussianNoise", "GetItem"),
    *("Identity", "Permute", "Ravel", "Reshape", "Squeeze", "Transpose"),
)
# Layers whose activation is the last thing that they do.
_ACTIVATED = (
    keras.layers.Activation,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
)
_SOFTMAXES = (keras.activations.softmax, keras.ops.softmax)
_SIGMOIDS = (keras.activations.sigmoid, keras.ops.sigmoid)
_LINEAR = keras.activations.linear


class Answers:
    """Its own images -> what a network answers, in inference mode."""

    def __init__(self, network: keras.Model, output: int | str | None) -> None:
        """Finds the output.

        Args:
          network: of one input.
          output: name or position of the one that is meant, where it has several.

        Raises:
          ValueError: `output` is not one of them, or they are several and it is None.
        """
        is_code = getattr(network, "outputs", None) is None
        self._network, self._output = network, output
        self._logits = None if is_code else logits(network, output)

    def __call__(self, images: Any) -> Any:
        """Returns what the network answers to images."""
        if self._logits is None:
            return called(self._network, images, self._output, training=False)
        return self._logits(images, training=False)

    def renew(self) -> None:
        """Gives a copy whose softmax was taken off the weights of the layer of now."""
        for layer in self._logits._flatten_layers() if self._logits else ():
            if (now := original(layer)) is not layer:
                layer.set_weights(now.get_weights())


def logits(network: keras.Model, output: int | str | None) -> keras.Model:
    """Returns the functional model of the answers, which shares the network's layers.

    The layer whose softmax was taken off is a new one, and `original` of it gives the
    network's.

    Args:
      network: functional or sequential.
      output: as for `Answers`.

    Raises:
      ValueError: as `Answers`.
    """
    tensor = network.outputs[_chosen(_names(network), output)]
    before = _before_softmax(tensor)
    if before is not None and before.shape[1:] == (1,):
        before = keras.ops.pad(before, ((0, 0), (1, 0)))
    return keras.Model(_inputs(network), tensor if before is None else before)


def original(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns the layer of the network that a layer of `logits` is, or stands for."""
    stands_for = getattr(layer, "stands_for", None)
    return layer if stands_for is None else stands_for()


def called(
    network: keras.Model, images: Any, output: int | str | None, *, training: bool
) -> Any:
    """Returns what a network that is code answers, which it says when it is called.

    Args:
      network: of one input.
      images: its own.
      output: as for `Answers`.
      training: the mode.
    """
    found = network(images, training=training)
    paths = [path for path, _ in keras.tree.flatten_with_path(found)]
    names = [".".join(map(str, path)) for path in paths]
    return keras.tree.flatten(found)[_chosen(names, output)]


def _names(network: keras.Model) -> list[str]:
    """Returns the names of the outputs: keys, or the layers that they are of."""
    structure = getattr(network, "output", network.outputs)
    return [
        ".".join(map(str, path))
        if any(isinstance(part, str) for part in path)
        else tensor._keras_history.operation.name
        for path, tensor in keras.tree.flatten_with_path(structure)
    ]


def _inputs(network: keras.Model) -> Any:
    """Returns the inputs in the structure in which the network is called."""
    return network.inputs[0] if len(network.inputs) == 1 else network.input


def _chosen(names: list[str], output: int | str | None) -> int:
    """Returns the position of the output that is meant."""
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    if output is None:
        if len(names) > 1:
            raise ValueError(
                f"It has {len(names)} outputs; say output= one of {listed}"
            )
        return 0
    output = str(output)
    if names.count(output) == 1:
        return names.index(output)
    if output.isdecimal() and int(output) < len(names):
        return int(output)
    raise ValueError(unknown(names, output, f"or ambiguous output of {listed}"))


def _before_softmax(tensor: Any) -> Any:
    """Returns the tensor without the softmax that it ends with; None if it has none."""
    operation, node_index, tensor_index = tensor._keras_history
    arguments = operation._inbound_nodes[node_index].arguments
    if not arguments.keras_tensors:
        return None
    if isinstance(operation, keras.Model) and hasattr(operation, "outputs"):
        logits = _before_softmax(operation.outputs[tensor_index])
        if logits is None:
            return None
        name = f"{operation.name}_logits"
        operation = keras.Model(_inputs(operation), logits, name=name)
        return operation(*arguments.args, **arguments.kwargs)
    before = arguments.keras_tensors[0]
    if _is_softmax(operation, before.shape):
        return before
    if _is_softmax(getattr(operation, "activation", None), tensor.shape) and (
        type(operation) in _ACTIVATED
    ):
        return _without_activation(operation)(*arguments.args, **arguments.kwargs)
    logits = _before_softmax(before) if _only_moves(operation) else None
    if logits is None:
        return None
    args, kwargs = arguments.fill_in({id(before): logits})
    return operation(*args, **kwargs)


def _is_softmax(function: Any, shape: Sequence[int | None]) -> bool:
    """Whether it is a softmax over all numbers of an example, or a sigmoid.

    Over a single number a softmax is 1 whatever the number, so that one is none.
    """
    kind = type(function)
    name = kind.__name__ if kind.__module__.startswith(_KERAS) else ""
    if function in _SIGMOIDS or name == "Sigmoid":
        return True
    if function not in _SOFTMAXES and name != "Softmax":
        return False
    axis = getattr(function, "axis", -1)
    if axis is None:
        return False
    axes = {a % len(shape) for a in ([axis] if isinstance(axis, int) else axis)}
    others = [size for a, size in enumerate(shape) if a > 0 and a not in axes]
    is_one = all(shape[a] == 1 for a in axes)
    return 0 not in axes and not is_one and all(size == 1 for size in others)


def _without_activation(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Returns a layer of the same weights with a linear activation."""
    # A name that Keras made up could be that of another layer of a loaded network.
    changes = {"activation": "linear", "name": f"{layer.name}_logits"}
    twin = type(layer).from_config({**layer.get_config(), **changes})
    if layer.weights:
        twin.build(layer.get_build_config()["input_shape"])
        twin.set_weights(layer.get_weights())
    twin.stands_for = weakref.ref(layer)  # a reference that Keras does not track
    return twin


def _only_moves(operation: Any) -> bool:
    """Whether it changes no number in inference mode, but its place or its type."""
    if not type(operation).__module__.startswith(_KERAS):
        return False
    if getattr(operation, "activation", None) is _LINEAR:
        return isinstance(operation, keras.layers.Activation)
    return type(operation).__name__ in _MOVES
