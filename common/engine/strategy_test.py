"""Which strategy a name makes, and what it refuses."""

import json

import pytest
import tensorflow as tf

from common import engine
from common.engine import strategy

CLUSTER = {"worker": ["a:1", "b:1"]}


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


@pytest.mark.parametrize(
    ("name", "kind", "replicas"),
    [
        ("one_device", tf.distribute.OneDeviceStrategy, 1),
        ("mirrored", tf.distribute.MirroredStrategy, 2),
    ],
)
def test_a_name_makes_its_strategy(name, kind, replicas):
    made = strategy.make(name)
    assert isinstance(made, kind)
    assert strategy.worker(made) == (0, 1)
    if not tf.config.list_logical_devices("GPU"):
        assert made.num_replicas_in_sync == replicas


def test_every_host_reads_its_own_part_of_a_minibatch():
    contexts = [tf.distribute.InputContext(2, host, 8) for host in range(2)]

    class OfSeveralHosts:
        def distribute_datasets_from_function(self, fn, options):
            return map(fn, contexts)

    asked = strategy.distribute_batches(OfSeveralHosts(), lambda *given: given)
    assert list(asked) == [((0, 2), 4), ((1, 2), 4)]


def test_auto_takes_one_device_without_a_cluster_and_gpus():
    if tf.config.list_logical_devices("GPU"):
        pytest.skip("There are GPUs here")
    assert isinstance(strategy.make(), tf.distribute.OneDeviceStrategy)


@pytest.fixture
def in_cluster(monkeypatch):
    """Returns what sets `TF_CONFIG`, and keeps TensorFlow from waiting for it."""

    class Made(tf.distribute.MultiWorkerMirroredStrategy):
        cluster_resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()

        def __init__(self):
            """Waits for nobody."""

    def enter(jobs, job, index):
        config = {"cluster": jobs, "task": {"type": job, "index": index}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Made)
    strategy._created.cache_clear()
    yield enter
    strategy._created.cache_clear()


@pytest.mark.parametrize("name", ["auto", "multi_worker"])
@pytest.mark.parametrize(
    ("jobs", "job", "index", "worker"),
    [
        (CLUSTER, "worker", 0, (0, 2)),
        (CLUSTER, "worker", 1, (1, 2)),
        ({**CLUSTER, "chief": ["c:1"]}, "chief", 0, (0, 3)),
        ({**CLUSTER, "chief": ["c:1"]}, "worker", 0, (1, 3)),
        ({"chief": ["c:1"], **CLUSTER}, "worker", 1, (2, 3)),
    ],
)
def test_a_cluster_is_taken_and_its_workers_follow_the_chief(
    in_cluster, name, jobs, job, index, worker
):
    in_cluster(jobs, job, index)
    assert strategy.worker(strategy.make(name)) == worker


def test_a_cluster_is_said_before_it_is_waited_for(in_cluster, capsys):
    in_cluster(CLUSTER, "worker", 1)
    strategy.make()
    line = capsys.readouterr().out
    assert line.startswith("Waiting for the cluster of TF_CONFIG")
    assert '"b:1"' in line


@pytest.mark.parametrize(
    ("name", "tf_config", "message"),
    [
        ("miror", None, "Unknown --strategy. Received: miror. Nearest: mirrored"),
        ("multi_worker", None, "multi_worker needs TF_CONFIG.*Received: TF_CONFIG="),
        ("tpu", None, "needs the name or address of a TPU.*Received: TPU_NAME="),
        ("auto", "{cluster", "TF_CONFIG must be JSON.*Received: TF_CONFIG={cluster"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    monkeypatch, name, tf_config, message
):
    if tf_config:
        monkeypatch.setenv("TF_CONFIG", tf_config)
    with pytest.raises(ValueError, match=message) as caught:
        strategy.make(name)
    assert "\n" not in str(caught.value)


def test_a_batch_that_does_not_divide_is_refused_with_both_numbers(two_replicas):
    engine.check_divides(10, two_replicas)
    with pytest.raises(ValueError, match=r"--set batch_size=.*batch_size=9, devices=2"):
        engine.check_divides(9, two_replicas)


def test_each_replica_gets_its_own_batch_in_order(two_replicas):
    asked = []

    def make_dataset(shard, replicas):
        asked.append((shard, replicas))
        return tf.data.Dataset.range(4).batch(1)

    batches = strategy.distribute_batches(two_replicas, make_dataset)
    pieces = [two_replicas.experimental_local_results(next(batches)) for _ in range(2)]
    assert asked == [((0, 1), 2)]
    assert [[int(p[0]) for p in pair] for pair in pieces] == [[0, 1], [2, 3]]
