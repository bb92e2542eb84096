"""TensorFlow where it is first used."""

import sys

import pytest
import tensorflow

from common.data import lazy


def test_it_is_tensorflow():
    assert lazy.tf.constant is tensorflow.constant


def test_without_tensorflow_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    lazy.load.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"install requirements\.txt") as found:
        _ = lazy.tf.constant
    assert "\n" not in str(found.value)
