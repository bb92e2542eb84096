"""TensorFlow, imported where it is first used.

Recipes name datasets whose pipelines are TensorFlow's on machines that do not have it.
"""

from __future__ import annotations

import functools
import importlib
import types
from typing import TYPE_CHECKING, Any

from common import logs
from common.lazy import keras


@functools.cache
def load() -> Any:
    """Returns the module `tensorflow`.

    Raises:
      ImportError: it is not installed.
    """
    with logs.held_back():
        module = importlib.import_module("tensorflow")
    if keras.backend.backend() != "tensorflow":
        # Or it would take the memory that the other engine has left.
        module.config.set_visible_devices([], "GPU")
    return module


class _TensorFlow(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(load(), name)
        except ImportError as error:
            raise FileNotFoundError(
                "This is read by TensorFlow, which is not here: install "
                f"requirements.txt. Received: {error}"
            ) from None


if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = _TensorFlow("tensorflow")
