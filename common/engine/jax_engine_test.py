"""The JAX engine, in processes of its own: one CPU as two devices."""

import collections
import re

import numpy as np
import pytest

from common.engine import jax_engine, tensorflow_engine
from tests import agreement, under_jax
from tests.without_tensorflow import THEN

TWO = f"{agreement.QUICK_XLA} --xla_force_host_platform_device_count=2"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Returns the arrays by run and name."""
    path = tmp_path_factory.mktemp("under_jax") / "found.npz"
    words = ("tests.without_tensorflow", "tests.under_jax", str(path))
    done = under_jax.result(*words, XLA_FLAGS=TWO)
    assert done.returncode == 0, done.stderr[-2_000:]
    runs = collections.defaultdict(dict)
    for name, array in np.load(path).items():
        run, _, rest = name.partition(": ")
        runs[run][rest] = array
    return runs


def check_close(run, expected, atol):
    assert run.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(run[name], array, atol=atol, err_msg=name)


def test_batches_are_those_of_tensorflow_bit_for_bit(found):
    """Minibatches straddle epochs, and each is used four times."""
    stream = under_jax.FREE.dataset.train_batches(batch_size=16, seed=3)
    wanted = list(stream.take(3).as_numpy_iterator())
    for step in range(12):
        images, labels = wanted[step // 4]
        np.testing.assert_array_equal(found["batches"][f"images {step}"], images)
        np.testing.assert_array_equal(found["batches"][f"labels {step}"], labels)


def test_what_an_update_draws_follows_from_the_seed_and_the_step(found):
    drawn = found["draws"]["found"]
    np.testing.assert_array_equal(drawn, found["draws"]["expected"])
    assert len(np.unique(drawn)) == 4


def test_fixed_networks_are_read_in_every_call(found):
    """Their values are arguments of the compiled updates, not constants in them."""
    ensemble = found["ensemble"]
    assert (ensemble["losses"] != ensemble["others"]).any()
    np.testing.assert_array_equal(ensemble["losses"], ensemble["again"])


def test_the_perturbation_goes_from_update_to_update(found):
    state = found["free"]["state"]
    assert state.shape == (16, 32, 32, 3)
    assert np.abs(state).max() == under_jax.FREE.method.epsilon


def test_averages_follow_the_weights(found):
    names = [name for name in found["one"] if name.startswith("average/")]
    assert names
    for name in names:
        expected = found["one"][f"twin {name}"]
        np.testing.assert_allclose(found["one"][name], expected, atol=1e-6)


def test_two_devices_do_what_one_does(found):
    check_close(found["two devices"], found["one"], 1e-4)


def test_several_updates_in_a_call_and_on_two_devices_are_as_many_of_one(found):
    assert found["free on two"]["losses"].shape == (under_jax.STEPS,)
    check_close(found["free on two"], found["free"], 1e-4)


def test_a_variable_that_a_compiled_function_reads_later_is_refused(found):
    assert found["refusals"]["first"] == 1.0
    assert "Received: 1 more than in the first" in str(found["refusals"]["later"])


def test_bfloat16_keeps_float32_weights_and_the_loss(found):
    half, single = found["bfloat16"], found["one"]
    assert {array.dtype for array in half.values() if array.ndim > 1} == {
        np.dtype("float32")
    }
    np.testing.assert_allclose(half["losses"], single["losses"], rtol=0.05)
    assert (half["losses"] != single["losses"]).all()


def test_streamed_data_and_strategies_of_tensorflow_are_refused_in_a_line(tmp_path):
    words = ("train", "imagenet_free_4_eps4", "--scale=paper", f"--workdir={tmp_path}")
    others = ("train", "cifar10_free_2", "--strategy=mirrored", f"--workdir={tmp_path}")
    both = ("free_at", *words, THEN, "free_at", *others)
    done = under_jax.result("tests.without_tensorflow", *both)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("error: imagenet is streamed by TensorFlow: train on it")
    assert second.startswith("error: --strategy=mirrored is of tf.distribute: set KE")
    assert not list(tmp_path.iterdir())


def test_a_probe_finds_shares_of_its_images(found):
    probed = {name: float(value) for name, value in found["probed"].items()}
    assert probed.pop("no_gradient") == 0
    right = probed.pop("right")
    counts = {name: percent / 100 * 16 for name, percent in probed.items()}
    assert counts.keys() == {"clean_accuracy", "fgsm_accuracy", "pgd_accuracy"}
    assert counts["clean_accuracy"] == right
    assert all(count in range(17) for count in counts.values())


def test_convolutions_of_a_loop_are_channels_last_on_a_cpu(found):
    text = str(found["lowered"]["text"])
    assert "stablehlo.while" in text
    layouts = re.findall(r"dim_numbers = (.*?\].*?\].*?\])", text)
    assert len(layouts) >= 4
    assert set(layouts) == {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}


def test_operations_are_counted_as_tensorflow_counts_them(found):
    """But for those that are no product, such as sums of shortcuts."""
    network = under_jax.FREE.network.build(10, 32)
    theirs = tensorflow_engine.forward_flops(network, (1, 32, 32, 3))
    assert 0.85 * theirs < found["counts"]["forward"] <= theirs


@pytest.mark.parametrize("name", ["mirrored", "multi_worker", "tpu"])
def test_a_strategy_of_tensorflow_is_refused(name):
    with pytest.raises(ValueError, match=f"--strategy={name} is of tf.distribute"):
        jax_engine.make(name)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{cluster", "TF_CONFIG must be JSON.*Received: TF_CONFIG={cluster"),
    ],
)
def test_so_is_a_cluster(monkeypatch, config, message):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=message):
        jax_engine.make("auto")


@pytest.mark.parametrize("config", ["", "{}", '{"cluster": {}}'])
def test_no_cluster_is_not(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    assert isinstance(jax_engine.make("one_device"), jax_engine.OneDevice)
