"""A fit of a small model under KERAS_BACKEND=jax: `python -m tests.fit_under_jax DIR`.

It begins, is killed, and goes on; its callback and its branches are used, too.
"""

from __future__ import annotations

import json
import sys

import keras

from common import attacks, data, foreign
from common.models import norms
from common.training import metrics
from intriguing_at.algorithm import AdversarialTraining


def main(workdir: str) -> None:
    """Trains a model with Keras, then further here, and prints what came of it."""
    keras.utils.set_random_seed(0)
    images, labels = data.Digits().train_slice(200)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.1),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    seen = foreign.RobustAccuracy(
        attacks.FGSM(8.0), (images, labels), every=4, pixels="unit"
    )
    history = model.fit(images / 255, labels, epochs=4, verbose=0, callbacks=[seen])
    given = model, ((images, labels), (images[:50], labels[:50]))
    settings = {"pixels": "unit", "steps": 16, "batch_size": 16, "workdir": workdir}
    end = metrics.Meter.flush

    def killed(self: metrics.Meter) -> None:
        raise KeyboardInterrupt

    metrics.Meter.flush = killed
    method = AdversarialTraining(attacks.PGD(40.0, 20.0, 2), clean_share=1.0)
    settings |= {"branches": norms.MIXTURE}
    try:
        foreign.fit(*given, method, **settings)
    except KeyboardInterrupt:
        metrics.Meter.flush = end
    robust, record = foreign.fit(*given, method, **settings)
    found = robust(images[:50] / 255).argmax(-1) == labels[:50]
    said = {
        "logged": history.history["robust_accuracy"],
        "right": int(found.sum()),
        "clean": record["accuracy"]["clean"],
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1])
