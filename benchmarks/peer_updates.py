"""h. Updates in PyTorch beside this suite's, on one network and one minibatch.

It runs where PyTorch is installed, see `requirements-peers.txt`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import records, replay, setting, timing
from common.recipe import Recipe
from free_at import presets

OURS, PYTORCH = "this suite", "PyTorch, channels last"
UPDATES = {  # work -> recipe, and its updates in a sample
    "natural updates": (setting.NATURAL, 16),
    "Free replays": (setting.FREE, 16),
    "7-PGD updates": (setting.PGD_7, 3),
}
ROUNDS = 9


def measure() -> tuple[records.Comparison, ...]:
    """Times both at each work."""
    return tuple(
        _compared(work, presets.SMALL[name], updates)
        for work, (name, updates) in UPDATES.items()
    )


def _compared(work: str, recipe: Recipe, updates: int) -> records.Comparison:
    return records.Comparison(
        setting=f"{work}, {setting.network_name(recipe.network)}, "
        f"{setting.batch_name(recipe, recipe.batch_size)}, "
        f"{work} in a sample: {updates}",
        reference=OURS,
        samples=timing.interleaved(_candidates(recipe, updates), ROUNDS),
    )


def _candidates(recipe: Recipe, updates: int) -> dict[str, Callable[[int], Any]]:
    """Returns both, after an update of each where nothing is drawn."""
    from benchmarks import torch_updates  # PyTorch may be missing

    ours = replay.built(recipe)
    theirs = torch_updates.Learner(recipe, ours.network)
    if not recipe.method.attack_passes:
        replay.repeated(ours, recipe, updates=1)(0)
        torch_updates.repeated(theirs, recipe, updates=1)(0)
        theirs.check(ours.network)
    return {
        OURS: replay.repeated(ours, recipe, updates=updates),
        PYTORCH: torch_updates.repeated(theirs, recipe, updates=updates),
    }
