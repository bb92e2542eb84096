"""Files of networks: damaged ones, code that is not here, and other precisions."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from common.foreign import saved

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)


def network(*first, policy="float32", dtype=None):
    """Returns a small network of that policy, whose input is of the type."""
    keras.utils.set_random_seed(1)
    keras.config.set_dtype_policy(policy)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(7)])
    built = keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype=dtype),
            *first,
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            inner,
        ]
    )
    keras.config.set_dtype_policy("float32")
    return built


def loaded(network, tmp_path):
    network.save(tmp_path / "m.keras")
    return saved.load(tmp_path / "m.keras")


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_half_precision_is_computed_in_float32(tmp_path, policy):
    half = network(policy=policy)
    single = network()
    single.set_weights(half.get_weights())
    found, precision = saved.in_float32(loaded(half, tmp_path), IMAGES)
    assert precision == {"file": policy, "evaluated": "float32"}
    assert {str(v.dtype) for v in found.variables} == {"float32"}
    expected = np.asarray(single(IMAGES))
    np.testing.assert_allclose(found(IMAGES), expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(half(IMAGES), expected, rtol=1e-5, atol=1e-6)


def test_what_a_model_in_memory_was_compiled_with_does_not_matter():
    half = network(policy="mixed_float16")
    half.compile("sgd", lambda labels, logits: ops.mean(logits))
    found, precision = saved.in_float32(half, IMAGES)
    assert precision["evaluated"] == "float32" and not found.compiled
    np.testing.assert_allclose(found(IMAGES), half(IMAGES), atol=0.02)


def test_a_network_of_float32_is_kept(tmp_path):
    one = loaded(network(), tmp_path)
    found, precision = saved.in_float32(one, IMAGES)
    assert found is one
    assert precision == {"file": "float32", "evaluated": "float32"}


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_an_input_of_whole_numbers_becomes_one_of_float32(tmp_path, dtype):
    whole = loaded(network(dtype=dtype), tmp_path)
    found, precision = saved.in_float32(whole, IMAGES)
    assert precision == {"file": f"{dtype} input", "evaluated": "float32"}
    np.testing.assert_allclose(found(IMAGES), whole(IMAGES), rtol=1e-5)
    assert np.abs(np.asarray(found(IMAGES + 0.4)) - found(IMAGES)).max() > 1e-4


def test_whole_numbers_that_are_part_of_the_network_are_kept(tmp_path):
    images = keras.Input((8, 8, 3), dtype="uint8")
    twice = ops.add(images, images)  # 200 + 200 is 144
    whole = keras.Model(images, network()(ops.cast(twice, "float32")))
    found, precision = saved.in_float32(loaded(whole, tmp_path), IMAGES)
    assert precision == {"file": "uint8 input", "evaluated": "uint8 input"}
    np.testing.assert_allclose(found(IMAGES), whole(IMAGES), rtol=1e-5)


def broken(kind, whole):
    return {"empty": b"", "HTML": b"<!DOCTYPE html><p>404", "cut": whole[:-99]}[kind]


@pytest.mark.parametrize("kind", ["empty", "HTML", "cut"])
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
@pytest.mark.filterwarnings("ignore")  # that HDF5 is legacy
def test_a_damaged_file_is_said_to_be_damaged(tmp_path, name, kind):
    file = tmp_path / name
    save = network().save_weights if "weights" in name else network().save
    save(file)
    saved.check_intact(file)
    file.write_bytes(broken(kind, file.read_bytes()))
    with pytest.raises(ValueError, match="The file is damaged, or no ") as caught:
        saved.check_intact(file)
    assert "\n" not in str(caught.value) and "not found" not in str(caught.value)


def test_a_changed_byte_in_a_zip_is_seen(tmp_path):
    file = tmp_path / "m.keras"
    network().save(file)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged.*: model.weights.h5 in it"):
        saved.check_intact(file)


@keras.saving.register_keras_serializable()
class Mine(layers.Layer):
    """A layer that Keras does not have."""

    def call(self, inputs):
        return inputs


@keras.saving.register_keras_serializable()
def own(inputs):
    return ops.relu(inputs)


@keras.saving.register_keras_serializable()
class Whole(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = layers.Dense(3)

    def call(self, images):
        return self.dense(images)


def whole():
    built = Whole()
    built(IMAGES)
    return built


@pytest.mark.parametrize(
    ("make", "suffix", "message"),
    [
        (lambda: network(Mine()), "h5", "it needs .*Mine, which Keras does not have"),
        (lambda: network(layers.Activation(own)), "keras", "it needs .*own, which"),
        (whole, "keras", "it needs .*Whole, which"),
        (lambda: network(layers.Lambda(lambda x: x / 2)), "keras", "a Lambda layer"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # that HDF5 is legacy
def test_code_that_is_not_here_is_named(tmp_path, monkeypatch, make, suffix, message):
    file = tmp_path / f"m.{suffix}"
    make().save(file)
    for name in ("Mine", "own", "Whole"):
        monkeypatch.delitem(keras.saving.get_custom_objects(), f"Custom>{name}")
        monkeypatch.delitem(globals(), name)
    with pytest.raises((ValueError, TypeError)) as caught:
        saved.load(file)
    reason = saved.reason(caught.value)
    assert re.search(message, reason)
    assert "\n" not in reason and len(reason) < 200


def test_keras_json_is_set_aside_and_comes_back():
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    try:
        with saved.defaults():
            layer = layers.Conv2D(1, 1)
            assert (layer.data_format, layer.dtype) == ("channels_last", "float32")
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.floatx() == "float16"
    finally:
        keras.config.set_image_data_format("channels_last")
        keras.config.set_floatx("float32")
