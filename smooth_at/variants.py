"""Every recipe of the study of activations as a change to one of them."""

from __future__ import annotations

import dataclasses
from typing import Any

from common import changes
from common.models import activations
from common.recipe import Recipe
from common.training import schedules

NAMES = (  # of the figure, then of the code and of the text
    *("relu", "softplus", "parametric_softplus", "silu", "gelu", "elu", "smooth_relu"),
    *("mish", "learned_softplus", "gelu_exact"),
)
ALPHAS = (1.2, 1.4, 1.6, 1.8, 2.0)  # memory, study of ELU and CELU; at 1 they are one
SMOOTHING = 0.1  # SAT, left from an earlier project; LATER
STEPS = (2, 3, 4)  # not stated; ours: of the attacks of the controls
GRADIENTS = {  # Table 1: row -> whether attacker and update take the smooth derivative
    "table1_none": (activations.OWN, activations.OWN),
    "table1_attacker": (activations.SMOOTH, activations.OWN),
    "table1_update": (activations.OWN, activations.SMOOTH),
    "table1_both": (activations.SMOOTH, activations.SMOOTH),
}


def recipes(relu: Recipe) -> dict[str, Recipe]:
    """Returns the recipes on one network.

    Args:
      relu: single-step adversarial training with ReLU.
    """
    by_activation = {name: changes.network(relu, activation=name) for name in NAMES}
    silu = by_activation["silu"]
    return {
        **by_activation,
        **{
            f"{name}_{alpha}": changes.network(relu, activation=f"{name}_{alpha}")
            for name in ("elu", "celu")
            for alpha in ALPHAS
        },
        **{
            name: changes.method(relu, crafting=crafting, update=update)
            for name, (crafting, update) in GRADIENTS.items()
        },
        **{f"relu_steps_{steps}": attacked(relu, steps) for steps in STEPS},
        "silu_steps_2": attacked(silu, 2),
        "relu_longer": longer(relu),
        "silu_longer": longer(silu),
        "relu_smoothed": changes.method(relu, label_smoothing=SMOOTHING),
        "silu_smoothed": changes.method(silu, label_smoothing=SMOOTHING),
        "relu_seed1": dataclasses.replace(relu, seed=1),
        "silu_seed1": dataclasses.replace(silu, seed=1),
    }


def attacked(recipe: Recipe, num_steps: int) -> Recipe:
    """Returns the recipe with an attack of more steps in training."""
    attack = dataclasses.replace(recipe.method.attack, num_steps=num_steps)
    return changes.method(recipe, attack=attack)


def longer(recipe: Recipe) -> Recipe:
    """Returns the recipe at twice the length, with its drops at the same shares."""
    schedule = stretched(recipe.schedule)
    return dataclasses.replace(
        recipe, schedule=schedule, num_steps=2 * recipe.num_steps
    )


def stretched(schedule: Any) -> Any:
    """Returns the schedule with its drops twice as late; a warm-up stays as it is."""
    if isinstance(schedule, schedules.Warmup):
        return dataclasses.replace(schedule, schedule=stretched(schedule.schedule))
    later = tuple(2 * boundary for boundary in schedule.boundaries)
    return dataclasses.replace(schedule, boundaries=later)
