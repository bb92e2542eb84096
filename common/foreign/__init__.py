"""Networks and images from elsewhere: attacked, trained, and taken home.

The modules of the package:

  specs, loaded, saved, heads: a network as it came, and its logits.
  adoption: it as a network of the suite, which `substitutes` and `smoothing` make.
  classifiers, folders, labels, study: attacks without training.
  sources: data of anybody's, which `arrays`, `albums` and `splits` read.
  fitting: training, by the recipe of `plans` and the `tuning` of a paper.
  exports: trained networks as files; `commands` has what the flags ask for.

What scripts use is here, under `foreign`:

  adopt: a Keras model as a network of the suite.
  fit: the robust model that training makes of one.
  RobustAccuracy: a callback of `model.fit`, which adds it to the logs.
"""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "RobustAccuracy": "callback",
    "adopt": "adoption",
    "fit": "fitting",
}


def __getattr__(name: str) -> Any:
    """Returns what scripts use, from the module that has it; others need it not."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
