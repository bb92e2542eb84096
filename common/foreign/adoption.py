"""A Keras classifier of anybody's as a network of the suite.

    network = adopt("model.keras?pixels=unit")
    network = adopt(model, pixels="unit", branches=norms.MIXTURE)

It takes pixels in [0, 255] and returns logits, as all networks of `common.models` do.
Its batch norms and its noise become those of `substitutes`; all other layers are copies
of its own, with the same weights. What was frozen stays frozen. A model that is code
(a subclass of `keras.Model`) keeps its layers, and `lacks` says what it cannot have.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from common import backend
from common.foreign import heads, loaded, saved, smoothing, substitutes
from common.models import activations, batch_norm, layers, norms

_BATCH_NORM = keras.layers.BatchNormalization


def adopt(
    model: keras.Model | str | pathlib.Path,
    *,
    pixels: str | Callable[[Any], Any] = "",
    activation: str | None = None,
    branches: tuple[str, ...] = norms.DEFAULT.branches,
    image_size: int | str | None = None,
    output: int | str | None = None,
    background: str = "",
) -> Network:
    """Returns a network of the suite with the layers and the weights of a model.

    It is a copy: what the model learns afterwards, it does not know.

    Args:
      model: functional, sequential or code, built; or a string as in
        `common.foreign.classifiers`, which may say the rest. It is not changed.
      pixels: what it takes: `raw` for values in [0, 255], `unit` for [0, 1], `tf` for
        [-1, 1], `torch` or `caffe` as in `keras.applications`; of a model in memory
        also a function of images in [0, 255].
      activation: a name in `keras.activations` that takes the place of its ReLUs.
      branches: of its batch norms, each with the weights of the model.
      image_size: side in pixels or HEIGHTxWIDTH, where the model leaves it open.
      output: name or position of the output with the classes, of several.
      background: `first` or `last`: that one is no class, and is dropped.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: what is said is unknown or does not fit the model, or the model lacks
        what is asked for.
    """
    norm = norms.Batch(branches)
    options: dict[str, Any] = {
        "image_size": image_size,
        "output": output,
        "background": background,
    }
    found, said = loaded.given(model, pixels, **options)
    with loaded.explained(f"adopt {said.text if said else found.model.name}"):
        return network(found, activation=activation, norm=norm)


def network(
    found: loaded.Loaded,
    *,
    activation: str | None = None,
    norm: norms.Batch = norms.DEFAULT,
) -> Network:
    """Returns the network of a model, see `adopt`."""
    if activation:
        smooth = saved.twin(found.model, smoothing.without_relu(activation))
        found = dataclasses.replace(found, model=smooth)
    made = Network(found, norm)
    images = loaded.noise((2, *found.input.shape))
    answers = made(images, branch=norm.branches[0])
    if len(answers.shape) != 2 or answers.shape[1] < 2:
        raise ValueError(
            f"expected logits [B, K] out, not {tuple(answers.shape)}, K at least 2, or "
            "one sigmoid"
        )
    made.num_classes = answers.shape[1]
    if not activation:
        _check_copy(found, images, answers)
    return made


def _check_copy(found: loaded.Loaded, images: np.ndarray, answers: Any) -> None:
    """Refuses a copy that answers otherwise than its model; chance tells nothing.

    Raises:
      ValueError: it does, as where a layer's `get_config` leaves something out.
    """
    ask = heads.Answers(found.model, found.output)
    first, again = (
        np.asarray(found.classes(ask(found.images(images)))) for _ in range(2)
    )
    near = 0.02 * np.ptp(first)  # half precision loses digits
    change = np.abs(np.asarray(answers) - first).max()
    if np.abs(again - first).max() <= near < change:
        raise ValueError(
            "The copy of its layers answers otherwise than the model: get_config of a "
            "layer must have all that its __init__ takes, and what is set afterwards. "
            f"Received: logits that differ by {change:.3g}"
        )


class Network(keras.Model):
    """A model of anybody's, called as the networks of `common.models` are.

    Attributes:
      branches: names that a call may choose from.
      draws: whether training needs a seed.
      image_shape: height, width and channels of the images.
      num_classes: K.
      lacks: what it cannot have, a sentence each.
      on_one_device: whether it trains on one device alone.
    """

    def __init__(self, found: loaded.Loaded, norm: norms.Batch) -> None:
        """Copies the layers and the weights.

        Args:
          found: the model.
          norm: the branches of its batch norms.

        Raises:
          ValueError: it has no batch norm that could have several branches.
        """
        # No autocast: pixels would lose their last bits before they are mapped.
        super().__init__(name="adopted", autocast=False)
        is_code = getattr(found.model, "outputs", None) is None
        self._copy: _Code | _Copy = _Code(found) if is_code else _Copy(found, norm)
        self.inner = self._copy.inner
        self.branches, self.image_shape = norm.branches, found.input.shape
        self.draws = self._copy.draws
        self.lacks = (*found.changes, *self._copy.lacks)
        self.on_one_device = self._copy.on_one_device
        if len(norm.branches) > 1 and not self._copy.has_norms:
            raise ValueError(
                "it has no batch norm that could have several branches. "
                f"Received: branches={norm.branches}"
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
          training: batch norm uses the batch, and moves its statistics; noise is drawn.
            A bool, or a bool scalar tensor.
          branch: of batch norm, or the parts of the batch with theirs.
          backward: derivative of its ReLUs in the backward pass.
          seed: int or int64 tensor that decides on what is drawn. An image gets the
            same in whatever batch it comes.

        Returns:
          float32 [B, K].

        Raises:
          ValueError: a derivative that it does not have, or training without a seed of
            a network that draws.
        """
        activations.check_backward(backward)
        if backward == activations.SMOOTH and not self._copy.rectified:
            raise ValueError(
                "Only ReLU has a smooth derivative in its place, and this network has "
                f"none that can be reached. Received: backward={backward}"
            )
        is_drawn = self.draws and training is not False
        keys = backend.example_keys(images) if is_drawn else None
        mode = layers.Mode(training, branch, backward)
        with saved.defaults(), substitutes.during(substitutes.Pass(mode, seed, keys)):
            return self._copy.logits(images, training=training is not False)

    def heads(self, images: Any, **mode: Any) -> tuple[Any]:
        """Returns the logits as those of the only head; arguments as of a call."""
        return (self(images, **mode),)

    def plain(self, branch: str = "") -> keras.Model:
        """Returns the model as it came, with the weights that this network has now.

        Its ReLUs are what `activation` made of them; all else is Keras's again.

        Args:
          branch: of batch norm, whose weights it gets; the first if empty.
        """
        return self._copy.plain(branch or self.branches[0])


class _Copy:
    """The copy of a functional or sequential model, and which layer is whose.

    Attributes:
      inner: the model's own images -> logits, made of the copied layers.
      draws: whether a layer draws.
      has_norms: whether a batch norm can have branches.
      rectified: whether a ReLU can have another derivative.
      lacks: sentences.
      on_one_device: whether a batch norm has stayed Keras's.
    """

    def __init__(self, found: loaded.Loaded, norm: norms.Batch) -> None:
        self._found, self._norm = found, norm
        self._pairs: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []
        self._names: set[str] = set()
        self._streams = 0
        self.draws = self.has_norms = self.rectified = self.on_one_device = False
        self.lacks: tuple[str, ...] = ()
        if len(found.model.outputs) > 1:
            self.lacks += (
                "The outputs that the classes do not pass through keep their weights, "
                "while the layers before them are trained.",
            )
        logits = heads.logits(found.model, found.output)
        with saved.own_names(), saved.known_classes(found.model):
            self.inner = keras.models.clone_model(
                logits, clone_function=self._copied, recursive=True
            )
        trained = {id(v) for v in found.model.trainable_variables}
        for theirs, ours in self._layers():
            if isinstance(ours, substitutes.Norm):
                ours.take(theirs)
                pairs = ours.pairs(theirs)
            else:
                _hand_over(theirs, ours)
                saved.freeze_alike(theirs, ours)
                pairs = zip(theirs.variables, ours.variables, strict=True)
            for source, variable in pairs:
                variable.trainable = id(source) in trained
                variable.constraint = source.constraint

    def logits(self, images: Any, *, training: bool) -> Any:
        """Returns the logits of images in [0, 255]."""
        answers = self.inner(self._found.images(images), training=training)
        return self._found.classes(answers)

    def plain(self, branch: str) -> keras.Model:
        """Returns a copy of the model with the weights of this one."""
        model = self._found.model
        made = saved.twin(model)
        pairs = zip(model._flatten_layers(), made._flatten_layers(), strict=True)
        places = {id(theirs): layer for theirs, layer in pairs}
        for theirs, ours in self._layers():
            if isinstance(ours, substitutes.Norm):
                ours.give(places[id(theirs)], branch)
            else:
                _hand_over(ours, places[id(theirs)])
        return made

    def _layers(self) -> Iterator[tuple[keras.layers.Layer, keras.layers.Layer]]:
        """Yields the layers of the model that have weights, and their copies."""
        return ((heads.original(theirs), ours) for theirs, ours in self._pairs)

    def _copied(self, layer: Any) -> Any:
        """Returns what takes the place of a layer or of an operation."""
        if not isinstance(layer, keras.layers.Layer):
            if smoothing.is_relu(layer):
                return self._rectifier(layer)
            return type(layer).from_config(layer.get_config())
        if type(layer) is _BATCH_NORM and not layer.renorm:
            self.has_norms = True
            norm = substitutes.Norm(layer, self._norm, name=self._named(layer))
            self._pairs.append((layer, norm))
            return norm
        if substitutes.draws(layer):
            self._streams += 1
            name = self._named(layer)
            noise = substitutes.Noise(layer, stream=self._streams, name=name)
            self.draws = self.draws or bool(noise.strength)
            return noise
        if smoothing.is_relu(layer):
            return self._rectifier(layer)
        return self._kept(layer)

    def _rectifier(self, layer: Any) -> keras.layers.Layer:
        self.rectified = True
        return keras.layers.Activation(substitutes.relu, name=self._named(layer))

    def _kept(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        """Returns a copy of a layer of the same kind."""
        # A layer without its softmax has a name of the moment, and this one lasts.
        name = self._named(heads.original(layer))
        config = layer.get_config()
        if "name" in config:
            config["name"] = name
        copy = type(layer).from_config(config)
        copy.name = name
        self._pairs.append((layer, copy))
        is_fixed = isinstance(getattr(type(copy), "activation", None), property)
        if smoothing.is_relu(getattr(copy, "activation", None)) and not is_fixed:
            copy.activation = substitutes.relu
            self.rectified = True
        # The original is built, and has what a layer makes only then.
        inside = heads.original(layer)._flatten_layers()
        if any(isinstance(x, _BATCH_NORM) and x.trainable for x in inside):
            self.on_one_device = True
            self.lacks += (
                f"The batch norm of {name} stays Keras's: it has no branches, and "
                "trains on one device.",
            )
        if any(part._seed_generators for part in inside):
            self.lacks += (
                f"{name} draws by seeds of Keras, and does not in training.",
            )
            return substitutes.Still(copy)
        return copy

    def _named(self, layer: Any) -> str:
        """Returns the name of a layer, with a number if another one has it, too."""
        name, number = layer.name, 1
        while name in self._names:
            number += 1
            name = f"{layer.name}_{number}"
        self._names.add(name)
        return name


class _Code:
    """The copy of a model that is code, with the attributes of `_Copy`."""

    draws = has_norms = rectified = False
    on_one_device = True
    lacks = (
        "The model is code, so its layers stay Keras's: batch norm has no branches, "
        "ReLUs stay as they are, noise follows from seeds of Keras, and it trains on "
        "one device.",
    )

    def __init__(self, found: loaded.Loaded) -> None:
        self._found = found
        self.inner = self._copied(found.model)

    def logits(self, images: Any, *, training: bool) -> Any:
        """Returns the logits of images in [0, 255]."""
        found = self._found
        own = found.images(images)
        return found.classes(
            heads.called(self.inner, own, found.output, training=training)
        )

    def plain(self, branch: str) -> keras.Model:
        """Returns a copy of the model with the weights of this one."""
        del branch
        return self._copied(self.inner)

    def _copied(self, model: keras.Model) -> keras.Model:
        """Returns another model of the same code, with its weights.

        Raises:
          ValueError: its class does not say how to make another one.
        """
        images = self._found.images(ops.zeros((1, *self._found.input.shape)))
        # Building computes nothing: what a layer takes from its weights comes later.
        symbolic = keras.KerasTensor(images.shape, images.dtype)
        with saved.own_names(), saved.known_classes(model):
            try:
                made = type(model).from_config(model.get_config())
            except (NotImplementedError, TypeError) as error:
                raise ValueError(
                    f"{type(model).__name__} needs get_config, so that a copy of it "
                    f"can be trained. Received: {error}"
                ) from error
            made(symbolic)
        saved.copy_weights(model, made)
        saved.freeze_alike(model, made)
        return made


def _hand_over(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    """Gives a layer the weights of another one of its kind."""
    pairs = zip(source._flatten_layers(), target._flatten_layers(), strict=True)
    for one, other in pairs:
        weights: dict[str, Any] = {}
        one.save_own_variables(weights)
        other.load_own_variables({k: saved.copied(x) for k, x in weights.items()})
