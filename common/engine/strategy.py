"""Where a run is computed: one device, the GPUs of a machine, many machines, a TPU."""

from __future__ import annotations

import functools
import os
from typing import Any

import tensorflow as tf

from common.engine import cluster
from common.names import lookup

NAMES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")


def make(name: str = "auto") -> tf.distribute.Strategy:
    """Returns the strategy; call it before TensorFlow computes anything.

    The same name gives the same strategy throughout a process.

    Args:
      name: `one_device` takes the first GPU, or the CPU; `mirrored` all GPUs of this
        machine, or all its logical CPUs; `multi_worker` the machines in `TF_CONFIG`;
        `tpu` the TPU in `TPU_NAME`; `auto` the first that fits of multi_worker,
        mirrored (two GPUs or more) and one_device.

    Raises:
      ValueError: unknown name, a cluster in `TF_CONFIG` that could not come up or none
        for multi_worker, or tpu without a TPU.
    """
    lookup(dict.fromkeys(NAMES), name, "--strategy")
    if name == "auto":
        name = _fitting()
    if name == "multi_worker" and not cluster.check():
        raise ValueError(
            "--strategy=multi_worker needs TF_CONFIG with the cluster and this "
            f"task. Received: TF_CONFIG={os.environ.get('TF_CONFIG', '')}"
        )
    return _created(name)


def make_deterministic() -> None:
    """Makes every operation repeat its bits, on GPUs too, at some speed."""
    tf.config.experimental.enable_op_determinism()


def worker(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Returns this worker's index and the number of workers.

    Worker 0 writes the records. A task of job `chief` is worker 0, and those of job
    `worker` follow it; without that job their first is worker 0.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    resolver = strategy.cluster_resolver
    jobs = resolver.cluster_spec().as_dict()
    if not jobs:
        return 0, 1
    chiefs = len(jobs.get("chief", ()))
    before = chiefs if resolver.task_type == "worker" else 0
    return before + resolver.task_id, chiefs + len(jobs.get("worker", ()))


def distribute_batches(strategy: tf.distribute.Strategy, make_dataset: Any) -> Any:
    """Returns an iterator over distributed batches.

    Args:
      strategy: any of the above.
      make_dataset: (shard, replicas) -> this host's dataset of per-replica batches; a
        shard is the place of the host, and their number.
    """

    def of_host(context: tf.distribute.InputContext) -> Any:
        hosts = context.num_input_pipelines
        shard = context.input_pipeline_id, hosts
        return make_dataset(shard, context.num_replicas_in_sync // hosts)

    options = tf.distribute.InputOptions(
        experimental_fetch_to_device=bool(tf.config.list_logical_devices("GPU"))
    )
    return iter(strategy.distribute_datasets_from_function(of_host, options))


@functools.cache
def _created(name: str) -> tf.distribute.Strategy:
    """Creates the one strategy of a kind that a process may have.

    A second would number its sums over replicas from the start again, and TensorFlow
    would refuse those that differ in shape from what the first had at that number.
    """
    if name == "multi_worker":
        config = " ".join(os.environ["TF_CONFIG"].split())
        print(f"Waiting for the cluster of TF_CONFIG: {config}", flush=True)
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        resolver = _tpu()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    devices = [d.name for d in tf.config.list_logical_devices("GPU")]
    devices = devices or [d.name for d in tf.config.list_logical_devices("CPU")]
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _fitting() -> str:
    if cluster.described():
        return "multi_worker"
    return (
        "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else "one_device"
    )


def _tpu() -> Any:
    try:
        return tf.distribute.cluster_resolver.TPUClusterResolver()
    except ValueError as error:
        raise ValueError(
            "--strategy=tpu needs the name or address of a TPU in TPU_NAME "
            f"({error}). Received: TPU_NAME={os.environ.get('TPU_NAME', '')}"
        ) from None
