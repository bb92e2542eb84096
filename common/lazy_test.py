"""Modules that wait until something of them is used."""

import sys

import keras
import pytest

from common import lazy


@pytest.fixture
def name(tmp_path, monkeypatch):
    """Returns the name of a module that nobody has imported."""
    (tmp_path / "a_module_to_wait_for.py").write_text("ANSWER = 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "a_module_to_wait_for"
    sys.modules.pop("a_module_to_wait_for", None)


def test_a_module_is_imported_when_something_of_it_is_used(name):
    module = lazy.module(name)
    assert name not in sys.modules
    assert module.ANSWER == 42
    assert name in sys.modules


def test_what_a_module_lacks_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match="QUESTION"):
        _ = lazy.module(name).QUESTION


def test_keras_is_itself():
    assert lazy.keras.Model is keras.Model
    assert lazy.ops.clip is keras.ops.clip
    assert lazy.tree.flatten is keras.tree.flatten
