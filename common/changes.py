"""Recipes that differ from another one in a few fields of a part."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.recipe import Recipe


def network(recipe: Recipe, **changes: Any) -> Recipe:
    """Returns the recipe with changes to its network, such as depth=152."""
    changed = dataclasses.replace(recipe.network, **changes)
    return dataclasses.replace(recipe, network=changed)


def method(recipe: Recipe, **changes: Any) -> Recipe:
    """Returns the recipe with changes to its method, such as label_smoothing=0.1."""
    changed = dataclasses.replace(recipe.method, **changes)
    return dataclasses.replace(recipe, method=changed)


def image_size(recipe: Recipe, side: int) -> Recipe:
    """Returns the recipe on images of another size.

    Args:
      recipe: on ImageNet.
      side: of the images; test images are resized to 32 pixels more, as 256 for 224.
    """
    dataset = dataclasses.replace(recipe.dataset, image_size=side, resize=side + 32)
    return dataclasses.replace(recipe, dataset=dataset)
