r"""The strings that name classifiers: `[NETWORK:]FILE[?OPTION=VALUE[&...]]`.

What stands before a colon is a NETWORK only if `keras.applications` has one of that
name; so `C:\models\m.keras` is a file, and so is `run:m.keras`.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras

from common.names import unknown

NETWORKS: dict[str, Callable[..., keras.Model]] = dict(
    inspect.getmembers(keras.applications, inspect.isfunction)
)
# What the functions take that a string does not say, or says in other words.
_NOT_OPTIONS = (
    "classifier_activation",
    "include_top",
    "input_shape",
    "input_tensor",
    "name",
    "pooling",
    "weights",
    "weights_name",
)


@dataclasses.dataclass(frozen=True)
class Spec:
    """A classifier as its string names it.

    Attributes:
      text: the string.
      network: a name in `NETWORKS`, or empty for a saved model.
      file: of the weights, or of the saved model; it exists.
      options: name -> text.
    """

    text: str
    network: str
    file: pathlib.Path
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name under which the classifier is recorded.

        Raises:
          ValueError: it would not do as the name of a folder.
        """
        default = self.network or self.file.name.partition(".")[0]
        name = self.options.get("name", default)
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError(
                "A name is the name of a folder: letters, digits, _ . and -, of which "
                f"the first is neither . nor -; say ?name=. Received: name={name}"
            )
        return name

    @property
    def without_folders(self) -> str:
        """The string with the file's name in place of its path."""
        _, mark, query = self.text.rpartition("?")
        query = mark + query if mark else ""
        return f"{self.network}:{self.file.name}{query}".removeprefix(":")

    def arguments(self) -> dict[str, Any]:
        """Returns the options that the function of the network takes, as its values.

        Raises:
          ValueError: a value that is not of the kind of the function's default.
        """
        defaults = _defaults(self.network)
        return {
            key: _value(defaults[key], text, key)
            for key, text in self.options.items()
            if key in defaults
        }


def parse(text: str, options: tuple[str, ...]) -> Spec:
    """Reads the string of a classifier.

    Args:
      text: as above.
      options: names that are options of every classifier; `pixels` is one of a saved
        model, and what the network's function takes by number one of a NETWORK.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: an unknown network or option, or an option without a value or twice.
    """
    place, mark, query = text.rpartition("?")
    network, file = _place(place if mark else text)
    found: dict[str, str] = {}
    known = (*options, *(_defaults(network) if network else ("pixels",)))
    for part in filter(None, query.split("&") if mark else ()):
        key, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"Expected OPTION=VALUE after ?. Received: {part}")
        if key not in known:
            of = network or "a saved model"
            raise ValueError(unknown(known, key, f"option of {of}"))
        if key in found:
            raise ValueError(f"An option is said once. Received: {text}")
        found[key] = value
    return Spec(text, network, file, found)


def image_size(text: str) -> tuple[int, int]:
    """Returns height and width of `192`, a square, or of `192x256`."""
    sides = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not sides:
        raise ValueError(
            "image_size is a side in pixels, or HEIGHTxWIDTH. "
            f"Received: image_size={text}"
        )
    return int(sides[1]), int(sides[2] or sides[1])


def _place(place: str) -> tuple[str, pathlib.Path]:
    """Returns NETWORK or the empty string, and the path of the file.

    A file of the whole name is one, unless NETWORK and FILE are both there.
    """
    head, colon, tail = place.partition(":")
    whole, file = (pathlib.Path(os.path.expanduser(part)) for part in (place, tail))
    if colon and head in NETWORKS and (file.exists() or not whole.exists()):
        return head, _existing(file)
    # A drive is a letter, and no name of a network.
    names_drive = pathlib.PureWindowsPath(place).drive
    if colon and not names_drive and not whole.exists() and file.is_file():
        raise ValueError(unknown(NETWORKS, head, "network of keras.applications"))
    return "", _existing(whole)


def _existing(file: pathlib.Path) -> pathlib.Path:
    if not file.exists():
        raise FileNotFoundError(
            "No such file; expected one of weights (NETWORK:FILE) or a saved model. "
            f"Received: {file}"
        )
    if not file.is_file():
        raise ValueError(
            "Expected a file, .keras or .h5. The function of a SavedModel can be "
            f"attacked in Python, see docs/library.md. Received: {file}"
        )
    return file


def _defaults(network: str) -> dict[str, Any]:
    """Returns the defaults of the numbers that the network's function takes."""
    parameters = inspect.signature(NETWORKS[network]).parameters.values()
    return {
        p.name: p.default
        for p in parameters
        if p.name not in _NOT_OPTIONS and isinstance(p.default, int | float)
    }


def _value(default: Any, text: str, key: str) -> int | float | bool:
    """Reads a value of the kind of the default."""
    kind = type(default)
    if kind is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        if kind is int:
            return int(text)
        if kind is float and math.isfinite(float(text)):
            return float(text)
    except ValueError:
        pass
    names = {bool: "true or false", int: "a whole number", float: "a number"}
    raise ValueError(f"{key} is {names[kind]}. Received: {key}={text}")
