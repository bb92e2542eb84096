"""Networks as somebody else made them, and how images become their inputs.

A network is a Keras model, or a file that `common.foreign.specs` names. Images of the
suite have pixels in [0, 255] and channels last; those of a network may be others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import math
import os
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from common.foreign import saved, specs
from common.names import lookup

OPTIONS = ("name", "image_size", "output", "background", "frozen")
_FREEZABLE = {"batch_norm": keras.layers.BatchNormalization}
_KEPT = {"": slice(None), "first": slice(1, None), "last": slice(None, -1)}
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue; ITU-R BT.601


def _of_applications(mode: str) -> Callable[[Any], Any]:
    """Returns the mapping that networks of `keras.applications` were trained with."""
    mapped = keras.applications.imagenet_utils.preprocess_input
    return lambda images: mapped(images, data_format="channels_last", mode=mode)


PIXELS: dict[str, Callable[[Any], Any]] = {
    "raw": lambda images: images,
    "unit": lambda images: images / 255.0,
    "tf": lambda images: images / 127.5 - 1.0,
    "torch": _of_applications("torch"),  # [0, 1] less ImageNet's mean, by its deviation
    "caffe": _of_applications("caffe"),  # blue, green, red, less ImageNet's mean
}


@dataclasses.dataclass(frozen=True)
class Input:
    """The images that a network takes.

    Attributes:
      size: height and width.
      channels: 3, or 1 for gray ones.
      channels_first: whether they are [B, C, H, W].
    """

    size: tuple[int, int]
    channels: int
    channels_first: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels, in the layout of the suite."""
        return (*self.size, self.channels)

    def __call__(self, images: Any, preprocess: Callable[[Any], Any]) -> Any:
        """Returns images of any size, gray or not, as the network takes them."""
        images = ops.convert_to_tensor(images, "float32")
        if tuple(images.shape[1:3]) != self.size:
            # Without antialiasing, which XLA does not compile.
            images = ops.image.resize(images, self.size, data_format="channels_last")
        if self.channels == 1 and images.shape[-1] == 3:
            luma = ops.convert_to_tensor(LUMA, "float32")
            images = ops.sum(images * luma, axis=-1, keepdims=True)
        elif self.channels == 3 and images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        images = preprocess(images)
        return ops.transpose(images, (0, 3, 1, 2)) if self.channels_first else images


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A network as it came.

    Attributes:
      model: computes in float32, wherever it can.
      input: the images that it takes.
      preprocess: float32 [B, H, W, C] in [0, 255] -> its own values.
      output: name or position of the output with the classes; None if it has one.
      background: `first` or `last`: that output is no class; empty for none.
      precision: that of the file, and the one that it `evaluated` has.
    """

    model: keras.Model
    input: Input
    preprocess: Callable[[Any], Any]
    output: int | str | None
    background: str
    precision: dict[str, str]

    @property
    def changes(self) -> tuple[str, ...]:
        """A sentence if it is not computed as it came."""
        came, is_computed = self.precision["file"], self.precision["evaluated"]
        if "_from_" in is_computed:  # so Keras names the policies of quantised layers
            return (
                f"The model is quantised ({is_computed}) and stays so. Training does "
                "not change its rounded weights, and attacks differentiate as if "
                "nothing were rounded: attack the model that it was made from, too.",
            )
        if came == is_computed:
            return ()
        sentence = f"The model came in {came}; it is computed in {is_computed}, and so "
        return (f"{sentence}is the model that it becomes.",)

    @property
    def frozen(self) -> tuple[int, int]:
        """How many of the numbers that its layers can train are frozen, and all."""
        layers = self.model._flatten_layers()
        could = [v for layer in layers for v in layer._trainable_variables]
        frozen = [v for v in could if not v.trainable]
        counts = (sum(math.prod(v.shape) for v in each) for each in (frozen, could))
        return next(counts), next(counts)

    def images(self, images: Any) -> Any:
        """Returns images [B, H, W, C] in [0, 255] as the model takes them."""
        return self.input(images, self.preprocess)

    def classes(self, answers: Any) -> Any:
        """Returns answers float32 [B, K] without the background."""
        return ops.cast(answers, "float32")[:, _KEPT[self.background]]


def load(said: specs.Spec) -> Loaded:
    """Loads what a string names.

    Raises:
      ValueError: what it says does not fit the file, or the file is damaged.
    """
    saved.check_intact(said.file)
    pixels: str | Callable[[Any], Any]
    model, pixels = (_application if said.network else _saved)(said)
    found = of_model(
        model,
        pixels,
        image_size=said.options.get("image_size"),
        output=said.options.get("output"),
        background=said.options.get("background", ""),
    )
    if frozen := said.options.get("frozen"):
        _freeze(found.model, lookup(_FREEZABLE, frozen, "kind of layer of frozen="))
    return found


def given(
    model: keras.Model | str | pathlib.Path,
    pixels: str | Callable[[Any], Any],
    **options: Any,
) -> tuple[Loaded, specs.Spec | None]:
    """Returns a model in memory or in a file, and for a file what its string says.

    Args:
      model: of Keras 3, built; or a string as in `common.foreign.classifiers`.
      pixels: as for `of_model`.
      **options: further ones of `of_model`.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is neither, or what is said is unknown or does not fit it.
    """
    if isinstance(model, keras.Model):
        with explained(f"adopt {model.name}"):
            return of_model(model, pixels, **options), None
    if not isinstance(model, str | os.PathLike):
        raise ValueError(
            "model is a keras.Model of Keras 3, or the path of a file. Other networks "
            "are attacked as functions of images, see docs/library.md. "
            f"Received: {type(model).__module__}.{type(model).__name__}"
        )
    said = specs.parse(text(os.fspath(model), pixels, **options), OPTIONS)
    with explained(f"adopt {model}"):
        return load(said), said


def of_model(
    model: keras.Model,
    pixels: str | Callable[[Any], Any],
    *,
    image_size: int | str | None = None,
    output: int | str | None = None,
    background: str = "",
) -> Loaded:
    """Returns a model with what is said of it.

    Args:
      model: built.
      pixels: that it takes: a name in `PIXELS`, or a function of images in [0, 255].
      image_size: side in pixels or HEIGHTxWIDTH, where the model leaves it open.
      output: name or position of the output with the classes, of several.
      background: `first` or `last`: that one is no class, and is dropped.

    Raises:
      ValueError: what is said is unknown or does not fit the model.
    """
    if background not in _KEPT:
        raise ValueError(f"background is first or last, not {background}")
    if not (callable(pixels) or pixels in PIXELS):
        raise ValueError(
            f"Say which pixels the model takes: pixels= one of {', '.join(PIXELS)}, or "
            "in Python a function of images in [0, 255]. "
            f"Received: pixels={pixels}"
        )
    preprocess = pixels if callable(pixels) else PIXELS[pixels]
    taken = _input(model, image_size)
    model, precision = saved.in_float32(
        model, taken(noise((4, *taken.shape)), PIXELS["raw"])
    )
    return Loaded(model, taken, preprocess, output, background, precision)


def text(
    model: str | pathlib.Path,
    pixels: str | Callable[[Any], Any],
    **options: int | str | None,
) -> str:
    """Returns the string of a classifier, to which what is said beside it is added.

    Args:
      model: the string, or the path of a file.
      pixels: a name in `PIXELS`, or empty.
      **options: of the string, such as `output`; nothing where they are None or empty.

    Raises:
      ValueError: pixels that are a function, which is for a model in memory.
    """
    if callable(pixels):
        raise ValueError(
            "A function of pixels is for a model in memory: load the file with "
            "keras.models.load_model, and hand over the model. "
            f"Received: model={model}, pixels={name_of(pixels)}"
        )
    said = {"pixels": pixels, **options}
    given = {key: value for key, value in said.items() if value not in ("", None)}
    added = "&".join(f"{key}={value}" for key, value in given.items())
    mark = "&" if "?" in str(model) else "?"
    return f"{model}{mark}{added}" if added else str(model)


def name_of(pixels: str | Callable[[Any], Any]) -> str:
    """Returns the name of a mapping of pixels, for records."""
    if isinstance(pixels, str):
        return pixels
    return str(getattr(pixels, "__name__", type(pixels).__name__))


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Makes one line of whatever Keras raises inside, and says its warnings after.

    Raises:
      ValueError: what is done inside failed.
    """
    try:
        with saved.defaults(), warnings.catch_warnings(record=True) as doubts:
            yield
    except Exception as error:  # Keras raises every kind where a file does not fit
        raise ValueError(f"Cannot {what}: {saved.reason(error)}") from error
    for doubt in doubts:  # of a file that was refused there would be pages of them
        warnings.showwarning(
            doubt.message, doubt.category, doubt.filename, doubt.lineno
        )


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """Returns images of whole numbers in [0, 255], the same ones at every call."""
    found = np.random.default_rng(0).integers(0, 256, shape)
    return found.astype(np.float32)


def _freeze(model: keras.Model, kind: type[keras.layers.Layer]) -> None:
    """Freezes all layers of a kind, wherever they are in a model.

    Raises:
      ValueError: there is none.
    """
    layers = [x for x in model._flatten_layers() if isinstance(x, kind)]
    if not layers:
        raise ValueError(f"It has no {kind.__name__} that could be frozen")
    for layer in layers:
        layer.trainable = False


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


def _saved(said: specs.Spec) -> tuple[keras.Model, str]:
    """Returns a saved model, and the name of the mapping of pixels."""
    return saved.load(said.file), said.options.get("pixels", "")


def _input(network: keras.Model, image_size: int | str | None) -> Input:
    """Returns the images that a network takes, as its file or the option says."""
    if not network.built:
        raise ValueError(
            "it is not built: call it once on images, and if it is from a file, save "
            "it again"
        )
    shape = _input_shape(network)
    if len(shape) == 3:
        shape = (*shape, 1)  # gray images, of which Keras squeezes the channel away
    if len(shape) != 4:
        raise ValueError(
            f"expected images [B, H, W, C] or [B, C, H, W] in, not {shape}; put such "
            "as keras.Input((28, 28, 1)) and a Flatten or Reshape before it"
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
    height, width = sides if image_size is None else specs.image_size(str(image_size))
    if height is None or width is None:
        raise ValueError(f"its input is {shape}; say image_size=SIDE or HEIGHTxWIDTH")
    if any(a not in (None, b) for a, b in zip(sides, (height, width), strict=True)):
        raise ValueError(f"Its input is {shape}; image_size={image_size} does not fit")
    return Input((height, width), channels or 3, channels_first)


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
