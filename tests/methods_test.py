"""What every training method keeps: each contract, for each recipe of the small paper.

What a method computes is tested beside it, against its oracle.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from common.models import norms
from common.training import optimizers
from common.training.natural import NaturalTraining
from free_at.algorithm import FreeTraining, PGDTraining
from intriguing_at.algorithm import AdversarialTraining
from tests import small_paper
from tests.oracles import training

BATCH = small_paper.FREE.dataset.train_slice(16)
RANDOM = {"pgd", "step_ll", "step_random", "adversarial", "mixture", "pairing"}
RANDOM |= {"ensemble", "silu", "smooth"}
CRAFTED = [n for n, r in small_paper.RECIPES.items() if hasattr(r.method, "attack")]
# Of the code of "step_ll" and "smooth", with another attack or activation.
ALIKE = ("step_random", "silu")
each_method = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ALIKE))
        for name in small_paper.RECIPES
    ],
)


def bound(name: str, *, num_replicas: int = 1, **changes: Any) -> Any:
    """Returns the method of a recipe, which crafts from the first update on."""
    recipe = small_paper.RECIPES[name]
    keras.utils.set_random_seed(0)
    network = recipe.network.build(10, 8, channels=1)
    static_networks = small_paper.static_networks(recipe.method)
    if hasattr(recipe.method, "delay"):
        changes["delay"] = 0
    method = dataclasses.replace(recipe.method, **changes)
    return method.build(
        network,
        optimizers.Momentum(0.0).build(0.1),
        l2=0.1,
        num_replicas=num_replicas,
        static_networks=static_networks,
    )


def updated(trained: Any, seed: Any = 0, train_step: Any = None) -> dict[str, Any]:
    """Returns the metrics, the state and all variables after an update."""
    images, labels = map(tf.constant, BATCH)
    state = trained.initial_state(images.shape)
    step = train_step or trained.train_step
    metrics, state = step((images, labels), state, seed)
    variables = {v.path: v for v in trained.network.variables}
    found = {**metrics, **variables, "state": state if len(state) else 0.0}
    return {key: np.asarray(value) for key, value in found.items()}


def check_same(found: dict[str, Any], expected: dict[str, Any], atol: float) -> None:
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=atol, err_msg=key)


@functools.cache
def eager(name: str, seed: int, *, num_replicas: int = 1, again: bool = False) -> Any:
    """Returns the variables before an eager update, and what it gives.

    With `again` it is made once more.
    """
    trained = bound(name, num_replicas=num_replicas)
    start = {v.path: v.numpy() for v in trained.network.variables}
    return start, updated(trained, seed)


@each_method
def test_no_branch_of_batch_norm_stays_untrained(name: str) -> None:
    method = small_paper.RECIPES[name].method
    network = small_paper.Network(norms.Batch(norms.MIXTURE))
    parts = network.build(10, 8, channels=1), optimizers.Momentum(0.0).build(0.1)
    if method.uses_branches:
        assert method.build(*parts, l2=0.0, num_replicas=1).theta
        return
    with pytest.raises(ValueError, match="trains one branch of batch norm"):
        method.build(*parts, l2=0.0, num_replicas=1)


@each_method
def test_a_replica_gives_its_share(name):
    start, whole = eager(name, 3)
    _, share = eager(name, 3, num_replicas=5)
    for key, value in whole.items():
        before = start.get(key, 0.0)
        parts = 1 if key == "state" or "moving" in key else 5
        moved = before + parts * (share[key] - before)
        np.testing.assert_allclose(moved, value, rtol=1e-5, atol=1e-5, err_msg=key)


@each_method
def test_the_seed_decides_all_that_is_random(name):
    (_, first), (_, other) = eager(name, 3), eager(name, 2)
    _, again = eager(name, 3, again=True)
    check_same(again, first, atol=0)
    assert (float(other["loss"]) != float(first["loss"])) == (name in RANDOM)


@each_method
def test_a_compiled_update_is_the_eager_one(name):
    trained = bound(name)
    train_step = tf.function(trained.train_step)
    found = updated(trained, tf.constant(3), train_step)
    check_same(found, eager(name, 3)[1], atol=1e-5)
    updated(trained, tf.constant(4), train_step)
    assert train_step.experimental_get_tracing_count() == 1


@dataclasses.dataclass(frozen=True)
class Watched:
    """An attack that is watched: what it is given, and whether weights stay."""

    attack: Any
    variables: list[Any]
    epsilon: Any = small_paper.EPSILON
    seen: list[Any] = dataclasses.field(default_factory=list, compare=False)

    def __call__(self, logits_fn: Any, images: Any, labels: Any, *, seed: Any) -> Any:
        before = [v.numpy() for v in self.variables]
        adv_images = self.attack(logits_fn, images, labels, seed=seed)
        after = [v.numpy() for v in self.variables]
        assert all(map(np.array_equal, before, after))
        self.seen.append((images.numpy(), labels.numpy(), int(seed)))
        return adv_images


@pytest.mark.parametrize("name", CRAFTED)
def test_an_attack_gets_images_hard_labels_and_a_seed_and_moves_nothing(name):
    trained = bound(name)
    variables = trained.network.variables
    watched = Watched(trained.attack, variables)
    trained.__dict__["attack"] = watched
    before = [v.numpy() for v in variables]
    for seed in (1, 2):
        updated(trained, seed)
    assert not any(map(np.array_equal, before, [v.numpy() for v in variables]))
    (images, labels, first), (*_, second) = watched.seen
    assert first != second and labels.dtype == np.int32
    pairs = [(image.tobytes(), label) for image, label in zip(*BATCH, strict=True)]
    for image, label in zip(images, labels, strict=True):
        assert (image.tobytes(), label) in pairs


class Drawing(training.Linear):
    """A network that draws in training, as dropout does."""

    draws = True

    def call(self, images, training=False, branch="clean", seed=None):
        return super().call(images, training=training, branch=branch)


@pytest.mark.parametrize(
    "method",
    [
        NaturalTraining(),
        FreeTraining(2, 8.0),
        PGDTraining(8.0, 2.0, 1),
        AdversarialTraining(training.Negative()),
    ],
    ids=lambda method: type(method).__name__,
)
def test_a_network_that_draws_draws_anew_in_every_update(method):
    seeds = []
    for seed in (7, 8):
        trained = training.bound(method, Drawing)
        images, labels = map(tf.constant, training.minibatch())
        state = trained.initial_state(images.shape)
        trained.train_step((images, labels), state, seed)
        seeds.append(int(trained.network.calls[-1][1]["seed"]))
    assert seeds[0] != seeds[1]
