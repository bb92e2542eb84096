"""Trained networks as files that load where this suite is not installed.

    robust.keras        a Keras model, of layers that Keras has
    robust              a folder: a SavedModel of TensorFlow
    robust.weights.h5   the weights alone, by Keras

A Keras model of a recipe's network, and `serve` of a SavedModel, map pixels float32
[B, H, W, C] in [0, 255] to logits [B, K]. A network that came from elsewhere goes back
as the Keras model that it was.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import keras

from common import files
from common.foreign import adoption
from common.models import logits, plain

_FORMS = (
    "NAME.keras for a Keras model, NAME.weights.h5 for the weights, or a folder "
    "without a suffix for a SavedModel"
)


def write(
    network: keras.Model,
    image_shape: tuple[int, int, int],
    to: pathlib.Path,
    *,
    branch: str = "",
) -> None:
    """Writes a network in the form that the name of the file says.

    Args:
      network: of the suite, or adopted.
      image_shape: height, width and channels of its images.
      to: the file or folder.
      branch: of batch norm; the network's first if empty.

    Raises:
      ValueError: there is something of that name, the form is none of these or not of
        this engine, or the network does not have the branch.
    """
    logits_fn = logits.inference(network, branch)
    if to.exists():
        raise ValueError(
            f"The path of --to exists; choose another. Received: --to={to}"
        )
    is_weights, is_model = to.name.endswith(".weights.h5"), to.suffix == ".keras"
    if to.suffix and not (is_weights or is_model):
        raise ValueError(f"--to is {_FORMS}. Received: --to={to}")
    if not to.suffix and keras.backend.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow, which reads the same checkpoints: "
            f"set KERAS_BACKEND=tensorflow. Received: --to={to}"
        )
    with files.placed(to) as hidden:
        if is_weights:
            network.save_weights(hidden)
        elif is_model:
            _keras_model(network, image_shape, branch).save(hidden)
        else:
            _write_saved_model(network, logits_fn, image_shape, hidden)


def _keras_model(
    network: keras.Model, image_shape: tuple[int, int, int], branch: str
) -> keras.Model:
    """Returns the model of Keras's layers that does what a network does."""
    if isinstance(network, adoption.Network):
        return network.plain(branch)
    return plain.model(network, image_shape, branch or network.branches[-1])


def _write_saved_model(
    network: keras.Model,
    logits_fn: Callable[[Any], Any],
    image_shape: tuple[int, int, int],
    to: pathlib.Path,
) -> None:
    """Writes a SavedModel, under TensorFlow."""
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint(
        name="serve",
        fn=lambda images: logits_fn(images),
        input_signature=[keras.InputSpec(shape=(None, *image_shape), dtype="float32")],
    )
    archive.write_out(to, verbose=False)
