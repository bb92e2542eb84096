"""b. A Free replay and a 7-PGD update beside an update of natural training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks import records, setting, timing
from common.engine import strategy, tensorflow_engine
from common.recipe import Recipe
from common.training import learner
from free_at import presets

NATURAL = "natural update"
ROWS = {
    NATURAL: setting.NATURAL,
    "Free replay": setting.FREE,
    "7-PGD update": setting.PGD_7,
}


def measure() -> tuple[records.Comparison, ...]:
    """Times updates on the small scale's network and on the paper's."""
    small = {row: presets.SMALL[name] for row, name in ROWS.items()}
    paper = {
        row: dataclasses.replace(presets.PAPER[name], batch_size=8)
        for row, name in list(ROWS.items())[:2]
    }
    return _compared(small, updates=16, rounds=9), _compared(paper, updates=1, rounds=7)


def _compared(
    recipes: dict[str, Recipe], *, updates: int, rounds: int
) -> records.Comparison:
    candidates = {
        row: repeated(built(recipe), recipe, updates=updates)
        for row, recipe in recipes.items()
    }
    samples = timing.interleaved(candidates, rounds)
    recipe = recipes[NATURAL]
    return records.Comparison(
        setting=f"{setting.network_name(recipe.network)}, "
        f"{setting.batch_name(recipe, recipe.batch_size)}, "
        f"updates in a sample: {updates}",
        reference=NATURAL,
        samples=samples,
        passes={row: _passes(recipe) for row, recipe in recipes.items()},
    )


def built(recipe: Recipe) -> learner.Learner:
    """Returns the recipe's learner before its first update, on one device."""
    return learner.build(recipe, strategy.make("one_device"), "float32")


def repeated(
    trained: learner.Learner, recipe: Recipe, *, updates: int
) -> Callable[[int], Any]:
    """Returns what does some updates of a recipe's learner, on one minibatch."""
    update = tensorflow_engine.compile_update(
        trained.method, trained.distribution, recipe.seed
    )
    batch = setting.random_batch(recipe, recipe.batch_size)

    def run(_: int) -> Any:
        for _ in range(updates):
            step = tf.constant(trained.step, tf.int64)
            values, trained.state = update(batch, trained.state, step)
            trained.step += 1
        return values["loss"].numpy()

    return run


def _passes(recipe: Recipe) -> dict[str, int]:
    """Counts the passes of one update, on two images."""
    network, batch = setting.network(recipe), setting.random_batch(recipe, 2)

    def update(counted: Callable[[Any], Any]) -> None:
        method = recipe.method.build(
            _Counted(network, counted),
            recipe.optimizer.build(recipe.schedule.build()),
            l2=recipe.l2,
            num_replicas=1,
        )
        method.train_step(batch, method.initial_state(batch[0].shape), 0)

    return timing.count_passes(update, lambda logits: logits)


@dataclasses.dataclass(frozen=True)
class _Counted:
    """A network whose logits go through a counter."""

    network: Any
    counted: Callable[[Any], Any]

    @property
    def trainable_variables(self) -> list[Any]:
        return self.network.trainable_variables

    def __call__(self, images: Any, training: bool) -> Any:
        return self.counted(self.network(images, training=training))
