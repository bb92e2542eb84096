"""What a recipe costs, said before it is launched."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from common import backend, engine, errors, manifest
from common import recipe as recipes
from common.attacks import losses
from common.lazy import keras, ops

# In forward passes: an update differentiates weights and images, an attack pass only
# images; each gradient costs about one forward pass.
UPDATE, ATTACK_PASS = 3.0, 2.0
LONGEST_PASS = 4.0  # seconds that a timed pass of several images may take
_TIMED_PASSES = 5


def describe(recipe: recipes.Recipe) -> str:
    """Returns steps, passes, FLOPs and estimated hours of a recipe on this machine.

    The hours come from a timed forward and backward pass of as many images as an update
    has, or of as many as `LONGEST_PASS` and the memory allow; it says which.
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
    count, seconds = _timed(network, data, recipe.batch_size)
    rate = forward * UPDATE * count / seconds
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
        "timed on": f"{_what(count, recipe.batch_size)} in {seconds:.2g} s",
        "machine": f"one device of {manifest.environment()['hardware']}, in float32",
    }
    if method.sources:
        rows["not counted"] = f"{len(method.sources)} networks that are trained first"
    return "\n".join(f"{name:22}{value}" for name, value in rows.items())


def _shape(count: int, data: Any) -> tuple[int, ...]:
    return count, *data.image_shape


def _timed(network: keras.Model, data: Any, batch_size: int) -> tuple[int, float]:
    """Returns how many images were timed together, and the seconds of their pass.

    Small batches leave a machine idle, so it would be best to time as many images as an
    update has. A single image is timed first. Its seconds say how many can be timed
    without a pass that takes longer than `LONGEST_PASS`. That bounds the memory, too:
    where a CPU has none left, Linux ends the process, and nothing can be caught.

    Raises:
      RunError: one image is too large for the memory.
    """
    try:
        seconds = _seconds_of_a_pass(network, data, 1)
    except engine.FAILURES as error:
        raise errors.RunError(
            "A pass of one image cannot be timed on this machine. "
            f"Received: {type(error).__name__}: {engine.reason(error)}"
        ) from error
    count = min(batch_size, int(LONGEST_PASS / seconds))
    while count > 1:
        try:
            return count, _seconds_of_a_pass(network, data, count)
        except engine.FAILURES:  # one was no problem, so it is the memory
            count //= 2
    return 1, seconds


def _what(count: int, batch_size: int) -> str:
    """Returns in words which part of an update was timed, and why not all of it."""
    if count == batch_size:
        return f"the {count} images of an update"
    limit = f"more need over {LONGEST_PASS:g} s, or more memory"
    return f"{count} of the {batch_size} images of an update ({limit})"


def _seconds_of_a_pass(network: keras.Model, data: Any, count: int) -> float:
    """Times compiled passes that differentiate weights and images; the fastest."""
    images = 255.0 * backend.uniform(_shape(count, data), 0)
    labels = ops.zeros(count, "int32")

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
