"""Which parts of a network are ReLUs, and what takes their place."""

import keras
import pytest
from keras import layers, ops

from common.foreign import smoothing


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (ops.relu, True),
        (keras.activations.relu, True),
        (layers.ReLU(), True),
        (layers.Activation("relu"), True),
        (layers.ReLU(max_value=6.0), False),
        (layers.ReLU(negative_slope=0.1), False),
        (layers.Activation("relu6"), False),
        (layers.Dense(3, activation="relu"), False),
        (ops.silu, False),
        (None, False),
    ],
)
def test_relu_itself_is_told_from_what_resembles_it(part, expected):
    assert smoothing.is_relu(part) is expected


def test_every_kind_of_relu_is_replaced_and_smooth_ones_stay():
    images = keras.Input((3,))
    tensor = layers.Dense(4, activation="relu6")(images)
    tensor = layers.Dense(4, activation="leaky_relu")(layers.ReLU()(tensor))
    tensor = layers.LeakyReLU()(ops.relu(tensor)) + ops.relu6(tensor)
    inner = keras.Sequential([keras.Input((4,)), layers.Activation("relu")])
    tensor = layers.Dense(4, activation="gelu")(inner(tensor))
    network = keras.Model(images, layers.PReLU()(tensor))
    config = keras.saving.serialize_keras_object(network)
    changed = smoothing.without_relu("silu")(config)
    assert str(changed).count("'activation': 'silu'") == 7
    assert str(changed).count("'activation': 'gelu'") == 1
    keras.saving.deserialize_keras_object(changed)
    again = smoothing.without_relu("elu")(changed)
    assert again == changed


def test_what_is_not_smooth_is_refused():
    with pytest.raises(ValueError, match=r"smooth activation of Keras.*relu"):
        smoothing.without_relu("relu")
