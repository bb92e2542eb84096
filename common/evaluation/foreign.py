"""Networks and photographs from elsewhere, for attacks without training.

A classifier is named by one string:

    [NETWORK:]FILE[?OPTION=VALUE[&OPTION=VALUE...]]

With NETWORK, a function of `keras.applications`, FILE holds its weights; without, FILE
is a saved model (`.keras` or `.h5`). Options:

    name=...        under which it is recorded; NETWORK or the file's name by default
    image_size=...  side of its input in pixels, where it does not have one
    pixels=...      a saved model takes pixels in [0, 255] (`raw`), [0, 1] (`unit`) or
                    [-1, 1] (`tf`); has to be said. Of NETWORK, Keras knows it.

and with NETWORK the numbers that the function takes, such as alpha. For example
`MobileNet:w.weights.h5?alpha=0.75&image_size=192` and `robust.keras?pixels=unit`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import inspect
import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from common import recipe as recipes

_PIXELS: dict[str, Callable[[Any], Any]] = {
    "raw": lambda images: images,
    "unit": lambda images: images / 255.0,
    "tf": lambda images: images / 127.5 - 1.0,
}


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A network that somebody else trained.

    Attributes:
      name: under which it is recorded.
      logits_fn: images [B, H, W, C] in [0, 255] of any size -> logits float32 [B, K].
      image_size: side of the network's input, to which `logits_fn` resizes.
      num_classes: K.
      record: what it is, as JSON values: the string without folders, and the SHA-256 of
        the file.
    """

    name: str
    logits_fn: Callable[[Any], Any]
    image_size: int
    num_classes: int
    record: dict[str, Any]


def classifier(spec: str) -> Classifier:
    """Loads a classifier; it answers in inference mode and with logits.

    A softmax at its end is taken off. Images of another size than its input are resized
    bilinearly, through which attacks differentiate.

    Args:
      spec: as above.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: what the string says is unknown or does not fit the file.
    """
    network_name, file, options = _parse(spec)
    if not file.is_file():
        raise FileNotFoundError(
            f"Expected a file of weights or a saved model. Received: {file}"
        )
    default_name = network_name or file.name.partition(".")[0]
    name = str(options.pop("name", default_name))
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"name must do as the name of a folder. Received: name={name}")
    load = _application if network_name else _saved
    try:
        network, preprocess = load(network_name, file, options)
        image_size, num_classes = _sizes(network, options)
    except (TypeError, ValueError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"Cannot load classifier={spec}: {reason}") from error
    return Classifier(
        name,
        _logits_fn(network, preprocess, image_size),
        image_size,
        num_classes,
        {
            "name": name,
            "spec": _without_folders(spec, network_name, file),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        },
    )


def _parse(spec: str) -> tuple[str, pathlib.Path, dict[str, Any]]:
    """Returns NETWORK or the empty string, FILE and the options."""
    place, _, query = spec.partition("?")
    network, _, file = place.rpartition(":")
    if not network.isidentifier():  # no colon, or one of the path
        network, file = "", place
    options = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"Expected OPTION=VALUE after ?. Received: {part}")
        options[key] = _value(value)
    return network, pathlib.Path(file).expanduser(), options


def _without_folders(spec: str, network: str, file: pathlib.Path) -> str:
    _, mark, query = spec.partition("?")
    return f"{network}:{file.name}{mark}{query}".removeprefix(":")


def _value(text: str) -> int | float | str:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _application(
    name: str, file: pathlib.Path, options: dict[str, Any]
) -> tuple[keras.Model, Callable[[Any], Any]]:
    """Returns a network of Keras with its weights, and its own mapping of pixels."""
    functions = dict(inspect.getmembers(keras.applications, inspect.isfunction))
    build = recipes.lookup(functions, name, "network of keras.applications")
    if "image_size" in options:
        size = options.pop("image_size")
        options["input_shape"] = (size, size, 3)
    network = build(weights=str(file), classifier_activation=None, **options)
    # Keras keeps that mapping in the module of the network.
    return network, importlib.import_module(build.__module__).preprocess_input


def _saved(
    _: str, file: pathlib.Path, options: dict[str, Any]
) -> tuple[keras.Model, Callable[[Any], Any]]:
    """Returns a saved model without its softmax, and the mapping of pixels."""
    unknown = sorted(set(options) - {"image_size", "pixels"})
    if unknown:
        raise ValueError(f"A saved model has no option {unknown[0]}")
    if options.get("pixels") not in _PIXELS:
        raise ValueError(f"Say what it takes: pixels= one of {', '.join(_PIXELS)}")
    if file.name.endswith(".weights.h5"):
        raise ValueError("It holds weights alone; say NETWORK:FILE")
    network = keras.saving.load_model(file, compile=False)
    return _without_softmax(network), _PIXELS[options["pixels"]]


def _without_softmax(network: keras.Model) -> keras.Model:
    last = network.layers[-1]
    if isinstance(last, keras.layers.Softmax):
        return keras.Model(network.inputs, last.input)
    while isinstance(last, keras.Model):
        last = last.layers[-1]
    if getattr(last, "activation", None) is keras.activations.softmax:
        last.activation = keras.activations.linear
    return network


def _sizes(network: keras.Model, options: dict[str, Any]) -> tuple[int, int]:
    """Returns the side of the input and the number of classes."""
    inputs, outputs = network.input_shape, network.output_shape
    if len(inputs) != 4 or len(outputs) != 2 or inputs[1] != inputs[2]:
        raise ValueError(
            "Expected square images [B, S, S, C] in and logits [B, K] out, not "
            f"{inputs} and {outputs}"
        )
    size = options.get("image_size", inputs[1])
    if size is None or inputs[1] not in (None, size):
        raise ValueError(f"Its input is {inputs}; image_size={size} does not fit")
    return size, outputs[1]


def _logits_fn(
    network: keras.Model, preprocess: Callable[[Any], Any], image_size: int
) -> Callable[[Any], Any]:
    def logits_fn(images: Any) -> Any:
        images = ops.convert_to_tensor(images, "float32")
        if images.shape[1:3] != (image_size, image_size):
            # Without antialiasing, which XLA does not compile.
            images = ops.image.resize(images, (image_size, image_size))
        return ops.cast(network(preprocess(images), training=False), "float32")

    return logits_fn
