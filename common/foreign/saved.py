"""Networks from files, to be computed in float32 whatever they were saved in.

Half precision loses gradients (a probability below 6e-8 is zero in float16), and an
input of whole numbers cuts them, so a network that was saved so would look robust.
"""

from __future__ import annotations

import collections
import contextlib
import pathlib
import random
import re
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.backend.common import global_state  # has no public name

FLOAT32 = "float32"
_WEIGHTS_ALONE = "The file holds weights alone; say NETWORK:FILE"
_OTHER_FLOATS = re.compile(r"(mixed_)?(float16|bfloat16|float64)")
_MISSING = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown [\w ]+:) '([^']+)'"
    r"|'([\w.]+>\w+)'"
)


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """Gives Keras back its precision and layout, which are changed inside."""
    policy, floats = keras.config.dtype_policy(), keras.config.floatx()
    layout = keras.config.image_data_format()
    try:
        yield
    finally:
        keras.config.set_image_data_format(layout)
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(policy)


@contextlib.contextmanager
def defaults() -> Iterator[None]:
    """Sets what Keras takes from the user's `keras.json` to its own defaults, inside.

    Where a file or a function leaves layout or precision open, it means these. Seeds
    that Keras draws inside, from Python's `random`, do not move the user's own numbers.
    """
    state = random.getstate()
    with settings_kept():
        keras.config.set_floatx(FLOAT32)
        keras.config.set_dtype_policy(FLOAT32)
        keras.config.set_image_data_format("channels_last")
        try:
            yield
        finally:
            random.setstate(state)


def check_intact(file: pathlib.Path) -> None:
    """Refuses a file that is not whole, or not of the kind that its name says.

    Raises:
      ValueError: says so.
    """
    if file.suffix == ".keras":
        _check_zip(file)
    elif file.suffix in (".h5", ".hdf5"):
        try:
            h5py.File(file, "r").close()
        except OSError:
            raise ValueError("The file is damaged, or no HDF5 file") from None


def load(file: pathlib.Path) -> keras.Model:
    """Loads a saved model; no Python code in the file is run.

    Raises:
      ValueError: the file is of weights alone, or has no model that can be loaded.
    """
    if file.name.endswith(".weights.h5"):
        raise ValueError(_WEIGHTS_ALONE)
    return keras.saving.load_model(file, compile=False)


def reason(error: Exception) -> str:
    """Returns in one line why Keras did not load a network, and what can be done."""
    text = str(error).strip()
    if "lambda" in text and "deserializ" in text:
        return (
            "it has a Lambda layer, whose Python code is not run: put a layer of "
            "keras.layers or keras.ops in its place. Or, in Python, call "
            "keras.config.enable_unsafe_deserialization() and hand over the model"
        )
    if "No model config found" in text:
        return _WEIGHTS_ALONE
    if found := _MISSING.search(text):
        name = next(filter(None, found.groups()))
        return (
            f"it needs {name}, which Keras does not have: save it again with layers of "
            "keras.layers; or, in Python, import what registers it and hand over the "
            "model"
        )
    return textwrap.shorten(text, 300, placeholder=" ...") or type(error).__name__


def in_float32(
    network: keras.Model, images: np.ndarray
) -> tuple[keras.Model, dict[str, str]]:
    """Returns the network, or one of the same weights that computes in float32.

    An input of whole numbers becomes one of float32 if the network answers the same;
    if it does not, whole numbers are part of what it computes, and it is kept.

    Args:
      network: as it was loaded.
      images: whole numbers, in the network's own layout.

    Returns:
      The network, and its precisions: in the `file`, and as it is `evaluated`.
    """
    saved_in = _precisions(network)
    kept = {"file": saved_in, "evaluated": saved_in}
    if saved_in == FLOAT32:
        return network, kept
    config = serialized(network)
    rewritten = _rewritten(config)
    if rewritten == config:  # such as int8, which is how its weights are stored
        return network, kept
    changed = twin(network, lambda _: rewritten)
    if "input" in saved_in and not _same_answers(network, changed, images):
        return network, kept
    return changed, {"file": saved_in, "evaluated": _precisions(changed)}


class _Numbers(collections.defaultdict[str, int]):
    """Of the next name of each kind; all far from those that models come with."""

    def __init__(self) -> None:
        super().__init__(lambda: 1_000)

    def __contains__(self, name: object) -> bool:
        return True  # so that the first has a number, too


@contextlib.contextmanager
def own_names() -> Iterator[None]:
    """Gives the names inside that Keras makes up, such as `conv2d_3`, own numbers.

    A checkpoint knows a variable by its path. So each copy of a network needs the same
    paths, whatever the process has made before.
    """
    key = "object_name_uids"
    kept = global_state.get_global_attribute(key)
    global_state.set_global_attribute(key, _Numbers())
    try:
        yield
    finally:
        global_state.set_global_attribute(key, kept)


def twin(
    network: keras.Model, change: Callable[[Any], Any] = lambda config: config
) -> keras.Model:
    """Returns a network of its own with the same weights, not compiled.

    Args:
      network: built.
      change: what Keras serialized -> what the twin is made of, with as many weights.
    """
    with known_classes(network):
        made = keras.saving.deserialize_keras_object(change(serialized(network)))
    copy_weights(network, made)
    return made


def serialized(network: keras.Model) -> dict[str, Any]:
    """Returns what Keras serialized, without what the network was compiled with."""
    config = keras.saving.serialize_keras_object(network)
    config.pop("compile_config", None)
    return config


def known_classes(network: keras.Model) -> Any:
    """Returns a context in which Keras knows the classes of a network and its layers.

    Raises:
      ValueError: two have one name, by which Keras would take one for the other.
    """
    kinds = {type(part) for part in (network, *network._flatten_layers())}
    code = [kind for kind in kinds if not kind.__module__.startswith("keras.")]
    found = {kind.__name__: kind for kind in code}
    if len(found) < len(code):
        names = ", ".join(sorted(kind.__name__ for kind in code))
        raise ValueError(f"Classes of layers need different names. Received: {names}")
    return keras.saving.CustomObjectScope(found)


def freeze_alike(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    """Freezes of a copy what is frozen of the original, down to its inner layers."""
    pairs = zip(source._flatten_layers(), target._flatten_layers(), strict=True)
    for one, other in pairs:  # an outer layer sets all that lies within
        other.trainable = one.trainable


def copy_weights(network: keras.Model, to: keras.Model) -> None:
    """Gives a network of the same layers the weights of another."""
    to.set_weights([copied(weights) for weights in network.weights])
    for layer in to._flatten_layers():
        if hasattr(layer, "finalize_state"):  # it computes with what its weights say
            layer.finalize_state()


def copied(variable: Any) -> np.ndarray:
    """Returns the values of a variable in memory of their own.

    On JAX two variables would share it, and training takes the memory of one away.
    """
    return np.array(keras.ops.convert_to_numpy(variable))


def _check_zip(file: pathlib.Path) -> None:
    message = "The file is damaged, or no .keras file"
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
            if broken or "config.json" not in archive.namelist():
                raise ValueError(f"{message}: {broken or 'no config.json'} in it")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{message}: {error}") from None


def _precisions(network: keras.Model) -> str:
    """Returns the precisions of its layers other than float32, or float32."""
    found = set()
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.InputLayer):
            if layer.dtype != FLOAT32:
                found.add(f"{layer.dtype} input")
            continue
        policy = layer.dtype_policy
        parts = [policy]
        if isinstance(policy, keras.dtype_policies.DTypePolicyMap):
            parts = [policy.default_policy, *policy.values()]
        found |= {part.name for part in parts} - {FLOAT32}
    return ", ".join(sorted(found)) or FLOAT32


def _rewritten(config: Any) -> Any:
    """Returns what Keras serialized, with float32 for every precision and input."""
    if isinstance(config, list | tuple):
        return type(config)(map(_rewritten, config))
    if not isinstance(config, dict):
        return config
    found = {key: _rewritten(value) for key, value in config.items()}
    inner: Any = found.get("config")
    if found.get("class_name") == "DTypePolicy":
        found["config"] = {**inner, "name": FLOAT32}
    elif found.get("class_name") == "InputLayer":
        found["config"] = {**inner, "dtype": FLOAT32}
    elif _OTHER_FLOATS.fullmatch(str(found.get("dtype"))):
        found["dtype"] = FLOAT32
    return found


def _same_answers(network: keras.Model, twin: keras.Model, images: np.ndarray) -> bool:
    """Whether both answer alike, up to what half precision loses."""
    try:
        pairs = zip(
            *(
                [
                    np.asarray(x, np.float64)
                    for x in keras.tree.flatten(n(images, training=False))
                ]
                for n in (network, twin)
            ),
            strict=True,
        )
        return all(
            np.abs(a - b).max() <= 0.02 * np.abs(a - a.mean()).max() for a, b in pairs
        )
    except Exception:  # such as an operation that only whole numbers have
        return False
