"""What differs between the engines behind training and evaluation.

The package has the names of the engine of the backend that Keras runs on; another one
is one more module with these. A distribution is what `make` returned.

  NAME, VERSIONS: of the engine, for errors and records.
  FAILURES, reason: what the engine raises when it fails, and what that says in a line.
  make, make_deterministic: where to compute, as the flags say.
  accelerators: the devices that are not the CPU, in words; empty if there are none.
  products: how exact matrix products of float32 are on these devices; empty on a CPU.
  worker: this worker's index and the number of workers; worker 0 is the chief.
  alone: where this worker computes without the others.
  wait: until all workers have come to the same place, with the same number.
  num_devices: what a batch must divide by.
  num_replicas: how many parts of a batch are computed on their own, each with its own
    statistics, state and share of the loss.
  check_dataset: refuses a dataset that the engine cannot train on.
  scope: the context in which variables are created.
  first_state: the replicas' states, as a method gives them.
  parts, joined: a replicated value as the parts of this worker, and the reverse.
  Updates: the compiled updates of a learner, with their minibatches.
  shared: a function of a batch, each device at its part of it.
  forward_flops: floating-point operations of a network.

`prepare`, `check_divides`, `explained_failures` and `cluster` are the same for every
engine; a cluster is read without one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import Any

from common import backend, errors, logs
from common.engine import cluster
from common.lazy import keras

__all__ = ["check_divides", "cluster", "explained_failures", "prepare"]


def __getattr__(name: str) -> Any:
    """Returns what the engine of Keras's backend has under that name."""
    return getattr(_engine(), name)


@functools.cache
def _engine() -> Any:
    with logs.held_back():
        name = backend.engine_name()
        return importlib.import_module(f"{__name__}.{name}_engine")


def prepare() -> None:
    """Loads the engine; sets Keras to the suite's images, whatever keras.json says."""
    _engine()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")


def check_divides(batch_size: int, distribution: Any) -> None:
    """Refuses a minibatch that cannot be shared equally, with a ValueError."""
    for kind in ("devices", "replicas"):
        count = getattr(_engine(), f"num_{kind}")(distribution)
        if batch_size % count:
            raise ValueError(
                f"batch_size must divide by the number of {kind}; use --set "
                "batch_size=, --strategy=one_device or fewer --replicas_per_device. "
                f"Received: batch_size={batch_size}, {kind}={count}"
            )


@contextlib.contextmanager
def explained_failures(flag: str = "--eval_batch_size") -> Iterator[None]:
    """Raises a `RunError` of one line where the engine fails inside.

    Args:
      flag: that says how many images are in memory at a time.
    """
    try:
        yield
    except _engine().FAILURES as error:
        raise errors.RunError(
            f"{_engine().NAME} failed; what was finished is kept. Where memory ran "
            f"out, give the same command a smaller {flag}. "
            f"Received: {type(error).__name__}: {_engine().reason(error)}"
        ) from error
