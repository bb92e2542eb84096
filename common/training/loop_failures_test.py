"""Runs that fail: what they leave, and what the next call finds."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from common import data, errors, manifest
from common.engine import strategy
from common.training import checkpoint, learner, loop, metrics, schedules


def train(recipe, run_dir, name="one_device"):
    loop.train(recipe, run_dir, distribution=strategy.make(name))


@pytest.mark.parametrize("rate", [1e30, 1e38])
@pytest.mark.parametrize("every", [1, 2])
def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_good_checkpoint(
    bare, tmp_path, every, rate
):
    """Update 5 ruins the weights: it is saved every update, and not every two."""
    rates = schedules.PiecewiseConstant((4,), (0.05, rate))
    recipe = dataclasses.replace(bare, schedule=rates, checkpoint_every=every)
    with pytest.raises(errors.RunError, match=r"not finite (at|after) step [567]"):
        train(recipe, tmp_path)
    directory = tmp_path / "checkpoints"
    assert checkpoint.steps(directory)[-1] == 4
    built = learner.build(recipe, strategy.make("one_device"), "float32")
    checkpoint.load(directory, built.variables, 4)
    assert all(np.isfinite(v.numpy()).all() for v in built.network.variables)


def test_a_checkpoint_of_an_earlier_call_is_never_dropped(bare, tmp_path, monkeypatch):
    def broken(self):
        raise errors.NotFiniteError("The machine is broken", 5)

    rates = schedules.PiecewiseConstant((4,), (0.05, 1e30))
    recipe = dataclasses.replace(bare, schedule=rates, checkpoint_every=2)
    for change in (
        lambda: None,
        lambda: monkeypatch.setattr(metrics.Meter, "flush", broken),
    ):
        change()
        with pytest.raises(errors.RunError):
            train(recipe, tmp_path)
        assert checkpoint.steps(tmp_path / "checkpoints")[-1] == 4


def test_a_first_try_without_data_leaves_the_folder_to_another(
    bare, tmp_path, monkeypatch
):
    def missing(*_, **__):
        raise FileNotFoundError("no data")

    with monkeypatch.context() as patch:
        patch.setattr(loop.engine, "Updates", missing)
        with pytest.raises(FileNotFoundError):
            train(bare, tmp_path)
    assert not (tmp_path / "recipe.json").exists()
    log = tmp_path / "metrics.jsonl"
    log.write_text('{"kind": "train", "step": 3}\n')
    with monkeypatch.context() as patch:
        patch.setattr(loop.engine, "Updates", missing)
        with pytest.raises(FileNotFoundError):
            train(bare, tmp_path)
    assert log.read_text() == '{"kind": "train", "step": 3}\n'  # of a kept record
    train(dataclasses.replace(bare, l2=0.1), tmp_path)


@pytest.fixture
def of_photographs(bare, tmp_path):
    """A recipe on an image folder of one class, `photos`."""
    grey = tf.io.encode_jpeg(tf.fill([9, 9, 3], tf.constant(9, tf.uint8))).numpy()
    for split in ("train", "val"):
        folder = tmp_path / "photos" / split / "class"
        folder.mkdir(parents=True)
        for number in range(16):
            (folder / f"{number}.jpg").write_bytes(grey)
    dataset = data.ImageNet(8, 8, str(tmp_path / "photos"))
    return dataclasses.replace(
        bare, dataset=dataset, batch_size=4, num_steps=9, checkpoint_every=1
    )


def test_a_folder_without_test_images_is_refused_before_the_first_update(
    of_photographs, tmp_path
):
    shutil.rmtree(tmp_path / "photos" / "val")
    with pytest.raises(FileNotFoundError, match="val/class"):
        train(of_photographs, tmp_path / "run")
    assert not (tmp_path / "run" / "recipe.json").exists()


def test_workers_compare_recipe_precision_and_commit(bare, tmp_path, monkeypatch):
    other = dataclasses.replace(bare, seed=bare.seed + 1)
    calls = [
        (bare, "float32", "a"),
        (bare, "float32", "a"),
        (other, "float32", "a"),
        (bare, "mixed_bfloat16", "a"),
        (bare, "float32", "b"),
    ]
    asked = []

    def differ(distribution, number=0):
        asked.append(number)
        return False

    monkeypatch.setattr(loop.engine, "wait", differ)
    for recipe, precision, commit in calls:
        monkeypatch.setattr(manifest, "commit", lambda commit=commit: commit)
        with pytest.raises(errors.RunError, match=f"{precision}, commit={commit}"):
            loop.train(
                recipe,
                tmp_path,
                distribution=strategy.make("one_device"),
                precision=precision,
            )
    assert asked[0] == asked[1] and len(set(asked)) == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["one_device", "mirrored"])
def test_a_broken_photograph_ends_the_run_with_its_name(of_photographs, tmp_path, name):
    path = tmp_path / "photos" / "train" / "class" / "7.jpg"
    path.write_bytes(b"GIF89a")
    with pytest.raises(OSError, match=r"7\.jpg, which is a GIF") as caught:
        train(of_photographs, tmp_path / "run", name)
    assert "command" not in str(caught.value) and "\n" not in str(caught.value)
