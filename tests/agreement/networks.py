"""Networks and what they are made of: values, gradients, statistics, optimizers."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import keras
import numpy as np
from keras import ops

from common import attacks, backend, models
from common.attacks import losses
from common.models import activations, norms
from common.training import optimizers, schedules
from tests import agreement
from tests.agreement import given

MIXTURE = norms.Batch(branches=norms.MIXTURE)
SMOOTH = {"activation": "silu"}  # no kink, to either side of which a value may round
WIDE = models.WideResNet(depth=8, width=1, **SMOOTH)
NETWORKS = {
    "wide": WIDE,
    "mixture": dataclasses.replace(WIDE, norm=MIXTURE),
    "synchronized": dataclasses.replace(WIDE, norm=norms.Batch(synchronized=True)),
    "group": dataclasses.replace(WIDE, norm=norms.Group(8)),
    "resnet": models.ResNet(depth=18, **SMOOTH),
    # Batch norm over eight images amplifies rounding in as many layers.
    "resnext": models.ResNet(
        groups=32, group_width=4, denoise="gaussian", norm=norms.Group(8), **SMOOTH
    ),
    "denoise": models.ResNet(depth=18, denoise="gaussian", **SMOOTH),
    "efficientnet": models.EfficientNet(width=0.25, depth=0.3),
    "inception_resnet_v2": models.InceptionResNetV2(
        width=0.25, blocks=(1, 1, 1), **SMOOTH
    ),
    "inception_v3": models.InceptionV3(width=0.25, blocks=(1, 1, 1), **SMOOTH),
    "inception_v4": models.InceptionV4(width=0.25, blocks=(1, 1, 1), **SMOOTH),
    "maxout": models.Maxout(units=12, pieces=3),
}


def passes(config: Any, side: int = 16) -> agreement.Arrays:
    """Returns logits and gradients in both modes, and the statistics afterwards."""
    network = given.filled(config.build(10, side))
    images, labels = map(ops.convert_to_tensor, given.photographs(8, side))
    branches = network.branches
    parts = {"branch": ((branches[-1], 5), (branches[0], 3))} if branches[1:] else {}
    draws = {"seed": 7} if getattr(network, "draws", False) else {}

    @backend.compiled
    def both(images: Any) -> Any:
        def loss(images: Any) -> Any:
            logits = network(images, training=True, **parts, **draws)
            return ops.mean(losses.cross_entropy(labels, logits)), logits

        theta = network.trainable_variables
        trained = backend.value_and_gradients(loss, theta, images)
        return trained, network(images, training=False, branch=branches[0])

    ((_, logits), (g_theta, g_images)), inferred = both(images)
    gradients = {
        f"gradient {v.path}": g
        for v, g in zip(network.trainable_variables, g_theta, strict=True)
    }
    statistics = {v.path: np.asarray(v) for v in network.non_trainable_variables}
    found = {"logits": logits, "inferred": inferred, "g_images": g_images}
    return {**found, **gradients, **statistics}


def activated() -> agreement.Arrays:
    """Returns all activations and their derivatives, on both sides of every kink."""
    inputs = np.concatenate([np.linspace(-30.0, 30.0, 122), [1e-3, -1e-3, 6.1, 5.9]])
    numbered = ("elu_1.6", "celu_1.6", "parametric_softplus_5", "relu_decay_0.1")
    modes = dict.fromkeys((*activations.ACTIVATIONS, *numbered), activations.OWN)
    modes |= dict.fromkeys(activations.LEARNED, activations.OWN)
    modes |= {"relu ": activations.SMOOTH}
    found = {}
    for name, backward in modes.items():
        layer = activations.layer(name.strip(), name="activation")
        layer.build(inputs.shape)
        result, (g_inputs, g_weights) = backend.value_and_gradients(
            lambda x, layer=layer, backward=backward: _with_sum(
                layer(x, backward=backward)
            ),
            ops.convert_to_tensor(inputs, "float32"),
            layer.trainable_variables,
        )
        found |= {name: result[1], f"{name} derivative": g_inputs}
        found |= {f"{name} of weight": g for g in g_weights}
    return found


def _with_sum(values: Any) -> tuple[Any, Any]:
    return ops.sum(values), values


def updated() -> agreement.Arrays:
    """Returns weights and slots after updates over drops of the rate."""
    kinds = {
        "momentum": optimizers.Momentum(0.9),
        "nesterov": optimizers.Momentum(0.9, nesterov=True),
        "rmsprop": optimizers.RMSProp(),
    }
    rates = {
        "piecewise": schedules.PiecewiseConstant((2, 4), (0.1, 0.01, 0.001)),
        "exponential": schedules.ExponentialDecay(0.045, 0.94, every=2),
    }
    rates["warmup"] = schedules.Warmup(rates["piecewise"], num_steps=3, start=0.01)
    found = {}
    for (name, kind), (law, rate) in zip(kinds.items(), rates.items(), strict=True):
        start = np.linspace(-1, 1, 6, dtype=np.float32)
        weights = [keras.Variable(start) for _ in ("free", "bounded")]
        weights[1].constraint = keras.constraints.MaxNorm(0.7)
        optimizer = kind.build(rate.build())
        optimizer.build(weights)
        apply = backend.compiled(functools.partial(_apply, optimizer, weights))
        for step in range(6):
            apply([ops.cos(ops.arange(6, dtype="float32") + step)] * 2)
        slots = [*weights, *optimizer.variables]
        found |= {f"{name} {law} {i}": np.asarray(v) for i, v in enumerate(slots)}
    return found


def _apply(optimizer: Any, weights: list[Any], gradients: Any) -> None:
    optimizer.apply(gradients, weights)


def reduced() -> agreement.Arrays:
    """Returns what is kept in float32 under bfloat16, and how many signs it agrees in.

    The shares are of a gradient's pixels, and of the first step of an attack.
    """
    images, labels = map(ops.convert_to_tensor, given.photographs(8))
    signs, found = [], {}
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        network = given.filled(WIDE.build(10, 16))
        crafted = backend.compiled(
            lambda x, network=network: attacks.FGSM(8.0)(network, x, labels)
        )
        signs.append(np.sign(np.asarray(crafted(images)) - np.asarray(images)))
        logits = network(images, training=True)
        found[f"{policy} logits"] = logits
        found |= {f"{policy} {v.path}": np.asarray(v) for v in network.variables}
    keras.config.set_dtype_policy("float32")
    return {**found, "share": np.mean(signs[0] == signs[1])}


_PASSES = {
    name: lambda config=config: passes(config) for name, config in NETWORKS.items()
}
CASES = {
    "activations": activated,
    "optimizers": updated,
    "wide": _PASSES.pop("wide"),
    "maxout": _PASSES.pop("maxout"),
}
SLOW = {
    **_PASSES,
    "large resnet": lambda: passes(NETWORKS["resnet"], side=80),
    "bfloat16": reduced,
}
