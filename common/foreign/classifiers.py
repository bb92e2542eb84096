"""Networks from elsewhere, for attacks without training.

A classifier is named by one string:

    [NETWORK:]FILE[?OPTION=VALUE[&OPTION=VALUE...]]

With NETWORK, a function of `keras.applications`, FILE holds its weights; without, FILE
is a saved model (`.keras` or `.h5`). Options:

    name=...        under which it is recorded; NETWORK or the file's name by default
    image_size=...  side of its input in pixels, or HEIGHTxWIDTH, where it has none
    pixels=...      a saved model takes pixels in [0, 255] (`raw`), [0, 1] (`unit`) or
                    [-1, 1] (`tf`); has to be said. Of NETWORK, Keras knows it.
    output=...      name or position of the output with the classes, of several
    background=...  `first` or `last`: that one is no class, and is dropped

and with NETWORK the numbers that the function takes, such as alpha. For example
`MobileNet:w.weights.h5?alpha=0.75&image_size=192` and `robust.keras?pixels=unit`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from common.evaluation import attackable
from common.foreign import heads, saved, specs

_OPTIONS = ("name", "image_size", "output", "background")
_PIXELS: dict[str, Callable[[Any], Any]] = {
    "raw": lambda images: images,
    "unit": lambda images: images / 255.0,
    "tf": lambda images: images / 127.5 - 1.0,
}
_KEPT = {"": slice(None), "first": slice(1, None), "last": slice(None, -1)}
_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue; ITU-R BT.601


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A network that somebody else trained.

    Attributes:
      name: under which it is recorded.
      logits_fn: images [B, H, W, 3] in [0, 255] of any size -> logits float32 [B, K].
      image_size: longer side of the network's input, to which `logits_fn` resizes.
      num_classes: K.
      record: what it is, as JSON values: the string without folders, the SHA-256 of the
        file, and `precision`, that of the file and that of the evaluation, where the
        file is not float32 throughout.
    """

    name: str
    logits_fn: Callable[[Any], Any]
    image_size: int
    num_classes: int
    record: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _Input:
    """The images that a network takes.

    Attributes:
      size: height and width.
      channels: 3, or 1 for gray ones.
      channels_first: whether they are [B, C, H, W].
    """

    size: tuple[int, int]
    channels: int
    channels_first: bool

    def __call__(self, images: Any, preprocess: Callable[[Any], Any]) -> Any:
        """Returns images of any size and three channels as the network takes them."""
        images = ops.convert_to_tensor(images, "float32")
        if tuple(images.shape[1:3]) != self.size:
            # Without antialiasing, which XLA does not compile.
            images = ops.image.resize(images, self.size, data_format="channels_last")
        if self.channels == 1 and images.shape[-1] == 3:
            luma = ops.convert_to_tensor(_LUMA, "float32")
            images = ops.sum(images * luma, axis=-1, keepdims=True)
        images = preprocess(images)
        return ops.transpose(images, (0, 3, 1, 2)) if self.channels_first else images


def classifier(spec: str) -> Classifier:
    """Loads a classifier; it answers in inference mode and with logits.

    A softmax at its end is taken off, see `heads`, and it computes in float32, see
    `saved`. Images of another size than its input are resized bilinearly, and made gray
    for a network of one channel; attacks differentiate through both.

    Args:
      spec: as above.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: what the string says is unknown or does not fit the file, or the file
        is damaged.
    """
    said = specs.parse(spec, _OPTIONS)
    name = said.name
    try:
        with saved.defaults(), warnings.catch_warnings(record=True) as doubts:
            logits_fn, taken, precision = _loaded(said)
            answer = np.asarray(logits_fn(_noise((4, *taken.size, 3))))
        if answer.ndim != 2 or answer.shape[1] < 2:
            raise ValueError(
                f"expected logits [B, K] out, not {answer.shape}, K at least 2"
            )
    except Exception as error:  # Keras raises every kind where a file does not fit
        reason = saved.reason(error)
        raise ValueError(f"Cannot load classifier={spec}: {reason}") from error
    for doubt in doubts:  # of a file that was refused there would be pages of them
        warnings.showwarning(
            doubt.message, doubt.category, doubt.filename, doubt.lineno
        )
    record: dict[str, Any] = {
        "name": name,
        "spec": said.without_folders,
        "sha256": hashlib.sha256(said.file.read_bytes()).hexdigest(),
    }
    if precision["file"] != saved.FLOAT32:
        record["precision"] = precision
    return Classifier(name, logits_fn, max(taken.size), answer.shape[1], record)


def _loaded(said: specs.Spec) -> tuple[Callable[[Any], Any], _Input, dict[str, str]]:
    """Returns images -> logits, the network's input, and its precisions."""
    background = said.options.get("background", "")
    if background not in _KEPT:
        raise ValueError(f"background is first or last, not {background}")
    saved.check_intact(said.file)
    network, preprocess = (_application if said.network else _saved)(said)
    taken = _input(network, said.options.get("image_size"))
    network, precision = saved.in_float32(
        network, taken(_noise((4, *taken.size, taken.channels)), _PIXELS["raw"])
    )
    answers = heads.answers(network, said.options.get("output"))

    def logits_fn(images: Any) -> Any:
        with saved.defaults():
            found = answers(taken(images, preprocess))
        return ops.cast(found, "float32")[:, _KEPT[background]]

    if background:  # without it, probabilities no longer sum to 1
        with_all = answers(taken(_noise((4, *taken.size, 3)), preprocess))
        attackable.check_logits(ops.cast(with_all, "float32"))
    return logits_fn, taken, precision


def _application(said: specs.Spec) -> tuple[keras.Model, Callable[[Any], Any]]:
    """Returns a network of Keras with its weights, and its own mapping of pixels."""
    build, arguments = specs.NETWORKS[said.network], said.arguments()
    if "image_size" in said.options:
        size = specs.image_size(said.options["image_size"])
        arguments["input_shape"] = (*size, 3)
    network = build(weights=str(said.file), classifier_activation=None, **arguments)
    # Keras keeps that mapping in the module of the network.
    preprocess = importlib.import_module(build.__module__).preprocess_input
    return network, lambda images: preprocess(images, data_format="channels_last")


def _saved(said: specs.Spec) -> tuple[keras.Model, Callable[[Any], Any]]:
    """Returns a saved model, and the mapping of pixels."""
    pixels = said.options.get("pixels")
    if pixels not in _PIXELS:
        raise ValueError(f"Say what it takes: pixels= one of {', '.join(_PIXELS)}")
    return saved.load(said.file), _PIXELS[pixels]


def _input(network: keras.Model, image_size: str | None) -> _Input:
    """Returns the images that a network takes, as its file or the option says."""
    if not network.built:
        raise ValueError("it was saved before it was built: call it once, and save it")
    shape = _input_shape(network)
    if len(shape) != 4:
        raise ValueError(
            f"expected images [B, H, W, C] or [B, C, H, W] in, not {shape}"
        )
    if (shape[1] in (1, 3)) != (shape[3] in (1, 3)):
        channels_first = shape[1] in (1, 3)
    else:  # what the shape leaves open, layers say
        layouts = {getattr(x, "data_format", None) for x in network._flatten_layers()}
        channels_first = "channels_first" in layouts
    channels = shape[1 if channels_first else 3]
    if channels not in (None, 1, 3):
        raise ValueError(f"expected images of 3 channels or of 1 in, not {shape}")
    sides = shape[2:] if channels_first else shape[1:3]
    height, width = sides if image_size is None else specs.image_size(image_size)
    if height is None or width is None:
        raise ValueError(f"its input is {shape}; say image_size=SIDE or HEIGHTxWIDTH")
    if any(a not in (None, b) for a, b in zip(sides, (height, width), strict=True)):
        raise ValueError(f"Its input is {shape}; image_size={image_size} does not fit")
    return _Input((height, width), channels or 3, channels_first)


def _input_shape(network: keras.Model) -> tuple[int | None, ...]:
    """Returns the shape of the one input; four times None where nothing says it."""
    inputs = getattr(network, "inputs", None)
    if inputs is None:  # code, which may have been built from a shape
        built_from = (network.get_build_config() or {}).get("input_shape")
        return tuple(built_from or (None, None, None, None))
    if len(inputs) != 1:
        names = ", ".join(tensor.name for tensor in inputs)
        raise ValueError(f"a classifier has one input, the images, not {names}")
    return tuple(inputs[0].shape)


def _noise(shape: tuple[int, ...]) -> np.ndarray:
    """Returns images of whole numbers in [0, 255], the same ones at every call."""
    noise = np.random.default_rng(0).integers(0, 256, shape)
    return noise.astype(np.float32)
