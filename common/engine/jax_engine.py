"""The JAX engine: one program over all devices, and many updates in each call of it.

An update is a pure function of the variables' values, the method's state and the
training set, all of which stay in the devices' memory; `keras.StatelessScope` makes the
one of the method's text. With several devices the minibatch is cut between them under
`keras.distribution.DataParallel`, and the program still means what it means on one:
batch norm normalises by the whole minibatch, and there is one replica.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from common import backend, errors
from common.data import memory, order
from common.engine import cluster, jax_flops
from common.names import lookup

NAME = "JAX"
VERSIONS = {"jax": jax.__version__}
FAILURES = (jax.errors.JaxRuntimeError,)
_STRATEGIES = ("auto", "one_device")
_TENSORFLOW = ("mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True)
class OneDevice:
    """The first device that JAX finds."""


def make(name: str = "auto", replicas_per_device: int | None = None) -> Any:
    """Returns where to compute: one device, or a `DataParallel` over all of them.

    Args:
      name: `one_device`, or `auto`, which takes all devices of this machine.
      replicas_per_device: 1 or None; several in turn are of TensorFlow.

    Raises:
      ValueError: an unknown name, or a strategy, replicas in turn or a cluster of
        TensorFlow.
      RunError: JAX finds no device that it can use.
    """
    lookup(dict.fromkeys(_STRATEGIES + _TENSORFLOW), name, "--strategy")
    if cluster.described():
        raise ValueError(
            "TF_CONFIG names a cluster of tf.distribute: set KERAS_BACKEND=tensorflow, "
            "or unset it. Received: KERAS_BACKEND=jax"
        )
    if (replicas_per_device or 1) > 1:
        raise ValueError(
            "--replicas_per_device is of TensorFlow: set KERAS_BACKEND=tensorflow. "
            f"Received: --replicas_per_device={replicas_per_device}"
        )
    if name in _TENSORFLOW:
        raise ValueError(
            f"--strategy={name} is of tf.distribute: set KERAS_BACKEND=tensorflow, or "
            f"use {' or '.join(_STRATEGIES)}. Received: --strategy={name}"
        )
    try:
        count = jax.local_device_count()
    except RuntimeError as error:
        raise errors.RunError(
            f"--strategy={name} did not come up: another process may hold the memory "
            f"of a device. Received: {type(error).__name__}: {reason(error)}"
        ) from error
    if name == "one_device" or count == 1:
        return OneDevice()
    return keras.distribution.DataParallel(auto_shard_dataset=False)


def make_deterministic() -> None:
    """Makes every operation repeat its bits; call it before `make`."""
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()


def reason(error: Any) -> str:
    """Returns what an error of JAX says, in one line."""
    return str(error).strip().partition("\n")[0][:200]


def accelerators() -> str:
    """Returns such as `1 x NVIDIA H200`; empty on a CPU."""
    if jax.default_backend() == "cpu":
        return ""
    return f"{jax.local_device_count()} x {jax.local_devices()[0].device_kind}"


def products() -> str:
    """Returns JAX's setting, such as `float32` or `default`; empty on a CPU."""
    if jax.default_backend() == "cpu":
        return ""
    is_forbidden = os.environ.get("NVIDIA_TF32_OVERRIDE") == "0"
    said = jax.config.jax_default_matmul_precision or "default"
    return "float32" if is_forbidden else said


def worker(distribution: Any) -> tuple[int, int]:
    """Returns (0, 1): there is one worker."""
    del distribution
    return 0, 1


def alone(distribution: Any) -> Any:
    """Returns the distribution: there is one worker."""
    return distribution


def wait(distribution: Any, number: int = 0) -> bool:
    """Returns True at once: there is one worker."""
    del distribution, number
    return True


def num_devices(distribution: Any) -> int:
    """Returns the devices that share a batch."""
    return getattr(distribution, "num_model_replicas", 1)


def num_replicas(distribution: Any) -> int:
    """Returns 1: all devices compute one program."""
    del distribution
    return 1


def check_dataset(dataset: Any) -> None:
    """Refuses to train on a dataset that is not held in memory, with a ValueError."""
    if not isinstance(dataset, memory.InMemory):
        raise ValueError(
            f"{dataset.name} is streamed by TensorFlow: train on it with "
            "KERAS_BACKEND=tensorflow. Received: KERAS_BACKEND=jax"
        )


def scope(distribution: Any) -> Any:
    """Returns the context in which variables are copied to all devices."""
    if num_devices(distribution) == 1:
        return contextlib.nullcontext()
    return distribution.scope()


def first_state(distribution: Any, initial: Callable[[], Any]) -> Any:
    """Returns what `initial` gives, cut between the devices as updates leave it."""
    return keras.tree.map_structure(functools.partial(_cut, distribution), initial())


def parts(distribution: Any, value: Any) -> tuple[Any, ...]:
    """Returns the value as the one part that it has."""
    del distribution
    return (value,)


def joined(distribution: Any, leaves: list[np.ndarray]) -> list[Any]:
    """Returns the values of arrays [1, B, ...], cut between the devices."""
    return [_cut(distribution, jnp.asarray(leaf[0])) for leaf in leaves]


class Updates:
    """The updates of a learner, as many a call as there are until something is due."""

    def __init__(
        self, learner: Any, recipe: Any, data_dir: str | None, *, most: int
    ) -> None:
        """Puts the training set into the devices' memory.

        Args:
          learner: is moved on.
          recipe: of the learner.
          data_dir: of the dataset.
          most: updates a call.
        """
        self._learner, self._recipe, self._most = learner, recipe, most
        images, labels = recipe.dataset.arrays("train", data_dir)
        self._data = tuple(
            _everywhere(learner.distribution, part)
            for part in (images, labels.astype(np.int32))
        )
        self._compiled = jax.jit(self._several, donate_argnums=(0, 1))

    def first_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns images and labels of the next minibatch."""
        images, labels = self._batch(self._data, [row[0] for row in self._rows()])
        return np.asarray(images), np.asarray(labels)

    def advance(self, limit: int) -> list[dict[str, Any]]:
        """Does updates, at most `limit`, and returns the metrics of each."""
        learner, count = self._learner, min(limit, self._most)
        variables = learner.variables
        values, learner.state, metrics = self._compiled(
            [variable.value for variable in variables],
            learner.state,
            fixed=[variable.value for variable in learner.fixed],
            data=self._data,
            rows=self._rows(),
            first=learner.step,
            count=count,
        )
        # Waits for the updates: one that fails is not counted.
        found = {name: np.asarray(column) for name, column in metrics.items()}
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        learner.step += count
        return [{name: found[name][i] for name in found} for i in range(count)]

    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns epochs and indices, int32 [most, B], of the next updates."""
        steps = self._learner.step + np.arange(self._most)
        return order.rows(
            self._recipe.dataset.num_train,
            steps // self._learner.method.num_replays,
            batch_size=self._recipe.batch_size,
            seed=self._recipe.seed,
        )

    def _several(
        self,
        values: Any,
        state: Any,
        *,
        fixed: Any,
        data: Any,
        rows: Any,
        first: Any,
        count: Any,
    ) -> tuple[Any, Any, Any]:
        """Returns variables, state and metrics [most] after some updates.

        Args:
          values: of the learner's variables.
          state: of the method.
          fixed: values of the learner's fixed variables.
          data: images and labels of the whole training set.
          rows: of `_rows`.
          first: the number of updates before.
          count: the number to be done.
        """

        def body(index: Any, carry: Any) -> tuple[Any, Any, Any]:
            values, state, columns = carry
            batch = self._batch(data, [row[index] for row in rows])
            given = [*values, *fixed]
            values, state, metrics = self._update(given, state, batch, first + index)
            added = {
                name: column.at[index].set(metrics[name])
                for name, column in columns.items()
            }
            return values, state, added

        names = self._learner.method.METRICS
        columns = dict.fromkeys(names, jnp.zeros(self._most, jnp.float32))
        return jax.lax.fori_loop(0, count, body, (values, state, columns))

    def _update(
        self, values: Any, state: Any, batch: Any, step: Any
    ) -> tuple[Any, Any, Any]:
        """Returns variables, state and metrics after an update.

        The values are those of the variables, and then of the fixed ones.
        """
        learner = self._learner
        variables = learner.variables
        mapping = list(zip([*variables, *learner.fixed], values, strict=True))
        with keras.StatelessScope(mapping) as scope:
            seed = backend.fold(self._recipe.seed, step)
            metrics, state = learner.method.train_step(batch, state, seed)
            if learner.average:
                learner.average.update(step + 1)
        return [scope.get_current_value(v) for v in variables], state, metrics

    def _batch(self, data: Any, row: Any) -> tuple[Any, Any]:
        """Returns a minibatch, cut between the devices."""
        dataset, seed = self._recipe.dataset, self._recipe.seed
        images, labels = dataset.minibatch(data, row, seed=seed)
        cut = functools.partial(_cut, self._learner.distribution)
        return cut(images), cut(labels)


def shared(compiled: Callable[..., Any], distribution: Any) -> Callable[..., Any]:
    """Returns `compiled` with every device at its part of the batch.

    Args:
      compiled: (batch, **numbers) -> anything; the batch a structure of tensors.
      distribution: None stands for one device.
    """
    if num_devices(distribution) == 1:
        return compiled
    cut = functools.partial(_cut, distribution)
    return lambda batch, **numbers: compiled(
        keras.tree.map_structure(cut, batch), **numbers
    )


def forward_flops(network: Any, shape: tuple[int, ...]) -> float:
    """Returns the floating-point operations of images [shape]; see `jax_flops`."""
    images = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax_flops.count(lambda images: network(images, training=False), images)


def _everywhere(distribution: Any, array: np.ndarray) -> Any:
    """Returns an array that every device has."""
    if num_devices(distribution) == 1:
        return jnp.asarray(array)
    mesh = distribution.device_mesh.backend_mesh
    return jax.device_put(array, jax.NamedSharding(mesh, jax.P()))


def _cut(distribution: Any, tensor: Any) -> Any:
    """Returns a tensor [B, ...] of which every device has its part."""
    if num_devices(distribution) == 1:
        return tensor
    layout = distribution.get_data_layout(tensor.shape).backend_layout
    return jax.lax.with_sharding_constraint(tensor, layout)
