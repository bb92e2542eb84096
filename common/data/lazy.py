"""TensorFlow, imported where it is first used.

Recipes name datasets whose pipelines are TensorFlow's on machines that do not have it.
"""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any


class _TensorFlow(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(importlib.import_module("tensorflow"), name)
        except ModuleNotFoundError as error:
            raise FileNotFoundError(
                "These data are read by TensorFlow, which is not here: install "
                f"requirements.txt. Received: {error}"
            ) from None


if TYPE_CHECKING:
    import tensorflow as tf
else:
    tf = _TensorFlow("tensorflow")
