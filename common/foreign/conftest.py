"""A model that knows some digits, and what it is trained further with."""

import keras
import numpy as np
import pytest

from common import data
from tests import small_paper

METHOD = small_paper.FREE.method  # m = 4, epsilon = 40


def small():
    """Returns a new model of digits in [0, 1], compiled."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="small",
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


@pytest.fixture(scope="session")
def half_trained():
    """Returns the weights of the small model, half trained."""
    model = small()
    images, labels = data.Digits().train_slice(400)
    model.fit(images / 255, labels, epochs=6, verbose=0)
    keras.backend.clear_session(free_memory=False)  # the names of its layers
    return model.get_weights()


@pytest.fixture
def digits_model(half_trained):
    """Returns a model of digits in [0, 1] that is half trained."""
    model = small()
    model.set_weights(half_trained)
    model.optimizer.build(model.trainable_variables)  # its file holds that state, too
    return model


@pytest.fixture
def few_digits():
    """Returns ((images, labels), (test images, test labels)), some of the digits."""
    images, labels = data.Digits().train_slice(160)
    return (images[:100], labels[:100]), (images[100:], labels[100:])


@pytest.fixture
def fitted(digits_model, few_digits, tmp_path, monkeypatch):
    """Returns a function: settings -> the model and the record of a short fit.

    It has no probe unless one is asked for, because that takes long to compile.
    """
    from common import foreign
    from common.training import loop

    def fit(
        model=digits_model,
        given=few_digits,
        method=METHOD,
        *,
        probed=False,
        **settings,
    ):
        settings = {
            "pixels": "unit",
            "steps": 8,
            "batch_size": 16,
            "workdir": tmp_path / "runs",
            "strategy": "one_device",
            **settings,
        }
        with monkeypatch.context() as patched:
            if not probed:
                patched.setattr(loop._Run, "_make_probe", lambda _: None)
            return foreign.fit(model, given, method, **settings)

    return fit


def accuracy(model, images, labels):
    """Returns percent of images in [0, 255] that a model of [0, 1] has right."""
    found = np.asarray(model(images / 255)).argmax(-1)
    return 100 * np.mean(found == labels)
