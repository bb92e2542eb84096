"""What a recipe costs, said before it is launched."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf

from common import backend
from common import recipe as recipes
from common.attacks import losses
from common.training import manifest

# In forward passes: an update differentiates weights and images, an attack pass only
# images; each gradient costs about one forward pass.
UPDATE, ATTACK_PASS = 3.0, 2.0
_TIMED_IMAGES = 8


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
    forward = _forward_flops(network, data)
    passes = UPDATE * method.update_passes + ATTACK_PASS * method.attack_passes
    flops = images * forward * passes
    rate = forward * UPDATE * _TIMED_IMAGES / _seconds_of_a_pass(network, data)
    weights = sum(v.value.shape.num_elements() for v in network.trainable_variables)
    rows = {
        "weights": f"{weights:,}",
        "updates": f"{recipe.num_steps:,} of {recipe.batch_size} images",
        "minibatches": f"{minibatches:,}, each used {method.num_replays} times",
        "passes over the data": f"{epochs:.1f}",
        "passes per update": f"{method.update_passes:g}, and "
        f"{method.attack_passes:g} of the attack",
        "forward pass": f"{forward / 1e9:.3f} GFLOP an image",
        "training": f"{flops / 1e15:.3f} PFLOP",
        "estimate here": f"{flops / rate / 3600:.2f} hours at {rate / 1e9:.0f} GFLOP/s "
        f"on {manifest.environment()['hardware']}",
    }
    return "\n".join(f"{name:22}{value}" for name, value in rows.items())


def _forward_flops(network: keras.Model, data: Any) -> float:
    """Returns the floating-point operations of one image, by TensorFlow's profiler."""
    spec = tf.TensorSpec([1, data.image_size, data.image_size, data.channels])
    traced = tf.function(lambda x: network(x, training=False))
    options = tf.compat.v1.profiler.ProfileOptionBuilder(
        tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    )
    eager = tf.config.functions_run_eagerly()
    # The profiler sees nothing inside functions, such as Keras's for grouped kernels.
    tf.config.run_functions_eagerly(True)
    try:
        graph = traced.get_concrete_function(spec).graph
    finally:
        tf.config.run_functions_eagerly(eager)
    profile = tf.compat.v1.profiler.profile(
        graph, options=options.with_empty_output().build()
    )
    return float(profile.total_float_ops)


def _seconds_of_a_pass(network: keras.Model, data: Any) -> float:
    """Times a compiled pass that differentiates weights and images."""
    shape = (_TIMED_IMAGES, data.image_size, data.image_size, data.channels)
    images = 255.0 * backend.uniform(shape, 0)
    labels = tf.zeros(_TIMED_IMAGES, tf.int32)

    def loss(images: Any) -> Any:
        # In inference mode, since dropout would ask for a seed; about the same work.
        return tf.reduce_sum(losses.cross_entropy(labels, network(images)))

    timed = backend.compiled(
        lambda x: backend.value_and_gradients(loss, x, network.trainable_variables)
    )
    timed(images)
    begin = time.perf_counter()
    result = timed(images)
    tf.nest.map_structure(lambda tensor: tensor.numpy(), result)
    return time.perf_counter() - begin
