"""TensorFlow where it is first used."""

import sys
import types

import keras
import pytest
import tensorflow

from common.data import lazy


@pytest.fixture(autouse=True)
def anew():
    lazy.load.cache_clear()
    yield
    lazy.load.cache_clear()


def test_it_is_tensorflow():
    assert lazy.tf.constant is tensorflow.constant


def test_beside_another_engine_it_has_no_gpu(monkeypatch):
    hidden = []
    config = types.SimpleNamespace(
        set_visible_devices=lambda *args: hidden.append(args)
    )
    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(config=config))
    lazy.load()
    assert hidden == []
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    lazy.load.cache_clear()
    assert lazy.tf.config is config
    assert hidden == [([], "GPU")]


def test_without_tensorflow_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(FileNotFoundError, match=r"install requirements\.txt") as found:
        _ = lazy.tf.constant
    assert "\n" not in str(found.value)
