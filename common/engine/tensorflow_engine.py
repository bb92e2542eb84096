"""The TensorFlow engine: replicas under a `tf.distribute` strategy."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import tree

from common import backend, errors
from common.engine import cluster, in_turn, strategy

NAME = "TensorFlow"
VERSIONS = {"tensorflow": tf.__version__}
FAILURES = (tf.errors.OpError,)

make_deterministic, worker = strategy.make_deterministic, strategy.worker


def make(
    name: str = "auto", replicas_per_device: int | None = None
) -> tf.distribute.Strategy:
    """Returns the strategy, as `strategy.make`.

    Args:
      name: of the strategy.
      replicas_per_device: that each device is from now on, one after the other; as
        before if None, at first one.

    Raises:
      RunError: what it is made of did not come up, such as a cluster.
    """
    try:
        made = strategy.make(name)
    except FAILURES as error:
        cause = "another process may hold the memory of a device"
        if cluster.described():
            cause = (
                "the address of this task may be taken by another process, or the "
                "tasks differ in their TF_CONFIG; start all of them again"
            )
        raise errors.RunError(
            f"--strategy={name} did not come up: {cause}. "
            f"Received: {type(error).__name__}: {reason(error)}"
        ) from error
    if replicas_per_device:
        made.replicas_per_device = replicas_per_device
    return made


def reason(error: Any) -> str:
    """Returns what an error of TensorFlow says, in one line."""
    # The last paragraph says what happened; those before, where in the graph.
    return error.message.rpartition("\n\n")[2].strip().partition("\n")[0][:200]


def accelerators() -> str:
    """Returns such as `2 x NVIDIA A100`; empty without a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return ""
    details = tf.config.experimental.get_device_details(gpus[0])
    return f"{len(gpus)} x {details.get('device_name', 'GPU')}"


def products() -> str:
    """Returns `tf32` or `float32`; empty without a GPU."""
    if not tf.config.list_physical_devices("GPU"):
        return ""
    rounds = tf.config.experimental.tensor_float_32_execution_enabled()
    is_forbidden = os.environ.get("NVIDIA_TF32_OVERRIDE") == "0"
    return "tf32" if rounds and not is_forbidden else "float32"


def alone(distribution: tf.distribute.Strategy) -> tf.distribute.Strategy:
    """Returns the distribution, or in a cluster the first device of this worker."""
    return distribution if worker(distribution)[1] == 1 else make("one_device")


def wait(distribution: tf.distribute.Strategy, number: int = 0) -> bool:
    """Returns, once all workers have called it, whether they mean the same number."""
    if worker(distribution)[1] == 1:
        return True
    each = distribution.run(lambda: tf.constant(number, tf.int64))
    total = distribution.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)
    return int(total) == number * distribution.num_replicas_in_sync


def num_devices(distribution: tf.distribute.Strategy | None) -> int:
    """Returns the number of devices; None stands for one."""
    return distribution.num_replicas_in_sync if distribution else 1


def num_replicas(distribution: tf.distribute.Strategy) -> int:
    """Returns the number of replicas, of which a device may be several in turn."""
    return num_devices(distribution) * _replicas_per_device(distribution)


def _replicas_per_device(distribution: tf.distribute.Strategy) -> int:
    return getattr(distribution, "replicas_per_device", 1)


def scope(distribution: tf.distribute.Strategy) -> Any:
    """Returns the strategy's scope."""
    return distribution.scope()


def check_dataset(dataset: Any) -> None:
    """Refuses nothing: all datasets are read by TensorFlow."""
    del dataset


def first_state(
    distribution: tf.distribute.Strategy, initial: Callable[[], Any]
) -> Any:
    """Returns the states that `initial` gives to the replicas.

    Compiled, since a TPU runs nothing else.
    """
    count = _replicas_per_device(distribution)

    def of_device() -> Any:
        return tuple(initial() for _ in range(count)) if count > 1 else initial()

    return tf.function(lambda: distribution.run(of_device), autograph=False)()


def parts(distribution: tf.distribute.Strategy | None, value: Any) -> tuple[Any, ...]:
    """Returns this worker's parts of a distributed value."""
    if distribution is None or num_devices(distribution) == 1:
        return (value,)
    return distribution.experimental_local_results(value)


def joined(distribution: tf.distribute.Strategy, leaves: list[np.ndarray]) -> list[Any]:
    """Returns distributed values of arrays [replicas of this worker, ...]."""
    index, workers = worker(distribution)
    first = index * (distribution.num_replicas_in_sync // workers)

    def own(*leaves: Any) -> Any:
        place = tf.distribute.get_replica_context().replica_id_in_sync_group - first
        return [tf.gather(leaf, place) for leaf in leaves]

    compiled = tf.function(
        lambda *leaves: distribution.run(own, args=leaves), autograph=False
    )
    return compiled(*map(tf.constant, leaves))


class Updates:
    """The updates of a learner, one a call."""

    def __init__(
        self, learner: Any, recipe: Any, data_dir: str | None, *, most: int
    ) -> None:
        """Opens the stream of minibatches; `most` is not used."""
        del most
        self._learner, self._seed = learner, recipe.seed
        self._update = compile_update(
            learner.method, learner.distribution, recipe.seed, learner.average
        )

        def make_dataset(shard: tuple[int, int], replicas: int) -> tf.data.Dataset:
            return recipe.dataset.train_batches(
                batch_size=recipe.batch_size,
                seed=recipe.seed,
                start=learner.step // learner.method.num_replays,
                data_dir=data_dir,
                shard=shard,
                replicas=replicas,
            )

        self._batches = strategy.distribute_batches(learner.distribution, make_dataset)
        self._batch, self._is_fresh = next(self._batches), True

    def first_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns images and labels of a replica's first minibatch."""
        distribution = self._learner.distribution
        images, labels = (parts(distribution, x)[0].numpy() for x in self._batch)
        return images, labels

    def advance(self, limit: int) -> list[dict[str, Any]]:
        """Does an update, and returns its metrics, unread; `limit` is at least one."""
        del limit
        learner = self._learner
        if not self._is_fresh and learner.step % learner.method.num_replays == 0:
            self._batch = next(self._batches)
        self._is_fresh = False
        values, learner.state = self._update(
            self._batch, learner.state, tf.constant(learner.step, tf.int64)
        )
        learner.step += 1
        return [values]


def compile_update(
    method: Any,
    distribution: tf.distribute.Strategy,
    seed: int,
    average: Any = None,
) -> Callable[..., Any]:
    """Returns (batch, state, step) -> (metrics over all replicas, state), compiled.

    `step` is the number of updates done before this one.
    """
    in_turns = _replicas_per_device(distribution) > 1

    def train_step(batch: Any, state: Any, step: Any, step_seed: Any) -> Any:
        if in_turns:
            result = in_turn.train_step(method, batch, state, step_seed)
        else:
            result = method.train_step(batch, state, step_seed)
        if average:
            average.update(step + 1)
        return result

    @tf.function(autograph=False, reduce_retracing=True)
    def update(batch: Any, state: Any, step: Any) -> Any:
        # Random draws are keyed by example as well (backend.example_keys), so one seed
        # serves all replicas, and the replicas together draw what one alone would.
        step_seed = backend.fold(seed, step)
        shares, state = distribution.run(
            train_step, args=(batch, state, step, step_seed)
        )
        totals = {
            name: distribution.reduce(tf.distribute.ReduceOp.SUM, share, axis=None)
            for name, share in shares.items()
        }
        return totals, state

    return update


def shared(
    compiled: Callable[..., Any], distribution: tf.distribute.Strategy | None
) -> Callable[..., Any]:
    """Returns `compiled` with every replica at its part of the batch.

    Args:
      compiled: (batch, **numbers) -> anything; the batch a structure of tensors.
      distribution: of one machine; None stands for one device.
    """
    if distribution is None or num_devices(distribution) == 1:
        return compiled

    @tf.function(autograph=False, reduce_retracing=True)
    def in_parts(batch: Any, **numbers: Any) -> Any:
        def piece() -> Any:
            context = tf.distribute.get_replica_context()
            place, count = context.replica_id_in_sync_group, num_devices(distribution)

            def own(part: Any) -> Any:
                return tf.gather(tf.reshape(part, (count, -1, *part.shape[1:])), place)

            return compiled(tree.map_structure(own, batch), **numbers)

        return distribution.run(piece)

    return in_parts


def forward_flops(network: Any, shape: tuple[int, ...]) -> float:
    """Returns the floating-point operations of images [shape], by the profiler."""
    traced = tf.function(lambda x: network(x, training=False), autograph=False)
    options = tf.compat.v1.profiler.ProfileOptionBuilder(
        tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    )
    eager = tf.config.functions_run_eagerly()
    # The profiler sees nothing inside functions, such as Keras's for grouped kernels.
    tf.config.run_functions_eagerly(True)
    try:
        graph = traced.get_concrete_function(tf.TensorSpec(shape)).graph
    finally:
        tf.config.run_functions_eagerly(eager)
    profile = tf.compat.v1.profiler.profile(
        graph, options=options.with_empty_output().build()
    )
    return float(profile.total_float_ops)
