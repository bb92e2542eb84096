"""Robust accuracy in the logs of `model.fit`, for models that Keras trains."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras

from common.attacks import checks
from common.data import checks as data_checks
from common.evaluation import accuracy, attackable
from common.foreign import heads, loaded, sources


class RobustAccuracy(keras.callbacks.Callback):
    """Adds `robust_accuracy` to the logs at the ends of epochs.

    It is the share of images that a model has right under an attack, in [0, 1] as the
    accuracies of Keras are. Whatever makes the number doubtful is a warning. Where the
    model has come to be one that cannot be attacked, such as one whose gradients are
    all zero, it is NaN, with a warning. Callbacks that come later in the list see it:
    `EarlyStopping(monitor="robust_accuracy", mode="max")` is one.
    """

    def __init__(
        self,
        attack: Any,
        data: Any,
        *,
        every: int = 1,
        pixels: str | Callable[[Any], Any] = "",
        output: str | None = None,
        seed: int = 0,
        batch_size: int = 250,
    ) -> None:
        """Reads the data; the model is known when training begins.

        Args:
          attack: from `common.attacks`; epsilon is in pixels of 255.
          data: (images, labels), images [n, H, W, C] in [0, 255], or a
            `tf.data.Dataset` of them of a known length.
          every: epochs between two evaluations; the last epoch has one, too.
          pixels: that the model takes, as in `adoption.adopt`.
          output: of the classes, of several.
          seed: of the attack.
          batch_size: images attacked at a time.

        Raises:
          ValueError: `every` or `batch_size` below 1, no attack or one that no record
            can hold, or data of another kind, such as in [0, 1].
        """
        super().__init__()
        checks.check_count("every", every)
        if attack is None:
            raise ValueError(
                "RobustAccuracy needs an attack, such as attacks.FGSM(8.0). "
                "Received: attack=None"
            )
        accuracy.check_settings(attack, seed, batch_size)
        self.images, self.labels = sources.pair(data)
        self.attack, self.every, self.seed = attack, every, seed
        self.pixels, self.output, self.batch_size = pixels, output, batch_size

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuses a model that cannot be attacked, before the first epoch.

        Raises:
          ValueError: what is said does not fit the model, its answers are no logits and
            cannot be made ones, or a label is none of its classes.
        """
        is_open = isinstance(self.model, keras.Sequential) and not self.model.built
        if is_open:  # without an Input TensorFlow would build it with the first batch
            with loaded.explained(f"attack {self.model.name}"):
                self.model.build((None, *self.images.shape[1:]))
        logits = attackable.Questions(self._logits_fn()).check(self.images)
        data_checks.check_labels(self.labels, logits.shape[1])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the accuracy to the logs of every `every`-th epoch, and of the last."""
        is_last = epoch + 1 == self.params.get("epochs")
        if logs is None or ((epoch + 1) % self.every and not is_last):
            return
        starts = range(0, len(self.labels), self.batch_size)
        cuts = [slice(start, start + self.batch_size) for start in starts]
        try:
            record = accuracy.evaluate(
                self._logits_fn(),
                [(self.images[cut], self.labels[cut]) for cut in cuts],
                self.attack,
                seed=self.seed,
            )
        except ValueError as error:  # which must not end the training of Keras
            warnings.warn(f"No robust accuracy: {error}", stacklevel=2)
            logs["robust_accuracy"] = float("nan")
        else:
            logs["robust_accuracy"] = record.accuracy / 100

    def _logits_fn(self) -> Callable[[Any], Any]:
        """Returns images in [0, 255] -> logits of the model as it is now.

        A softmax is taken off by a copy of its layer, which has the weights of now.
        """
        with loaded.explained(f"attack {self.model.name}"):
            found = loaded.of_model(self.model, self.pixels, output=self.output)
            answers = heads.answers(found.model, self.output)
        return lambda images: found.classes(answers(found.images(images)))
