"""A module run where TensorFlow is missing: `... without_tensorflow MODULE WORDS`."""

from __future__ import annotations

import runpy
import sys
from typing import Any


class Refusal:
    """Finds no TensorFlow, whatever is installed."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] in ("tensorflow", "tensorflow_datasets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
