"""Trained networks as files that load where this suite is not installed.

    robust              a folder: a SavedModel of TensorFlow
    robust.weights.h5   the weights alone, by Keras
    robust.keras        a Keras model, of a network that came as one

A SavedModel has `serve`: pixels float32 [B, H, W, C] in [0, 255] -> logits [B, K].
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import keras

from common.foreign import adoption
from common.models import logits

_FORMS = (
    "NAME.weights.h5 for the weights, or a folder without a suffix for a SavedModel"
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
      ValueError: there is something of that name, the form is none that the network
        can have here, or the network does not have the branch.
    """
    logits_fn = logits.inference(network, branch)
    if to.exists():
        raise ValueError(f"--to is there; take another name. Received: --to={to}")
    if to.suffix == ".keras" and not isinstance(network, adoption.Network):
        raise ValueError(
            f"The layers of {network.name} are this suite's, which Keras alone does "
            f"not load: --to is {_FORMS}. Received: --to={to}"
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.name.endswith(".weights.h5"):
        network.save_weights(to)
    elif to.suffix == ".keras":
        network.plain(branch).save(to)
    elif to.suffix:
        raise ValueError(f"--to is {_FORMS}. Received: --to={to}")
    else:
        _write_saved_model(network, logits_fn, image_shape, to)


def _write_saved_model(
    network: keras.Model,
    logits_fn: Callable[[Any], Any],
    image_shape: tuple[int, int, int],
    to: pathlib.Path,
) -> None:
    """Writes a SavedModel.

    Raises:
      ValueError: it is not TensorFlow that runs.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "A SavedModel is written by TensorFlow, which reads the same checkpoints: "
            f"set KERAS_BACKEND=tensorflow. Received: --to={to}"
        )
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint(
        name="serve",
        fn=lambda images: logits_fn(images),
        input_signature=[keras.InputSpec(shape=(None, *image_shape), dtype="float32")],
    )
    archive.write_out(to, verbose=False)
