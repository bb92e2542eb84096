"""Robust accuracy in the logs of `model.fit`, for models that Keras trains."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from common import engine, errors, evaluation
from common.attacks import checks
from common.data import checks as data_checks
from common.evaluation import accuracy
from common.foreign import heads, loaded, saved, sources


class RobustAccuracy(keras.callbacks.Callback):
    """Adds `robust_accuracy` to the logs at the ends of epochs.

    It is the share of images that a model has right under an attack, in [0, 1] as the
    accuracies of Keras are. `clean_accuracy` is that of the same images without the
    attack: where it is lower than what Keras says of them, `pixels` is wrong. Whatever
    makes the number doubtful is a warning. Where the model has come to be one that
    cannot be attacked, such as one whose gradients are all zero, `robust_accuracy` is
    NaN, with a warning. Callbacks that come later in the list see them:
    `EarlyStopping(monitor="robust_accuracy", mode="max")` is one.
    """

    def __init__(
        self,
        attack: Any,
        data: Any,
        *,
        every: int = 1,
        pixels: str | Callable[[Any], Any] = "",
        image_size: int | str | None = None,
        output: int | str | None = None,
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
          image_size: where the model leaves it open.
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
        self.pixels, self.batch_size = pixels, batch_size
        self._options: dict[str, Any] = {"image_size": image_size, "output": output}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Refuses a model that cannot be attacked, before the first epoch.

        Raises:
          ValueError: what is said does not fit the model, its answers are no logits and
            cannot be made ones, a label is none of its classes, or the images are of
            another size than its input.
        """
        with loaded.explained(f"attack {self.model.name}"):
            if not self.model.built:
                self._build()
            self._found = loaded.of_model(self.model, self.pixels, **self._options)
            self._answers = heads.Answers(self._found.model, self._found.output)
        size = self._found.input.size
        if self.images.shape[1:3] != size:
            raise ValueError(
                "The images must have the size of the network's input: resize them. "
                f"Received: images of {self.images.shape[1:3]} for an input of {size}"
            )
        self._judges = evaluation.Judges(self._logits_fn)
        logits = self._judges.questions.check(self.images)
        data_checks.check_labels(self.labels, logits.shape[1])

    def _build(self) -> None:
        """Builds a model that would be built by the first batch."""
        shape = self.images.shape[1:]
        if isinstance(self.model, keras.Sequential):
            self.model.build((None, *shape))  # TensorFlow would take the batch's size
        else:
            self.model(np.zeros((1, *shape), np.float32), training=False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the accuracies to the logs of every `every`-th epoch, and of the last.

        Only of the last one a clean accuracy near chance is a warning.
        """
        is_last = epoch + 1 == self.params.get("epochs")
        if logs is None or ((epoch + 1) % self.every and not is_last):
            return
        self._renew()
        clean = robust = float("nan")
        try:
            with engine.explained_failures("batch_size of RobustAccuracy"):
                with warnings.catch_warnings():
                    if not is_last:
                        warnings.simplefilter("ignore")
                    clean = self._accuracy(None)
                robust = self._accuracy(self.attack)
        except (ValueError, errors.RunError) as error:  # must not end the training
            warnings.warn(f"No robust accuracy: {error}", stacklevel=2)
        logs["clean_accuracy"], logs["robust_accuracy"] = clean, robust

    def _accuracy(self, attack: Any) -> float:
        starts = range(0, len(self.labels), self.batch_size)
        cuts = [slice(start, start + self.batch_size) for start in starts]
        batches = [(self.images[cut], self.labels[cut]) for cut in cuts]
        record = evaluation.evaluate(self._judges, batches, attack, seed=self.seed)
        return record.accuracy / 100

    def _renew(self) -> None:
        """Gives what is a copy, of the model or of a layer, the weights of now."""
        if self._found.model is not self.model:
            saved.copy_weights(self.model, self._found.model)
        self._answers.renew()

    def _logits_fn(self, images: Any) -> Any:
        """Returns the logits of images in [0, 255]."""
        return self._found.classes(self._answers(self._found.images(images)))
