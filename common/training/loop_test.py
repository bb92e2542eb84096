"""The training loop on the digits: what it does, logs, keeps and refuses."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from common import data, errors, files, manifest, models
from common import recipe as recipes
from common.engine import strategy, tensorflow_engine
from common.training import checkpoint, learner, loop, metrics, probe, schedules


def train(recipe, run_dir, **kwargs):
    kwargs.setdefault("distribution", strategy.make("one_device"))
    loop.train(recipe, run_dir, **kwargs)


def lines(run_dir, kind):
    found = metrics.read(run_dir / "metrics.jsonl")
    return [line for line in found if line["kind"] == kind]


@pytest.fixture
def spied(monkeypatch):
    """Returns what `train` gives to its updates: (images, step) of each."""
    seen = []
    compile_update = tensorflow_engine.compile_update

    def spy(*args):
        update = compile_update(*args)

        def spied_update(batch, state, step):
            seen.append((batch[0].numpy(), int(step)))
            return update(batch, state, step)

        return spied_update

    monkeypatch.setattr(tensorflow_engine, "compile_update", spy)
    return seen


@pytest.fixture
def wide(tiny_recipe):
    """The tiny recipe with a small wide residual network."""
    return dataclasses.replace(tiny_recipe, network=models.WideResNet(8, width=1))


def test_a_run_learns_and_logs_what_it_did(wide, tmp_path):
    recipe = dataclasses.replace(wide, num_steps=60, checkpoint_every=25)
    train(recipe, tmp_path, notes={"paper": "tiny", "overrides": ["seed=0"]})
    logged = lines(tmp_path, "train")
    assert [line["step"] for line in logged] == [10, 20, 25, 30, 40, 50, 60]
    assert logged[-1]["loss"] < 0.6 * logged[0]["loss"]
    assert logged[-1]["accuracy"] > logged[0]["accuracy"] + 20
    rates = [line["learning_rate"] for line in logged]
    assert rates == pytest.approx([0.05] + [0.005] * 6)
    for line in logged:
        assert line["images_per_second"] * line["step_seconds"] == pytest.approx(32)
    assert [line["step"] for line in lines(tmp_path, "probe")] == [12, 24, 36, 48, 60]
    (end,) = lines(tmp_path, "end")
    assert end["step"] == 60
    seconds = [line["step_seconds"] for line in logged]
    assert min(seconds) <= end["training_minutes"] * 60 / 60 <= max(seconds)
    assert checkpoint.steps(tmp_path / "checkpoints") == [50, 60]

    manifest = json.loads((tmp_path / "recipe.json").read_text())
    assert manifest["recipe"] == recipes.to_dict(recipe)
    assert (manifest["paper"], manifest["overrides"]) == ("tiny", ["seed=0"])
    assert (manifest["precision"], manifest["replicas"]) == ("float32", 1)
    assert manifest["strategy"] == "OneDeviceStrategy"
    network = recipe.network.build(10, 8, channels=1)
    assert manifest["num_parameters"] == network.count_params() - sum(
        int(np.prod(v.shape)) for v in network.non_trainable_variables
    )
    assert {"versions", "hardware", "commit"} <= set(manifest)


def test_the_rate_that_is_logged_is_that_of_the_schedule(bare, tmp_path):
    schedule = schedules.PiecewiseConstant((4, 7), (0.05, 0.02, 0.01))
    recipe = dataclasses.replace(bare, schedule=schedule, checkpoint_every=1)
    train(recipe, tmp_path)
    rates = [line["learning_rate"] for line in lines(tmp_path, "train")]
    assert rates == pytest.approx([0.05] * 4 + [0.02] * 3 + [0.01])


@pytest.mark.parametrize(("num_replays", "uses"), [(4, [4, 4]), (3, [3, 3, 2])])
def test_each_minibatch_is_used_num_replays_times_in_a_row(
    bare, tmp_path, spied, num_replays, uses
):
    method = dataclasses.replace(bare.method, num_replays=num_replays)
    train(dataclasses.replace(bare, method=method), tmp_path)
    batches = bare.dataset.train_batches(batch_size=32, seed=0).as_numpy_iterator()
    expected = [batch for n in uses for batch in [next(batches)[0]] * n]
    assert [step for _, step in spied] == list(range(8))
    for (images, _), wanted in zip(spied, expected, strict=True):
        np.testing.assert_array_equal(images, wanted)


def test_replays_share_a_minibatch_across_an_interruption(bare, tmp_path, spied):
    method = dataclasses.replace(bare.method, num_replays=4)
    recipe = dataclasses.replace(bare, method=method, checkpoint_every=3)
    train(recipe, tmp_path)
    whole = [images for images, _ in spied]
    for path in (tmp_path / "checkpoints").glob("00000008*"):
        path.unlink()
    spied.clear()
    train(recipe, tmp_path)
    assert [step for _, step in spied] == [6, 7]
    np.testing.assert_array_equal([images for images, _ in spied], whole[6:])


def test_a_finished_run_does_nothing_more(bare, tmp_path, spied):
    train(bare, tmp_path)
    spied.clear()
    kept = (tmp_path / "metrics.jsonl", tmp_path / "recipe.json")
    before = [path.read_text() for path in kept]
    train(bare, tmp_path)
    assert spied == []
    assert [path.read_text() for path in kept] == before


def test_a_run_that_was_killed_before_its_first_checkpoint_says_where_it_goes_on(
    bare, tmp_path, monkeypatch
):
    first, second = ({"hardware": name} for name in ("an abacus", "a loom"))
    monkeypatch.setattr(manifest, "environment", lambda: first)
    manifest.check_or_write(tmp_path, {"recipe": bare, "precision": "float32", **first})
    monkeypatch.setattr(manifest, "environment", lambda: second)
    train(bare, tmp_path)
    (continued,) = json.loads((tmp_path / "recipe.json").read_text())["continued"]
    assert (continued["step"], continued["hardware"]) == (0, "a loom")


def test_two_processes_do_not_train_one_run(bare, tmp_path):
    with (
        files.alone(tmp_path),
        pytest.raises(errors.RunError, match="Another process is writing this run"),
    ):
        train(bare, tmp_path)
    assert not checkpoint.steps(tmp_path / "checkpoints")


def test_a_single_update_is_a_run(bare, tmp_path):
    train(dataclasses.replace(bare, num_steps=1), tmp_path)
    assert checkpoint.steps(tmp_path / "checkpoints") == [1]
    assert [line["step"] for line in lines(tmp_path, "train")] == [1]
    assert lines(tmp_path, "end") == []  # its only update compiled: no time is known


def test_the_alarm_is_logged_where_robustness_collapses(
    tiny_recipe, tmp_path, monkeypatch
):
    collapsing = iter([(70.0, 50.0, 45.0), (90.0, 95.0, 3.0)])
    names = ("clean_accuracy", "fgsm_accuracy", "pgd_accuracy")
    monkeypatch.setattr(
        probe.Probe,
        "__call__",
        lambda self: dict(zip(names, next(collapsing), strict=True)),
    )
    train(tiny_recipe, tmp_path)
    assert [line["pgd_accuracy"] for line in lines(tmp_path, "probe")] == [45.0, 3.0]
    (alarm,) = lines(tmp_path, "alarm")
    assert alarm["step"] == 24
    assert "PGD accuracy fell to 3.0 % after 45.0 %" in alarm["message"]


def test_mixed_bfloat16_computes_in_bfloat16_and_keeps_float32_weights(
    wide, tmp_path, monkeypatch
):
    asked, build = [], learner.build
    monkeypatch.setattr(learner, "build", lambda *a: asked.append(a[2]) or build(*a))
    train(dataclasses.replace(wide, probe=None), tmp_path, precision="mixed_bfloat16")
    assert asked == ["mixed_bfloat16"]
    logged = lines(tmp_path, "train")
    assert logged[-1]["loss"] < logged[0]["loss"]
    assert json.loads((tmp_path / "recipe.json").read_text())["precision"] == (
        "mixed_bfloat16"
    )
    built = learner.build(wide, strategy.make("one_device"), "mixed_bfloat16")
    assert {v.dtype for v in built.network.trainable_variables} == {"float32"}
    assert built.network.stem.compute_dtype == "bfloat16"
    assert built.network(np.zeros((2, 8, 8, 1), "float32")).dtype == tf.float32


def test_the_update_is_traced_once(wide):
    distribution = strategy.make("one_device")
    built = learner.build(wide, distribution, "float32")
    update = tensorflow_engine.compile_update(built.method, distribution, wide.seed)
    batches = strategy.distribute_batches(
        distribution, lambda *_: wide.dataset.train_batches(batch_size=32, seed=0)
    )
    for step in range(3):
        values, built.state = update(
            next(batches), built.state, tf.constant(step, tf.int64)
        )
    assert update.experimental_get_tracing_count() == 1
    assert float(built.state) == 3
    assert set(values) == {"loss", "accuracy"}


@dataclasses.dataclass(frozen=True)
class Scaled(data.Digits):
    """Digits between 0 and 1."""

    def arrays(self, split, data_dir):
        images, labels = super().arrays(split, data_dir)
        return images / np.float32(255), labels


def test_what_does_not_fit_is_refused_before_the_first_update(bare, tmp_path, spied):
    with pytest.raises(ValueError, match=r"look like \[0, 1\].*Multiply them by 255"):
        train(dataclasses.replace(bare, dataset=Scaled()), tmp_path)
    assert spied == []


def test_a_failure_of_tensorflow_is_one_line_with_the_step(bare, tmp_path, monkeypatch):
    def fail(*args):
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory\nat node x")

    monkeypatch.setattr(tensorflow_engine, "compile_update", lambda *args: fail)
    with pytest.raises(errors.RunError, match=r"after step 0.*out of memory") as caught:
        train(bare, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_bar_is_shown_while_it_trains(bare, tmp_path, capsys):
    train(bare, tmp_path)
    assert "8/8" in capsys.readouterr().out


def test_checkpoints_may_be_saved_more_often_and_change_nothing(bare, tmp_path):
    train(bare, tmp_path / "usual")
    train(bare, tmp_path / "often", checkpoint_every=3)
    usual, often = (tmp_path / name / "checkpoints" for name in ("usual", "often"))
    assert checkpoint.steps(often) == [6, 8]
    assert checkpoint.digest(usual, 8) == checkpoint.digest(often, 8)


def test_replicas_say_how_many_images_each_has(bare, tmp_path, two_replicas, capsys):
    train(bare, tmp_path, distribution=two_replicas)
    assert "2 replicas of 16 images" in capsys.readouterr().out
