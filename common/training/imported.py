"""Released weights, read into our networks: no training of our own.

Three kinds of file are read. What `export` writes as `NAME.weights.h5` fits the network
of the same recipe, whichever that is; that of another one is refused where a shape or
the number of layers differs. TF-Slim's checkpoints, adversarially trained ones among
them, name their variables by the scopes after which the layers of our Inception
networks and of ResNet v2 are named; most have 1001 classes, of which the first is the
background, and an auxiliary head. The files of `keras.applications` hold Inception v3
without that head, in the order in which Keras creates its layers.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import pathlib
import re
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from common.data.lazy import tf
from common.lazy import keras

SLIM, KERAS, OWN = "TF-Slim", "keras.applications", "export"  # the kinds of file
OWN_NAME = ".weights.h5"  # the end of what `export` writes, and some others do

_SCOPES = {  # by the name of our network; those of Keras are not used
    SLIM: {
        "inception_resnet_v2": "InceptionResnetV2",
        "inception_v3": "InceptionV3",
        "inception_v4": "InceptionV4",
        **{(name := f"resnet_v2_{depth}"): name for depth in (50, 101, 152, 200)},
    },
    KERAS: {"inception_v3": ""},
}
_SUFFIXES = {  # of our variables, and of slim's
    "conv/kernel": "weights",
    "conv/bias": "biases",
    "dense/kernel": "weights",
    "dense/bias": "biases",
    "norm/beta": "BatchNorm/beta",
    "norm/gamma": "BatchNorm/gamma",
    "norm/moving_mean": "BatchNorm/moving_mean",
    "norm/moving_variance": "BatchNorm/moving_variance",
}
_HEADS = ("Logits/", "AuxLogits/", "logits/")
_UNIT = re.compile(r"(/unit_\d+)/")  # of a ResNet; slim has one scope more there
_AVERAGED = "/ExponentialMovingAverage"
_UNREADABLE = (OSError, ValueError, KeyError, RuntimeError)

# The convolutions of keras.applications' Inception v3 in order of creation: under each
# block the number of a branch and the layer in it.
_BLOCK_5 = (
    "0/Conv2d_0a_1x1",
    *("1/Conv2d_0a_1x1", "1/Conv2d_0b_5x5"),
    *("2/Conv2d_0a_1x1", "2/Conv2d_0b_3x3", "2/Conv2d_0c_3x3"),
    "3/Conv2d_0b_1x1",
)
_BLOCK_6 = (
    "0/Conv2d_0a_1x1",
    *("1/Conv2d_0a_1x1", "1/Conv2d_0b_1x7", "1/Conv2d_0c_7x1"),
    *("2/Conv2d_0a_1x1", "2/Conv2d_0b_7x1", "2/Conv2d_0c_1x7"),
    *("2/Conv2d_0d_7x1", "2/Conv2d_0e_1x7"),
    "3/Conv2d_0b_1x1",
)
_BLOCK_7 = (
    "0/Conv2d_0a_1x1",
    *("1/Conv2d_0a_1x1", "1/Conv2d_0b_1x3", "1/Conv2d_0c_3x1"),
    *("2/Conv2d_0a_1x1", "2/Conv2d_0b_3x3", "2/Conv2d_0c_1x3", "2/Conv2d_0d_3x1"),
    "3/Conv2d_0b_1x1",
)
_STEM = ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")
_BLOCKS = {
    "Mixed_5b": _BLOCK_5,
    "Mixed_5c": (  # slim's own names
        *("0/Conv2d_0a_1x1", "1/Conv2d_0b_1x1", "1/Conv_1_0c_5x5"),
        *_BLOCK_5[3:],
    ),
    "Mixed_5d": _BLOCK_5,
    "Mixed_6a": (
        "0/Conv2d_1a_1x1",
        *("1/Conv2d_0a_1x1", "1/Conv2d_0b_3x3", "1/Conv2d_1a_1x1"),
    ),
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), _BLOCK_6),
    "Mixed_7a": (
        *("0/Conv2d_0a_1x1", "0/Conv2d_1a_3x3"),
        *("1/Conv2d_0a_1x1", "1/Conv2d_0b_1x7", "1/Conv2d_0c_7x1", "1/Conv2d_1a_3x3"),
    ),
    "Mixed_7b": (*_BLOCK_7[:3], "1/Conv2d_0b_3x1", *_BLOCK_7[4:]),  # slim's own name
    "Mixed_7c": _BLOCK_7,
}
KERAS_ORDER = (
    *(f"Conv2d_{name}" for name in _STEM),
    *(f"{block}/Branch_{name}" for block, names in _BLOCKS.items() for name in names),
)


@dataclasses.dataclass(frozen=True)
class _Found:
    """What a file has.

    Attributes:
      arrays: by path below the network's name.
      averaged: how many of them are moving averages.
      unknown: a variable of the model that our network lacks, or "".
    """

    arrays: dict[str, np.ndarray]
    averaged: int = 0
    unknown: str = ""


def load(path: str | pathlib.Path, network: keras.Model) -> dict[str, Any]:
    """Gives a network the weights of a file; changes nothing if they do not fit.

    Args:
      path: a `.weights.h5` that `export` wrote; or the prefix of a TF-Slim checkpoint,
        such as `adv_inception_v3.ckpt`, or a file of `keras.applications`' Inception
        v3, whose name ends with `.h5`.
      network: of the recipe that was exported, or from `models.InceptionV3`,
        `InceptionV4`, `InceptionResNetV2` or `ResNetV2`. An auxiliary head fits if it
        was built for images of 299 pixels; a file of `keras.applications` leaves it as
        it is.

    Returns:
      What was read: `file`, the `sha256` of each of its parts and `kind`; of files that
      are not ours also `num_classes`, `background` (whether its first class was
      dropped, as the network has one class less) and `averaged` (how many variables are
      moving averages, which are taken where a file has both).

    Raises:
      ValueError: there is no such file, it does not read, or it does not fit.
    """
    path = pathlib.Path(path).expanduser()
    source = {"file": path.name, "sha256": _hashes(path)}
    if path.name.endswith(OWN_NAME) and _is_taken(path, network):
        return {**source, "kind": OWN}
    kind = KERAS if path.suffix == ".h5" else SLIM
    unfit = (
        f"{path} does not fit: export writes {OWN_NAME} for the same recipe, and a "
        f"file of {kind} has the weights of {', '.join(_SCOPES[kind])}. "
        f"Received: network={network.name}"
    )
    if network.name not in _SCOPES[kind]:
        raise ValueError(unfit)
    wanted = {v.path.partition("/")[2]: v for v in network.variables}
    if kind == KERAS:
        wanted = {k: v for k, v in wanted.items() if not k.startswith("AuxLogits/")}
    try:
        found = (
            _from_keras(path, wanted)
            if kind == KERAS
            else _from_slim(path, wanted, _SCOPES[kind][network.name])
        )
    except _UNREADABLE as error:
        if path.name.endswith(OWN_NAME):
            raise ValueError(unfit) from error
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"{path} does not read. Received: {reason}") from error
    num_classes = _num_classes(found.arrays)
    background = _drop_background(found.arrays, wanted)
    _check(path, found, wanted)
    for name, variable in wanted.items():
        variable.assign(found.arrays[name])
    return {
        **source,
        "kind": kind,
        "num_classes": num_classes,
        "background": background,
        "averaged": found.averaged,
    }


def _is_taken(path: pathlib.Path, network: keras.Model) -> bool:
    """Gives a network the weights that `export` wrote; changes nothing if it cannot.

    Keras would pass over layers in lists of lists that the file or the network lacks.
    """
    before = [variable.numpy() for variable in network.variables]
    try:
        if _stored(path) != len(before):
            return False
        network.load_weights(path)
    except _UNREADABLE:
        for variable, value in zip(network.variables, before, strict=True):
            variable.assign(value)
        return False
    return True


def _stored(path: pathlib.Path) -> int:
    """Returns the number of arrays in a file of Keras."""
    found = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: found.append(isinstance(item, h5py.Dataset)))
    return sum(found)


def _hashes(path: pathlib.Path) -> dict[str, str]:
    """Returns the SHA-256 of the files that a path stands for, by name."""
    name = glob.escape(path.name)
    ends = (name, f"{name}.index", f"{name}.data-*")
    parts = [part for end in ends for part in sorted(path.parent.glob(end))]
    parts = [part for part in parts if part.is_file()]
    if not parts:
        raise ValueError(
            "Weights are a .weights.h5 of export, the prefix of a TF-Slim checkpoint, "
            f"or a file .h5 of keras.applications; nothing is there. Received: {path}"
        )
    hashes = {}
    for part in parts:
        with open(part, "rb") as file:
            hashes[part.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def _from_slim(path: pathlib.Path, wanted: Mapping[str, Any], scope: str) -> _Found:
    sources = {target: f"{scope}/{_slim_name(target)}" for target in wanted}
    known = set(sources.values())
    try:
        reader = tf.train.load_checkpoint(str(path))
        names = reader.get_variable_to_shape_map()
        average = {
            name: name + _AVERAGED for name in known if name + _AVERAGED in names
        }
        arrays = {
            target: reader.get_tensor(average.get(name, name))
            for target, name in sources.items()
            if name in average or name in names
        }
    except tf.errors.OpError as error:
        raise ValueError(error.message) from error
    # What is not of the model: slots of an optimizer, averages, counters. And a head
    # that the network is built without.
    endings = tuple(f"/{suffix}" for suffix in _SUFFIXES.values())
    heads = {target.partition("/")[0] for target in wanted}
    unknown = (
        name
        for name in sorted(names)
        if name.startswith(f"{scope}/") and name.endswith(endings) and name not in known
        if "AuxLogits" in heads or not name.startswith(f"{scope}/AuxLogits/")
    )
    return _Found(arrays, len(average), next(unknown, ""))


def _slim_name(target: str) -> str:
    """Returns slim's name, below the network's, of one of our variables."""
    name = _UNIT.sub(r"\1/bottleneck_v2/", target)
    layer, *suffix = name.rsplit("/", 2)
    ending = "/".join(suffix)
    return f"{layer}/{_SUFFIXES[ending]}" if ending in _SUFFIXES else name


def _from_keras(path: pathlib.Path, wanted: Mapping[str, Any]) -> _Found:
    model = keras.applications.InceptionV3(
        weights=str(path), classes=_num_classes(wanted), classifier_activation=None
    )
    arrays = {}
    for kind in (keras.layers.Conv2D, keras.layers.BatchNormalization):
        layers = [layer for layer in model.layers if isinstance(layer, kind)]
        layers.sort(key=_number)
        for name, layer in zip(KERAS_ORDER, layers, strict=True):
            part = "conv" if kind is keras.layers.Conv2D else "norm"
            for variable in layer.variables:
                arrays[f"{name}/{part}/{variable.name}"] = variable.numpy()
    kernel, bias = (v.numpy() for v in model.get_layer("predictions").variables)
    arrays["Logits/Conv2d_1c_1x1/conv/kernel"] = kernel[None, None]
    arrays["Logits/Conv2d_1c_1x1/conv/bias"] = bias
    return _Found(arrays)


def _number(layer: keras.layers.Layer) -> int:
    """Returns the number at the end of a layer's name: 0 for conv2d, 1 for conv2d_1."""
    number = layer.name.rpartition("_")[2]
    return int(number) if number.isdigit() else 0


def _num_classes(values: Mapping[str, Any]) -> int:
    """Returns the number of logits, 0 if there are none."""
    biases = (
        value
        for name, value in values.items()
        if name.startswith(("Logits/", "logits/")) and name.endswith("/bias")
    )
    return next((int(bias.shape[0]) for bias in biases), 0)


def _drop_background(arrays: dict[str, np.ndarray], wanted: Mapping[str, Any]) -> bool:
    """Drops the first class if the arrays have one more; returns whether they did."""
    if _num_classes(arrays) != _num_classes(wanted) + 1:
        return False
    biases = (name for name in arrays if name.endswith("/bias"))
    classifiers = {n.rpartition("/")[0] for n in biases if n.startswith(_HEADS)}
    for name, array in arrays.items():
        if name.rpartition("/")[0] in classifiers:
            arrays[name] = array[..., 1:]
    return True


def _check(path: pathlib.Path, found: _Found, wanted: Mapping[str, Any]) -> None:
    """Refuses arrays that are not exactly those of the network."""
    missing = [name for name in wanted if name not in found.arrays]
    if missing:
        raise ValueError(
            f"{path} lacks {len(missing)} variables of the network. "
            f"Received: none for {missing[0]}"
        )
    if found.unknown:
        raise ValueError(
            f"{path} is of another network. Received: {found.unknown}, which ours lacks"
        )
    for name, variable in wanted.items():
        expected, shape = tuple(variable.shape), found.arrays[name].shape
        if shape != expected:
            raise ValueError(
                f"{path} does not fit the network at {name}: expected shape "
                f"{expected}. Received: {shape}"
            )
