"""Networks from elsewhere, for attacks without training.

A classifier is named by one string:

    [NETWORK:]FILE[?OPTION=VALUE[&OPTION=VALUE...]]

With NETWORK, a function of `keras.applications`, FILE holds its weights; without, FILE
is a saved model (`.keras` or `.h5`). Options:

    name=...        under which it is recorded; NETWORK or the file's name by default
    image_size=...  side of its input in pixels, or HEIGHTxWIDTH, where it has none
    pixels=...      a saved model takes pixels in [0, 255] (`raw`), [0, 1] (`unit`) or
                    [-1, 1] (`tf`), or standardised ones as in `keras.applications`
                    (`torch`, `caffe`); has to be said. Of NETWORK, Keras knows it.
    output=...      name or position of the output with the classes, of several
    background=...  `first` or `last`: that one is no class, and is dropped
    frozen=...      `batch_norm`: it stays as it is when the network is trained

and with NETWORK the numbers that the function takes, such as alpha. For example
`MobileNet:w.weights.h5?alpha=0.75&image_size=192` and `robust.keras?pixels=unit`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from common.attacks import answers as attack_answers
from common.foreign import heads, loaded, saved, specs


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
    said = specs.parse(spec, loaded.OPTIONS)
    name = said.name
    with loaded.explained(f"load classifier={spec}"):
        found = loaded.load(said)
        logits_fn = _logits_fn(found)
        answer = np.asarray(logits_fn(loaded.noise((4, *found.input.size, 3))))
        if answer.ndim != 2 or answer.shape[1] < 2:
            raise ValueError(
                f"expected logits [B, K] out, not {answer.shape}, K at least 2, or one "
                "sigmoid"
            )
    size = max(found.input.size)
    return Classifier(name, logits_fn, size, answer.shape[1], record(said, found))


def record(said: specs.Spec, found: loaded.Loaded) -> dict[str, Any]:
    """Returns what a network from a file is, see `Classifier`."""
    known: dict[str, Any] = {
        "name": said.name,
        "spec": said.without_folders,
        "sha256": hashlib.sha256(said.file.read_bytes()).hexdigest(),
    }
    if found.precision["file"] != saved.FLOAT32:
        known["precision"] = found.precision
    return known


def _logits_fn(found: loaded.Loaded) -> Callable[[Any], Any]:
    """Returns images -> logits, without the background."""
    answers = heads.Answers(found.model, found.output)

    def logits_fn(images: Any) -> Any:
        with saved.defaults():
            return found.classes(answers(found.images(images)))

    if found.background:  # without it, probabilities no longer sum to 1
        with_all = answers(found.images(loaded.noise((4, *found.input.size, 3))))
        attack_answers.check_logits(ops.cast(with_all, "float32"))
    return logits_fn
