"""Finds the `Paper` value of a paper package by name."""

from __future__ import annotations

import importlib

from common.recipe import Paper


def find(paper: str) -> Paper:
    """Returns `PAPER` of the package of a name.

    The package is imported on demand, because `common` imports no paper.

    Raises:
      ValueError: there is no such package, or it has no `PAPER`.
    """
    try:
        found = getattr(importlib.import_module(paper), "PAPER", None)
    except ModuleNotFoundError as error:
        if error.name != paper:
            raise
        found = None
    if found is None:
        raise ValueError(
            f"Expected a paper package with PAPER. Received: paper={paper}"
        )
    return found
