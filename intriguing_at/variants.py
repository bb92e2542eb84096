"""Every recipe of the paper's study as a change to one of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from common import changes
from common.models import architectures, norms
from common.recipe import Recipe
from common.training.natural import NaturalTraining
from intriguing_at.algorithm import AdversarialTraining

SHARES = (20, 40, 60, 80)  # figure 1: percent of clean images, besides 0 and 100
PAIRING = 0.5  # public ALP code, its examples
MIXTURE = norms.Batch(branches=norms.MIXTURE)


def strategies(
    base: Recipe, group: norms.Group, consistent_from: int
) -> dict[str, Any]:
    """Returns the training strategies of the study, on one network.

    Args:
      base: training on adversarial images alone, "100% adv + 0% clean".
      group: the group norm that takes the place of batch norm.
      consistent_from: updates after which batch norm trains as it tests.
    """
    mixed = changes.method(base, clean_share=1.0)
    paired = changes.method(mixed, pairing_weight=PAIRING)
    shared_statistics = dataclasses.replace(MIXTURE, share_statistics=True)
    shared_affine = dataclasses.replace(MIXTURE, share_affine=True)
    return {
        "clean": clean(base),
        "adversarial": base,
        "mixed": mixed,
        "mbn": changes.network(mixed, norm=MIXTURE),
        "mixed_alp": paired,
        "mbn_alp": changes.network(paired, norm=MIXTURE),
        **{
            f"share_{share}": changes.method(base, clean_share=share / 100)
            for share in SHARES
        },
        "consistent": changes.method(base, consistent_from=consistent_from),
        "adversarial_group": changes.network(base, norm=group),
        "mixed_group": changes.network(mixed, norm=group),
        "mixed_alp_group": changes.network(paired, norm=group),
        "mbn_shared_statistics": changes.network(mixed, norm=shared_statistics),
        "mbn_shared_affine": changes.network(mixed, norm=shared_affine),
    }


def clean(base: Recipe) -> Recipe:
    """Returns "0% adv + 100% clean" at the schedule and smoothing of another recipe."""
    smoothing = base.method.label_smoothing
    return dataclasses.replace(base, method=NaturalTraining(smoothing), probe=None)


def at_size(recipe: Recipe, size: architectures.Size) -> Recipe:
    """Returns the recipe on an EfficientNet of another size, at its image size."""
    recipe = changes.network(
        recipe, width=size.width, depth=size.depth, dropout=size.dropout
    )
    # The margin around the centre of a test image, 32 pixels, is that of the code of
    # 2020, of which the public weights are. Later it became an eighth of the side.
    return changes.image_size(recipe, size.image_size)


def advprop(clean_recipe: Recipe, attack: Any, **changes: Any) -> Recipe:
    """Returns AdvProp: mixture batch norm, tested through the clean branch.

    Args:
      clean_recipe: training on clean images alone.
      attack: crafts the adversarial images.
      **changes: to the network, beside its batch norm.
    """
    return joint(clean_recipe, attack, norm=MIXTURE, **changes)


def joint(clean_recipe: Recipe, attack: Any, **changes: Any) -> Recipe:
    """Returns training on clean and adversarial images.

    Args:
      clean_recipe: training on clean images alone.
      attack: crafts the adversarial images.
      **changes: to the network.
    """
    network = dataclasses.replace(clean_recipe.network, **changes)
    method = AdversarialTraining(
        attack,
        clean_share=1.0,
        label_smoothing=clean_recipe.method.label_smoothing,
    )
    return dataclasses.replace(clean_recipe, network=network, method=method)
