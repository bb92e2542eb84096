"""Trainings that differ in nothing but their seed, and their names."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from common.recipe import Recipe


def of_seed(name: str, seed: int) -> str:
    """Returns the name of a recipe at a seed: its own at 0, else such as `relu_seed1`.

    Args:
      name: of the recipe with seed 0.
      seed: of the training.
    """
    return f"{name}_seed{seed}" if seed else name


def without_seed(name: str) -> str:
    """Returns the name of a recipe with seed 0, of which papers report numbers."""
    return re.sub(r"_seed\d+$", "", name)


def seeded(
    recipes: Mapping[str, Recipe], names: Sequence[str], seeds: Iterable[int]
) -> dict[str, Recipe]:
    """Returns the recipes and, of those that are named, one for each further seed.

    Args:
      recipes: name to recipe, of seed 0.
      names: of recipes.
      seeds: besides 0.
    """
    others = {
        of_seed(name, seed): dataclasses.replace(recipes[name], seed=seed)
        for seed in seeds
        for name in names
    }
    return {**recipes, **others}


def rows(known: Mapping[str, str], seeds: Iterable[int]) -> dict[str, str]:
    """Returns the rows of a table of further seeds.

    Args:
      known: row heading to recipe name, of seed 0.
      seeds: besides 0.
    """
    chosen = list(seeds)
    return {
        f"{row}, seed {seed}": of_seed(name, seed)
        for row, name in known.items()
        for seed in chosen
    }
