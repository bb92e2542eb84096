"""Modules that are imported where something of them is first used; Keras above all.

Recipes, records and claims are values. They are listed, compared and judged without an
engine, whose import takes seconds. So Keras is imported from here:

    from common.lazy import keras, ops

A module that derives a class from one of Keras needs Keras itself, and is in turn
loaded by what builds with it, through `module`.
"""

from __future__ import annotations

import importlib
import types
from typing import TYPE_CHECKING, Any


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def module(name: str) -> Any:
    """Returns a module that is imported when something of it is first used.

    Args:
      name: in full, such as `common.models.wide_resnet`.
    """
    return _Module(name)


def is_symbolic(value: Any) -> bool:
    """Whether a value stands for a tensor in a model that is being made."""
    return isinstance(value, keras.KerasTensor)


if TYPE_CHECKING:
    import keras
    from keras import ops, tree
else:
    keras, ops, tree = map(module, ("keras", "keras.ops", "keras.tree"))

__all__ = ["is_symbolic", "keras", "module", "ops", "tree"]
