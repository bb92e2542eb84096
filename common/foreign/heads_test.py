"""Outputs and softmaxes: what is taken off, what stays, and what is not touched."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from common.foreign import heads

IMAGES = np.random.default_rng(0).normal(size=(5, 4, 4, 3)).astype(np.float32)


def dense(activation=None, units=7):
    return layers.Dense(units, activation=activation, kernel_initializer="normal")


def sequential(*last, size=7):
    return keras.Sequential([keras.Input((size,)), *last])


def model(*last):
    """Returns a network that ends with functions of its 7 features."""
    keras.utils.set_random_seed(1)
    images = keras.Input((4, 4, 3))
    tensor = dense(units=7)(layers.Flatten()(images))
    for function in last:
        tensor = function(tensor)
    return keras.Model(images, tensor)


def softmax(logits):
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def answer(network, output=None):
    return np.asarray(heads.Answers(network, output)(IMAGES))


@pytest.mark.parametrize(
    "last",
    [
        lambda: [dense("softmax")],
        lambda: [dense(layers.Softmax())],
        lambda: [layers.Activation("softmax")],
        lambda: [layers.Softmax()],
        lambda: [ops.softmax],
        lambda: [sequential(dense("softmax"))],
        lambda: [sequential(sequential(sequential(layers.Softmax())))],
        lambda: [layers.Reshape((1, 1, 7)), layers.Softmax(), layers.Flatten()],
        lambda: [
            layers.Reshape((1, 1, 7)),
            layers.Conv2D(7, 1, activation="softmax"),
            lambda x: ops.squeeze(x, (1, 2)),
            layers.Activation("linear"),
            lambda x: ops.cast(x, "float32"),
            layers.Dropout(0.5),
        ],
        lambda: [layers.Reshape((7, 1)), layers.Softmax(axis=1), layers.Flatten()],
        lambda: [lambda x: ops.softmax(x / 3.0)],
    ],
)
def test_a_softmax_at_the_end_is_taken_off(last):
    network = model(*last())
    before = np.asarray(network(IMAGES))
    logits = answer(network)
    assert not np.allclose(logits.sum(-1), 1)
    np.testing.assert_allclose(softmax(logits), before, rtol=1e-4)
    np.testing.assert_array_equal(network(IMAGES), before)  # it is as it was loaded


def test_a_single_sigmoid_is_the_probability_of_the_second_class():
    network = model(sequential(dense("sigmoid", units=1)))
    probability = np.asarray(network(IMAGES))
    both = np.concatenate([1 - probability, probability], axis=1)
    np.testing.assert_allclose(softmax(answer(network)), both, rtol=1e-4)
    constant = model(dense("softmax", units=1))  # 1 whatever the image: no classifier
    assert answer(constant).shape == (5, 1)


def flat():
    return [layers.Flatten(), dense(), dense("softmax")]


def nested():
    base, head = (
        keras.Model(images, function(images))
        for images, function in (
            (keras.Input((4, 4, 3)), layers.Flatten()),
            (keras.Input((48,)), dense("softmax")),
        )
    )
    return [base, head]


@pytest.mark.parametrize("parts", [flat, nested])
def test_names_that_keras_made_up_in_another_process_do_not_clash(parts):
    network = keras.Sequential([keras.Input((4, 4, 3)), *parts()])
    before = np.asarray(network(IMAGES))
    keras.backend.clear_session(free_memory=False)  # numbers them from the start
    np.testing.assert_allclose(softmax(answer(network)), before, rtol=1e-4)


@pytest.mark.parametrize(
    "last",
    [
        lambda: [dense("sigmoid")],
        lambda: [ops.sigmoid],
        lambda: [sequential(layers.Activation("sigmoid"))],
    ],
)
def test_a_sigmoid_at_the_end_is_taken_off(last):
    network = model(*last())
    logits = answer(network)
    expected = np.asarray(network(IMAGES))
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, rtol=1e-4)


def attention(tensor):
    return dense()(layers.Multiply()([tensor, layers.Softmax()(tensor)]))


@pytest.mark.parametrize(
    "last",
    [
        lambda: [layers.Softmax(), dense()],
        lambda: [attention],
        lambda: [layers.Reshape((7, 1)), layers.Softmax(), layers.Flatten()],
        lambda: [dense(units=8), layers.Reshape((2, 4)), ops.softmax, layers.Flatten()],
        lambda: [lambda x: ops.softmax(x, axis=0)],
        lambda: [ops.softmax, lambda x: x * 3.0],
        lambda: [ops.log_softmax],
        lambda: [layers.Reshape((7, 1)), layers.GRU(5, activation="softmax")],
    ],
)
def test_what_is_not_a_softmax_over_the_classes_at_the_end_stays(last):
    network = model(*last())
    np.testing.assert_allclose(answer(network), network(IMAGES), rtol=1e-5)


def test_a_layer_of_two_uses_keeps_its_softmax_in_the_other():
    shared = dense("softmax")
    network = model(shared, shared)
    first = model()
    first.set_weights(network.get_weights()[:2])
    kernel, bias = shared.get_weights()
    once = softmax(np.asarray(first(IMAGES)) @ kernel + bias)
    np.testing.assert_allclose(answer(network), once @ kernel + bias, rtol=1e-4)


def two_outputs(structure):
    images = keras.Input((4, 4, 3))
    flat = layers.Flatten()(images)
    parts = [
        layers.Dense(k, "softmax", name=n)(flat) for k, n in ((7, "main"), (5, "aux"))
    ]
    return keras.Model(images, structure(parts))


@pytest.mark.parametrize(
    ("structure", "output", "classes"),
    [
        (list, "main", 7),
        (list, "1", 5),
        (list, 0, 7),
        (lambda parts: {"y": parts[0], "x": parts[1]}, "y", 7),
        (lambda parts: {"y": parts[0], "x": parts[1]}, "0", 5),
        (lambda parts: {"a": {"y": parts[0]}, "b": [parts[1]]}, "a.y", 7),
        (lambda parts: {"y": parts[1]}, None, 5),
    ],
)
def test_an_output_is_chosen_by_its_name_or_position(structure, output, classes):
    logits = answer(two_outputs(structure), output)
    assert logits.shape == (5, classes) and not np.allclose(logits.sum(-1), 1)


class Code(keras.Model):
    """A network that is code: it has no graph."""

    def __init__(self, structure):
        super().__init__()
        self.structure, self.flatten = structure, layers.Flatten()
        self.parts = [layers.Dense(7), layers.Dense(5)]

    def call(self, images):
        return self.structure([part(self.flatten(images)) for part in self.parts])


@pytest.mark.parametrize(
    "network",
    [lambda: two_outputs(list), lambda: Code(list), lambda: Code(lambda x: x)],
)
def test_one_of_several_outputs_has_to_be_said(network):
    with pytest.raises(ValueError, match=r"2 outputs; say output= one of 0 \(\w+\), 1"):
        answer(network())
    with pytest.raises(ValueError, match="Received: 2"):
        answer(network(), "2")


@pytest.mark.parametrize(("output", "classes"), [("x", 5), ("y", 7), ("1", 7)])
def test_the_outputs_of_code_are_those_that_it_returns(output, classes):
    network = Code(lambda parts: {"y": parts[0], "x": parts[1]})
    assert answer(network, output).shape == (5, classes)
    one = Code(lambda parts: parts[0])
    np.testing.assert_array_equal(answer(one), one(IMAGES))
