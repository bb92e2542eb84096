"""Networks of models with code in them, and with names that Keras makes up."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from common.foreign import adopt
from common.foreign.adoption_test import PIXELS, UNIT, centred, randomised, sequential
from common.models import norms


class Code(keras.Model):
    """A model that is code, with a batch norm inside."""

    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.norm = layers.BatchNormalization()
        self.dense = layers.Dense(units)

    def call(self, images, training=False):
        features = self.norm(ops.mean(images, axis=(1, 2)), training=training)
        return self.dense(features)

    def get_config(self):
        return {"units": self.units}


def test_a_model_that_is_code_trains_as_it_is_and_says_what_it_lacks():
    model = Code()
    model(UNIT)
    model.build((None, 8, 8, 3))
    randomised(model)
    network = adopt(model, pixels="unit")
    np.testing.assert_allclose(network(PIXELS), model(UNIT), atol=1e-6)
    found = network(PIXELS, training=True)
    np.testing.assert_allclose(found, model(UNIT, training=True), atol=1e-6)
    np.testing.assert_allclose(network.plain()(UNIT), model(UNIT), atol=1e-6)
    assert network.on_one_device
    (sentence,) = network.lacks
    assert "one device" in sentence
    with pytest.raises(ValueError, match="no batch norm that could have several"):
        adopt(model, pixels="unit", branches=norms.MIXTURE)


class Adapted(Code):
    """Code whose first layer computes with what its data were like."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = layers.Normalization(mean=None)

    def call(self, images, training=False):
        return super().call(self.scale(images), training=training)


def test_what_code_has_adapted_to_is_copied():
    model = Adapted()
    model.scale.adapt(UNIT)
    model(UNIT)
    randomised(model)
    network = adopt(model, pixels="unit")
    np.testing.assert_allclose(network(PIXELS), model(UNIT), atol=1e-5)
    np.testing.assert_allclose(network.plain()(UNIT), model(UNIT), atol=1e-5)


class Defended(Code):
    """Code with a switch that its configuration does not have."""

    defence = False

    def call(self, images, training=False):
        logits = super().call(images, training=training)
        return logits + ops.tanh(100.0 * logits) if self.defence else logits


def test_a_copy_that_answers_otherwise_is_refused():
    model = Defended()
    model(UNIT)
    randomised(model)
    adopt(model, pixels="unit")
    model.defence = True
    with pytest.raises(ValueError, match="get_config of a layer must have") as caught:
        adopt(model, pixels="unit")
    assert "\n" not in str(caught.value)


class Unnamed(layers.Layer):
    """A layer whose parts have names that Keras makes up; its own it does not save."""

    def __init__(self, filters=3):
        super().__init__()
        self.filters = filters
        self.inside = [layers.Conv2D(filters, 1), layers.Conv2D(3, 1)]

    def call(self, inputs):
        return self.inside[1](self.inside[0](inputs))

    def get_config(self):
        return {"filters": self.filters}

    def build(self, shape):
        self.inside[0].build(shape)
        self.inside[1].build((*shape[:-1], self.filters))

    def compute_output_shape(self, shape):
        return (*shape[:-1], 3)


class Scale(layers.Layer):
    """A layer that has its weight from the start."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = self.add_weight(shape=(), name="scale")

    def call(self, inputs):
        return inputs * self.scale


class Early(layers.Layer):
    """A layer that builds a part before it is built, outside of its own name."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = layers.Conv2D(3, 1)
        self.inside.build((None, 8, 8, 3))

    def call(self, inputs):
        return self.inside(inputs)


def wrapped():
    images = keras.Input((8, 8, 3))
    features = layers.Flatten()(layers.TimeDistributed(Unnamed())(images[:, None]))
    return randomised(keras.Model(images, layers.Dense(5)(features)))


def two_towers():
    images = keras.Input((8, 8, 3))
    towers = [
        keras.Sequential(
            [keras.Input((8, 8, 3)), Scale(name="scale"), layers.Flatten()]
        )
        for _ in range(2)
    ]
    features = layers.Concatenate()([tower(images) for tower in towers])
    return randomised(keras.Model(images, layers.Dense(5)(features)))


def recurrent():
    rows = layers.Reshape((8, 24))
    parts = [rows, layers.LSTM(4, activation="relu"), layers.Dense(5)]
    return randomised(keras.Sequential([keras.Input((8, 8, 3)), *parts]))


def attentive():
    images = keras.Input((8, 8, 3))
    rows = layers.Reshape((8, 24))(images)
    seen = layers.MultiHeadAttention(2, 3, dropout=0.5, name="attention")(rows, rows)
    logits = layers.Dense(5)(layers.Flatten()(seen))
    return randomised(keras.Model(images, logits))


def built_code():
    model = Code()
    model(UNIT)
    return randomised(model)


@pytest.mark.parametrize(
    "build",
    [
        lambda: sequential(layers.RandomFlip(), head=None),
        lambda: sequential(Unnamed(), head=None),
        lambda: sequential(Early(), layers.Conv2D(3, 1, name="conv2d"), head=None),
        wrapped,
        two_towers,
        recurrent,
        attentive,
        built_code,
    ],
    ids=[
        *("flip", "parts without names", "early part", "wrapped", "two towers"),
        *("recurrent", "attention", "code"),
    ],
)
def test_every_copy_has_the_same_paths_and_goes_home(build):
    """Else no checkpoint of one fits the next."""
    model = build()
    first = adopt(model, pixels="unit")
    build()  # moves on the numbers of the names that Keras makes up
    second = adopt(model, pixels="unit")
    paths = [variable.path for variable in first.variables]
    assert paths == [variable.path for variable in second.variables]
    assert len(set(paths)) == len(paths)
    expected = model(UNIT, training=False)
    for found in (second(PIXELS), second.plain()(UNIT, training=False)):
        np.testing.assert_allclose(found, expected, atol=1e-5)


class Sign(layers.Layer):
    def call(self, inputs):
        return -inputs


def test_two_classes_of_one_name_are_refused():
    other = type("Sign", (layers.Layer,), {"call": lambda self, inputs: inputs})
    model = sequential(Sign(), other())
    with pytest.raises(ValueError, match=r"different names. Received: Sign, Sign"):
        adopt(model, pixels="unit")


def test_attention_draws_nothing_in_training():
    network = adopt(attentive(), pixels="unit")
    assert network.lacks[0].startswith("attention draws by seeds of Keras")
    np.testing.assert_array_equal(network(PIXELS, training=True), network(PIXELS))


class Block(layers.Layer):
    """A layer with a batch norm inside, which nothing can reach."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.BatchNormalization()

    def call(self, inputs, training=False):
        return self.norm(inputs, training=training)


class LateBlock(Block):
    """One that has its batch norm from when it is built."""

    def __init__(self, **kwargs):
        layers.Layer.__init__(self, **kwargs)

    def build(self, shape):
        self.norm = layers.BatchNormalization()
        self.norm.build(shape)


@pytest.mark.parametrize("inner", [False, True], ids=["layer", "part"])
def test_what_is_frozen_inside_a_layer_of_code_stays_frozen(inner):
    block = Block(name="block")
    model = sequential(block)
    (block.norm if inner else block).trainable = False
    network = adopt(model, pixels="unit")
    assert not network.on_one_device and network.lacks == ()
    before = [v.numpy() for v in network.variables if "block" in v.path]
    found = np.asarray(network(PIXELS, training=True))
    expected = np.log(model(UNIT, training=True))
    np.testing.assert_allclose(centred(found), centred(expected), atol=1e-5)
    after = [v.numpy() for v in network.variables if "block" in v.path]
    assert len(before) == 4 and all(map(np.array_equal, before, after))


def test_what_is_frozen_of_a_model_that_is_code_stays_frozen():
    model = built_code()
    model.dense.trainable = False
    network = adopt(model, pixels="unit")
    assert [v.name for v in network.trainable_variables] == ["gamma", "beta"]


@pytest.mark.parametrize("block", [Block, LateBlock])
def test_batch_norm_inside_a_layer_of_code_stays_and_is_said(block):
    model = sequential(block(name="block"))
    network = adopt(model, pixels="unit")
    assert network.on_one_device
    assert network.lacks[0].startswith("The batch norm of block stays Keras's")
    found = np.asarray(network(PIXELS, training=True))
    expected = np.log(model(UNIT, training=True))
    np.testing.assert_allclose(centred(found), centred(expected), atol=1e-5)
