"""Five updates of the papers' methods, at their own recipes for digits.

No derivative jumps in these networks. What rounds to either side of a kink has another
gradient, and training takes it from there: of the hundred thousand ReLUs that a paper's
network has for a minibatch, one did so in every few updates. A pixel whose gradient is
zero but for rounding would be stepped apart, too; these seeds meet none.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

import ensemble_at
import free_at
import intriguing_at
import kurakin2017
import smooth_at
from common import attacks, backend, models, recipe
from common.models import activations, layers, norms
from common.training import average
from tests import agreement
from tests.agreement import given

STEPS = 5


@dataclasses.dataclass(frozen=True)
class Tiny:
    """One hidden layer with all that a method asks for, and quick to compile."""

    activation: str = "silu"
    norm: Any = norms.DEFAULT

    def build(
        self, num_classes: int, image_size: int, channels: int = 3
    ) -> keras.Model:
        return layers.built(_Tiny(self, num_classes), image_size, channels)


class _Tiny(keras.Model):
    def __init__(self, config: Tiny, num_classes: int) -> None:
        super().__init__(name="tiny")
        self.branches = config.norm.branches
        self.dense = keras.layers.Dense(32, name="dense")
        self.norm = config.norm.layer(epsilon=1e-3, name="norm")
        self.activation = activations.layer(config.activation, name="activation")
        self.tops = [keras.layers.Dense(num_classes, name=n) for n in ("main", "aux")]

    def heads(
        self,
        images: Any,
        training: Any = False,
        *,
        branch: Any = "clean",
        backward: str = activations.OWN,
        seed: Any = None,
    ) -> Any:
        pixels = ops.reshape(images / 127.5 - 1.0, (images.shape[0], -1))
        features = self.norm(self.dense(pixels), training=training, branch=branch)
        features = self.activation(features, backward=backward)
        if seed is not None:
            keys = backend.example_keys(images)
            features = layers.dropped_out(features, 0.2, seed, keys)
        return tuple(top(features) for top in self.tops)

    def call(self, images: Any, training: Any = False, **mode: Any) -> Any:
        return self.heads(images, training, **{"branch": self.branches[0], **mode})[0]


def of_digits(paper: Any, name: str, *, network: Any = None, **fields: Any) -> Any:
    """Returns a recipe with its network made smooth, or another, and small batches.

    Further fields are the method's.
    """
    found = paper.PAPER.at("digits").recipe(name)
    return dataclasses.replace(
        found,
        network=network or dataclasses.replace(found.network, activation="silu"),
        method=dataclasses.replace(found.method, **fields),
        batch_size=32,
    )


def trained(chosen: recipe.Recipe) -> agreement.Arrays:
    """Returns all variables, the last state, and the metrics of every update."""
    network = given.filled(chosen.network.build(10, 8, channels=1))
    method = chosen.method.build(
        network,
        chosen.optimizer.build(chosen.schedule.build()),
        l2=chosen.l2,
        num_replicas=1,
        static_networks=[
            given.filled(chosen.network.build(10, 8, channels=1), seed)
            for seed, _ in enumerate(chosen.method.sources, start=1)
        ],
    )
    shadows = average.Average(network, chosen.average or 0.9)

    @backend.compiled
    def update(batch: Any, state: Any, step: Any) -> Any:
        result = method.train_step(batch, state, backend.fold(chosen.seed, step))
        shadows.update(step + 1)
        return result

    state = method.initial_state((chosen.batch_size, 8, 8, 1))
    found = {}
    for step in range(STEPS):
        batch = given.minibatch(step // method.num_replays, chosen.batch_size)
        tensors = tuple(map(ops.convert_to_tensor, batch))
        metrics, state = update(tensors, state, ops.convert_to_tensor(step, "int32"))
        found |= {f"{name} {step}": value for name, value in metrics.items()}
    if keras.tree.flatten(state):
        found["state"] = state
    variables = [*network.variables, *method.optimizer.variables, *shadows.variables]
    return found | {v.path: np.asarray(v) for v in variables}


TINY = Tiny()
MIXTURE = Tiny(norm=norms.Batch(branches=norms.MIXTURE))
GROUPS = dataclasses.replace(
    models.WideResNet(depth=8, width=2, stem_stride=2),
    activation="silu",
    norm=norms.Group(8),
)
RELU = Tiny(activation="relu")  # and no kink in a backward pass
SMOOTH = {"crafting": activations.SMOOTH, "update": activations.SMOOTH}
FAST = {
    "ensemble": of_digits(ensemble_at, "v3adv_ens3", network=TINY, delay=0),
    "free": of_digits(free_at, "cifar10_free_4", network=TINY),
    "kurakin": of_digits(kurakin2017, "step_ll", network=TINY, delay=2),
    "intriguing": of_digits(intriguing_at, "mbn", network=MIXTURE),
    "smooth": of_digits(smooth_at, "relu", network=RELU, **SMOOTH),
}
# Fewer steps than the recipes', since XLA's convolutions in a loop are slow on a CPU.
PAIR = {"attack": attacks.PGD(40.0, 30.0, 2, targeted="random", clean_start=0.2)}
HEAVY = {
    "free": of_digits(free_at, "cifar10_free_4"),
    "natural": of_digits(free_at, "cifar10_natural"),
    "pgd": of_digits(free_at, "cifar10_pgd_7", num_steps=2),
    "step_ll": of_digits(kurakin2017, "step_ll", delay=2),
    "iter_ll": of_digits(
        kurakin2017, "step_ll", attack=attacks.IterLL(64.0, 20.0, 2), delay=0
    ),
    "adversarial": of_digits(intriguing_at, "adversarial", **PAIR),
    "mixture": of_digits(intriguing_at, "mbn", **PAIR),
    "pairing": of_digits(intriguing_at, "mixed", pairing_weight=0.5, **PAIR),
    "consistent": of_digits(intriguing_at, "adversarial", consistent_from=3, **PAIR),
    "group": of_digits(intriguing_at, "mixed", network=GROUPS, **PAIR),
    "silu": of_digits(smooth_at, "silu"),
    "efficientnet": of_digits(
        smooth_at, "silu", network=models.EfficientNet(width=0.25, depth=0.3)
    ),
}
CASES, SLOW = (
    {name: lambda chosen=chosen: trained(chosen) for name, chosen in recipes.items()}
    for recipes in (FAST, HEAVY)
)
