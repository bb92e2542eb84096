"""What a recipe costs, said before it is launched."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
from keras import ops

from common import backend
from common import recipe as recipes
from common.attacks import losses
from common.training import engine, manifest

# In forward passes: an update differentiates weights and images, an attack pass only
# images; each gradient costs about one forward pass.
UPDATE, ATTACK_PASS = 3.0, 2.0
_TIMED_IMAGES, _TIMED_PASSES = 8, 5


def describe(recipe: recipes.Recipe) -> str:
    """Returns steps, passes, FLOPs and estimated hours of a recipe on this machine.

    The hours come from one timed forward and backward pass of a few images here; larger
    batches on an accelerator do better.
    """
    data, method = recipe.dataset, recipe.method
    network = recipe.network.build(
        data.num_classes, data.image_size, channels=data.channels
    )
    minibatches = -(-recipe.num_steps // method.num_replays)
    epochs = minibatches * recipe.batch_size / data.num_train
    images = recipe.num_steps * recipe.batch_size
    forward = engine.forward_flops(network, _shape(1, data))
    passes = UPDATE * method.update_passes + ATTACK_PASS * method.attack_passes
    flops = images * forward * passes
    rate = forward * UPDATE * _TIMED_IMAGES / _seconds_of_a_pass(network, data)
    weights = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    rows = {
        "weights": f"{weights:,}",
        "updates": f"{recipe.num_steps:,} of {recipe.batch_size} images",
        "minibatches": f"{minibatches:,}, each used {method.num_replays} times",
        "passes over the data": f"{epochs:.1f}",
        "passes per update": f"{method.update_passes:g}, and "
        f"{method.attack_passes:g} of the attack",
        "forward pass": f"{forward / 1e9:.3f} GFLOP an image",
        "training": f"{flops / 1e15:.3f} PFLOP",
        "estimate": f"{flops / rate / 3600:.2f} hours at {rate / 1e9:.0f} GFLOP/s",
        "timed on": f"{_TIMED_IMAGES} images in float32, on one device of "
        f"{manifest.environment()['hardware']}",
    }
    return "\n".join(f"{name:22}{value}" for name, value in rows.items())


def _shape(count: int, data: Any) -> tuple[int, ...]:
    return count, data.image_size, data.image_size, data.channels


def _seconds_of_a_pass(network: keras.Model, data: Any) -> float:
    """Times compiled passes that differentiate weights and images; the fastest."""
    images = 255.0 * backend.uniform(_shape(_TIMED_IMAGES, data), 0)
    labels = ops.zeros(_TIMED_IMAGES, "int32")

    def loss(images: Any) -> Any:
        # In inference mode, since dropout would ask for a seed; about the same work.
        return ops.sum(losses.cross_entropy(labels, network(images)))

    timed = backend.compiled(
        lambda x: backend.value_and_gradients(loss, x, network.trainable_variables)
    )
    timed(images)
    seconds = []
    for _ in range(_TIMED_PASSES):
        begin = time.perf_counter()
        keras.tree.map_structure(np.asarray, timed(images))
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
