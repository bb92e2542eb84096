"""A network of anybody's as a part of a recipe."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from common.foreign import adoption, classifiers, loaded, saved
from common.models import norms


@dataclasses.dataclass(frozen=True)
class Adopted:
    """A model that a run begins with; see `adoption.adopt`.

    Attributes:
      name: in records.
      spec: what is said of the model, without folders of this machine.
      sha256: of its file, or of its layers and weights where it has none.
      activation: a name in `keras.activations` that takes the place of its ReLUs.
      norm: the branches of its batch norms.
      found: the model.
    """

    name: str
    spec: str
    sha256: str
    activation: str = ""
    norm: norms.Batch = norms.DEFAULT
    found: Any = dataclasses.field(default=None, compare=False, repr=False)

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> adoption.Network:
        """Returns the network with the weights of the model.

        Args:
          num_classes: of the data, which must be the model's.
          image_size: not used, as the next; the model has its own input.
          channels: not used.

        Raises:
          ValueError: the model cannot have the activation or the branches.
        """
        del image_size, channels
        network = self.network()
        if network.num_classes != num_classes:
            raise ValueError(
                "The network's classes must be those of the data. Received: "
                f"{network.num_classes} classes of {self.name} and {num_classes} of "
                "the data"
            )
        return network

    def as_it_came(self) -> Adopted:
        """Returns the part whose network has the activations of the model."""
        return dataclasses.replace(self, activation="")

    def network(self) -> adoption.Network:
        """Returns the network, as `build`, whatever its classes are."""
        return adoption.network(self.found, activation=self.activation, norm=self.norm)


def part(
    model: keras.Model | str | pathlib.Path,
    *,
    pixels: str | Callable[[Any], Any] = "",
    image_size: int | str | None = None,
    output: int | str | None = None,
    background: str = "",
    **further: Any,
) -> Adopted:
    """Returns the part of a model, or of a string that names one.

    Args:
      model: as in `adoption.adopt`.
      pixels: as in `adoption.adopt`, and so are the next three.
      image_size: where the model leaves it open.
      output: of the classes, of several.
      background: the one that is no class.
      **further: `activation` and `norm` of the part.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: what is said is unknown or does not fit the model.
    """
    options: dict[str, Any] = {
        "image_size": image_size,
        "output": output,
        "background": background,
    }
    found, said = loaded.given(model, pixels, **options)
    if said:
        known = classifiers.record(said, found)
        name, spec, sha256 = said.name, known["spec"], known["sha256"]
    else:
        in_memory: Any = model
        name = in_memory.name
        spec = loaded.text(name, loaded.name_of(pixels), **options)
        sha256 = _digest(in_memory, found if callable(pixels) else None)
    return Adopted(name, spec, sha256, found=found, **further)


def _digest(model: keras.Model, mapped: loaded.Loaded | None) -> str:
    """Returns the SHA-256 of the layers and the weights of a model.

    Args:
      model: in memory.
      mapped: with a function of pixels, of which what it does counts; None without.
    """
    config = json.dumps(saved.serialized(model), sort_keys=True, default=str)
    digest = hashlib.sha256(config.encode())
    for values in model.get_weights():
        digest.update(values.tobytes())
    if mapped:
        seen = mapped.images(loaded.noise((4, *mapped.input.shape)))
        digest.update(keras.ops.convert_to_numpy(seen).tobytes())
    return digest.hexdigest()
