"""What the benchmarks are run on, and its names in the records."""

from __future__ import annotations

from typing import Any

from keras import ops

from common import backend
from common.attacks import PGD
from common.models import WideResNet
from common.recipe import Recipe

# Recipes of Free's scale `small`, whose updates and networks are measured.
NATURAL, FREE, PGD_7 = "cifar10_natural", "cifar10_free_8", "cifar10_pgd_7_short"
PGD_20 = PGD(epsilon=8.0, step_size=2.0, num_steps=20)


def random_batch(recipe: Recipe, size: int) -> tuple[Any, Any]:
    """Returns images float32 [size, H, W, C] in [0, 255] and int32 labels [size]."""
    data = recipe.dataset
    shape = (size, data.image_size, data.image_size, data.channels)
    return 255.0 * backend.uniform(shape, 0), ops.arange(size) % data.num_classes


def network(recipe: Recipe) -> Any:
    """Returns the recipe's network, untrained."""
    data = recipe.dataset
    return recipe.network.build(
        data.num_classes, data.image_size, channels=data.channels
    )


def network_name(network: WideResNet) -> str:
    """Returns such as `WideResNet 8-2 with stem stride 2`."""
    stem = f" with stem stride {network.stem_stride}" if network.stem_stride > 1 else ""
    return f"WideResNet {network.depth}-{network.width}{stem}"


def batch_name(recipe: Recipe, size: int) -> str:
    """Returns such as `128 random images of 32 x 32`."""
    side = recipe.dataset.image_size
    return f"{size} random images of {side} x {side}"


def attack_name(attack: PGD) -> str:
    """Returns such as `PGD-20 with epsilon 8 and steps of 2`."""
    many = f", {attack.num_restarts} restarts" if attack.num_restarts > 1 else ""
    return (
        f"PGD-{attack.num_steps} with epsilon {attack.epsilon:g} and steps of "
        f"{attack.step_size:g}{many}"
    )
