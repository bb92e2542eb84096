"""Robust accuracy while Keras trains a model."""

import random

import keras
import numpy as np
import pytest

from common import attacks, evaluation
from common.foreign import RobustAccuracy

ATTACK = attacks.FGSM(40.0)


def test_the_logs_have_what_an_evaluation_counts_now(digits_model, few_digits):
    images, labels = few_digits[0]
    callback = RobustAccuracy(ATTACK, few_digits[0], every=2, pixels="unit")
    history = digits_model.fit(
        images / 255, labels, epochs=3, verbose=0, callbacks=[callback]
    ).history
    assert len(history["loss"]) == 3 and len(history["robust_accuracy"]) == 2

    def logits_fn(pixels):  # of a softmax; FGSM needs no more than the order
        return keras.ops.log(digits_model(pixels / 255.0, training=False))

    record = evaluation.evaluate(logits_fn, [(images, labels)], ATTACK)
    assert history["robust_accuracy"][-1] == pytest.approx(record.accuracy / 100)
    assert 0 < record.accuracy < 100


def test_a_training_adds_one_layer_to_the_graph_and_draws_no_random_number(
    digits_model, few_digits
):
    images, labels = few_digits[0]

    def seen(epochs):
        callback = RobustAccuracy(ATTACK, few_digits[0], pixels="unit")
        random.seed(1)
        digits_model.fit(
            images / 255, labels, epochs=epochs, verbose=0, callbacks=[callback]
        )
        return len(digits_model.layers[-2]._outbound_nodes), random.random()

    (first, drawn), (second, again) = seen(epochs=1), seen(epochs=2)
    assert second - first == 1  # that of the second training, not one for each epoch
    random.seed(1)
    assert drawn == again == random.random()


def test_half_precision_is_attacked_as_it_is_now(few_digits):
    images, labels = few_digits[0]
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential(
            [
                keras.Input((None, None, 1)),
                keras.layers.Conv2D(16, 8),
                keras.layers.GlobalMaxPooling2D(),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(
        keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["acc"]
    )
    callback = RobustAccuracy(
        attacks.FGSM(0.21), few_digits[0], pixels="unit", image_size=8
    )
    change = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: (
            epoch and model.layers[-1].bias.assign([20.0, *[0.0] * 9])
        )
    )
    with pytest.warns(UserWarning, match="less than one"):
        history = model.fit(
            images / 255, labels, epochs=2, verbose=0, callbacks=[change, callback]
        ).history
    assert history["robust_accuracy"] == pytest.approx(history["acc"], abs=0.02)
    assert history["acc"][0] != history["acc"][1]


def test_a_model_that_comes_to_have_no_gradient_trains_on(digits_model, few_digits):
    images, labels = few_digits[0]

    def die(epoch, logs):
        if epoch:
            digits_model.layers[0].bias.assign([-1e3] * 8)  # of a ReLU

    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_begin=die),
        RobustAccuracy(ATTACK, few_digits[0], pixels="unit"),
    ]
    with pytest.warns(UserWarning, match="No robust accuracy: "):
        history = digits_model.fit(
            images / 255, labels, epochs=3, verbose=0, callbacks=callbacks
        ).history
    first, *later = history["robust_accuracy"]
    assert first >= 0 and len(later) == 2 and np.isnan(later).all()


def test_what_makes_the_number_doubtful_is_a_warning(digits_model, few_digits):
    images, labels = few_digits[0]
    callback = RobustAccuracy(attacks.FGSM(0.3), few_digits[0], pixels="unit")
    with pytest.warns(UserWarning, match="Doubtful accuracy: .*less than one"):
        digits_model.fit(images / 255, labels, verbose=0, callbacks=[callback])


def test_a_model_that_is_built_by_its_first_batch_is_taken(few_digits):
    images, labels = few_digits[0]
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    callback = RobustAccuracy(ATTACK, few_digits[0], pixels="unit")
    history = model.fit(images / 255, labels, verbose=0, callbacks=[callback]).history
    assert 0 <= history["robust_accuracy"][0] <= 1


@keras.saving.register_keras_serializable()
class Code(keras.Model):
    """A network that is code, and is built by its first batch."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(10)

    def call(self, images):
        return self.dense(self.flat(images))


def test_a_network_that_is_code_is_built_before_the_first_batch(few_digits):
    images, labels = few_digits[0]
    model = Code()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    callback = RobustAccuracy(ATTACK, few_digits[0], pixels="unit")
    history = model.fit(images / 255, labels, verbose=0, callbacks=[callback]).history
    assert 0 <= history["robust_accuracy"][0] <= history["clean_accuracy"][0]


def test_wrong_pixels_show_in_the_clean_accuracy(digits_model, few_digits):
    images, labels = few_digits[0]
    digits_model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
    right, wrong = (
        RobustAccuracy(ATTACK, (images, shown), every=1, pixels="unit")
        for shown in (labels, (labels + 1) % 10)
    )
    fit = {"x": images / 255, "y": labels, "verbose": 0, "epochs": 2}
    found = digits_model.fit(**fit, callbacks=[right]).history
    clean = np.mean(np.argmax(digits_model(images / 255), -1) == labels)
    assert found["clean_accuracy"][-1] == pytest.approx(clean)
    with pytest.warns(UserWarning, match="near chance") as told:
        found = digits_model.fit(**fit, callbacks=[wrong]).history
    assert len([w for w in told if "near chance" in str(w.message)]) == 1
    assert found["clean_accuracy"][-1] < 0.2


def test_what_cannot_be_attacked_is_refused_before_the_first_epoch(
    digits_model, few_digits
):
    images, labels = few_digits[0]
    kept = digits_model.get_weights()
    for settings, message in (
        ({"pixels": "units"}, "Cannot attack small: Say which pixels"),
        ({"pixels": "unit", "output": "size"}, "Cannot attack small: Unknown or amb"),
        ({"data": (images[:, :6], labels), "pixels": "unit"}, r"resize .*\(6, 8\) for"),
    ):
        callback = RobustAccuracy(ATTACK, **{"data": few_digits[0], **settings})
        with pytest.raises(ValueError, match=message):
            digits_model.fit(images / 255, labels, callbacks=[callback], verbose=0)
    callback = RobustAccuracy(ATTACK, (images, labels + 1), pixels="unit")
    with pytest.raises(ValueError, match=r"Labels must be in \[0, 10\)"):
        digits_model.fit(images / 255, labels, callbacks=[callback], verbose=0)
    assert all(map(np.array_equal, kept, digits_model.get_weights()))
    for data, message in (
        ((images / 255, labels), "Multiply them by 255"),
        ((images, np.eye(10, dtype=int)[labels]), "one-hot"),
        ((images[:9], labels), "9 images and 100 labels"),
    ):
        with pytest.raises(ValueError, match=message):
            RobustAccuracy(ATTACK, data)
    for settings, message in (
        ({"every": 0}, "every"),
        ({"batch_size": 0}, "batch_size"),
        ({"attack": None}, "needs an attack"),
        ({"attack": attacks.FGSM}, "attack must be"),
    ):
        with pytest.raises(ValueError, match=message):
            RobustAccuracy(**{"attack": ATTACK, "data": few_digits[0], **settings})
    with pytest.raises(ValueError, match="2 sets, train, test"):
        RobustAccuracy(ATTACK, few_digits)
