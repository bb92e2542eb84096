"""Which backend it is, and that any other is refused in one line."""

import types

import pytest

from common import backend


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'torch'"),
        ValueError("Unable to import backend : jxa"),
        ImportError("Traceback:\n  a page\nFailed to load the runtime"),
    ],
)
def test_a_backend_that_keras_cannot_load_is_one_line(error, monkeypatch):
    def fail():
        raise error

    broken = types.SimpleNamespace(backend=types.SimpleNamespace(backend=fail))
    monkeypatch.setattr(backend, "keras", broken)
    with pytest.raises(ValueError, match="set KERAS_BACKEND to one of them") as found:
        backend.engine_name()
    assert " ".join(str(error).split()) in str(found.value)
    assert "\n" not in str(found.value)


def test_a_backend_of_keras_that_is_no_engine_is_refused(monkeypatch):
    other = types.SimpleNamespace(backend=lambda: "numpy")
    monkeypatch.setattr(backend, "keras", types.SimpleNamespace(backend=other))
    with pytest.raises(ValueError, match=r"Received: KERAS_BACKEND=.*, which is numpy"):
        backend.engine_name()
