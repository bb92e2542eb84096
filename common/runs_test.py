"""Runs on disk: where they lie, what is done again and what is not."""

import dataclasses
import json

import numpy as np
import pytest

from common import errors, manifest, runs
from common.results import measured
from common.training import checkpoint, loop
from tests import small_paper


def records(run):
    found = run.records.glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in found}


def test_a_run_lies_in_workdir_paper_scale_recipe(open_run, tmp_path):
    session = dataclasses.replace(open_run().session, overrides=())
    folder = tmp_path / "runs" / "tiny" / "digits" / "plain"
    assert session.run("plain").folder == folder


def test_overrides_change_the_recipe_and_name_a_folder_of_their_own(open_run):
    run = open_run("method.rate=0.5", "schedule.boundaries=[7]")
    assert (run.recipe.num_steps, run.recipe.method.rate) == (3, 0.5)
    assert run.recipe.schedule.boundaries == (7,)
    name = run.folder.name
    assert name == "plain@num_steps=3@method.rate=0.5@schedule.boundaries=_7_"
    assert name != open_run("method.rate=0.6").folder.name


def test_averaged_weights_are_evaluated_unless_raw_ones_are_asked_for(
    open_run, with_twins
):
    fields = {"paper": with_twins, "name": "averaged"}
    averaged = open_run("num_steps=6", **fields)
    raw = open_run("num_steps=6", weights="raw", **fields)
    averaged.train()
    kernels = [run.network().trainable_variables[0] for run in (averaged, raw)]
    steps = [np.asarray(kernel) for kernel in kernels]
    assert not np.allclose(*steps)
    arrays = np.load(averaged.checkpoints / "00000006.npz")
    path = kernels[0].path
    np.testing.assert_array_equal(steps[0], arrays[f"average/{path}"])
    np.testing.assert_array_equal(steps[1], arrays[path])
    raw.evaluate(("clean",))
    assert not averaged.records.exists()
    assert raw.record("clean").exists()


def test_train_notes_what_was_asked_for(open_run):
    run = open_run("seed=4")
    run.train()
    found = json.loads((run.folder / "recipe.json").read_text())
    assert (found["paper"], found["scale"], found["name"]) == (
        "tiny",
        "digits",
        "plain",
    )
    assert found["overrides"] == ["num_steps=3", "seed=4"]
    assert found["recipe"]["seed"] == 4


def test_the_network_that_is_evaluated_is_the_trained_one(open_run):
    run = open_run("num_steps=40")
    run.train()
    run.evaluate(("clean",))
    assert records(run)["clean"]["accuracy"] > 50
    network = run.network()
    images, labels = next(iter(run.recipe.dataset.test_batches(batch_size=500)))
    correct = np.argmax(network(images), -1) == labels.numpy()
    survived = measured.Run(run.folder).survived("clean")
    np.testing.assert_array_equal(survived, correct)


def test_a_recipe_that_is_not_trained_to_its_end_is_refused(open_run):
    run = open_run()
    with pytest.raises(errors.RunError, match=r"train the recipe first.*steps \[\]"):
        run.evaluate()
    run.train()
    for path in run.checkpoints.iterdir():
        path.rename(path.with_name(path.name.replace("00000003", "00000002")))
    with pytest.raises(errors.RunError, match=r"step 3 .*Received: steps \[2\]"):
        run.evaluate()


def test_equal_recipes_are_trained_and_evaluated_once(open_run, with_twins, evaluated):
    plain, same = (open_run(paper=with_twins, name=name) for name in ("plain", "same"))
    assert (same.name, same.folder) == ("plain", plain.folder)
    same.train()
    manifest_file = plain.folder / "recipe.json"
    assert json.loads(manifest_file.read_text())["name"] == "plain"
    for run in (plain, same):
        run.evaluate(("clean",))
    assert len(evaluated) == 1


def test_raw_weights_are_of_recipes_that_have_others(open_run):
    open_run().train()
    with pytest.raises(ValueError, match=r"no average.*--weights=raw"):
        open_run(weights="raw").evaluate(("clean",))


def test_with_weights_nothing_is_trained(open_run):
    with pytest.raises(ValueError, match="train without it"):
        open_run(weights="raw").train()


def test_released_weights_are_evaluated_and_noted(open_run, with_twins, released):
    run = open_run(paper=with_twins, weights="released.ckpt")
    run.evaluate()
    found = records(run)
    assert set(found) == {"clean", "pgd_2"}  # no transfer, which needs two networks
    assert found["clean"]["step"] is None
    record = json.loads((run.folder / "recipe.json").read_text())
    assert record["weights"]["file"] == "released.ckpt"
    ones = run.network().trainable_variables[0].numpy()
    np.testing.assert_array_equal(ones, np.ones_like(ones))
    with pytest.raises(ValueError, match="add --weights=averaged=FILE"):
        run.evaluate(("pgd_2_to_averaged",))
    trained = open_run(paper=with_twins)
    trained.record("clean").unlink()
    for command in (trained.train, lambda: trained.evaluate(("clean",))):
        with pytest.raises(errors.RunError, match=r"weights.*released\.ckpt"):
            command()


def test_a_transfer_between_released_networks_names_the_weights_of_both(
    open_run, with_twins, released
):
    given = {"weights": "released.ckpt", "target_weights": {"averaged": "other.ckpt"}}
    run = open_run(paper=with_twins, **given)
    run.evaluate()
    assert set(records(run)) == {"clean", "pgd_2", "pgd_2_to_averaged"}
    target = run.session.run("averaged")
    noted = json.loads((target.folder / "recipe.json").read_text())
    assert noted["weights"]["file"] == "other.ckpt"
    given["target_weights"] = {"averaged": "released.ckpt"}  # the folder is of another
    with pytest.raises(errors.RunError, match=r"weights\.file.*released\.ckpt"):
        open_run(paper=with_twins, **given).evaluate(("pgd_2_to_averaged",))


def test_released_weights_do_not_enter_the_folder_of_a_training(open_run, released):
    run = open_run()
    run.train()
    with pytest.raises(errors.RunError, match=r"weights"):
        open_run(weights="released.ckpt").evaluate()


def test_records_of_other_released_weights_are_not_taken_for_these(open_run, released):
    run = open_run(weights="released.ckpt")
    run.evaluate()
    run.evaluate()  # the same again is done
    with pytest.raises(errors.RunError, match=r"weights\.file.*other\.ckpt"):
        open_run(weights="other.ckpt").evaluate()


@pytest.fixture
def ensemble(tmp_path):
    """Returns the run of a recipe whose method has a source, and that of the source."""
    session = runs.Session(small_paper.PAPER.at("digits"), tmp_path, "one_device")
    return session.run("ensemble"), session.run("natural")


def test_released_weights_are_evaluated_in_any_precision(open_run, released):
    open_run(weights="released.ckpt").evaluate(("clean",))
    low = open_run(weights="released.ckpt", precision="mixed_bfloat16")
    low.evaluate(("pgd_2",))
    record = json.loads(low.record("pgd_2").read_text())
    assert record["precision"] == "mixed_bfloat16"


def test_training_trains_its_sources_first_and_once(ensemble, capsys):
    run, source = ensemble
    assert [each.name for each in run.sources] == [source.name]
    run.train()
    assert run.is_trained and source.is_trained
    saved = source.checkpoints / f"{source.recipe.num_steps:08d}.npz"
    before = saved.stat().st_mtime_ns, saved.read_bytes()
    assert "[source] small_paper natural" in capsys.readouterr().out
    overridden = dataclasses.replace(run.session, overrides=("num_steps=2",))
    overridden.run("ensemble").train()  # with the source as it is
    assert "[source]" not in capsys.readouterr().out
    assert (saved.stat().st_mtime_ns, saved.read_bytes()) == before
    assert {path.name for path in run.folder.parent.iterdir()} == {
        *("ensemble", "ensemble@num_steps=2", "natural")
    }
    # It does not go on with a source of other weights.
    checkpoint.drop(run.checkpoints, run.recipe.num_steps)
    arrays = dict(np.load(saved))
    np.savez(saved, **{name: array * 0.5 for name, array in arrays.items()})
    with pytest.raises(errors.RunError, match="static networks of other weights"):
        run.train()
    saved.write_bytes(before[1])
    run.train()
    assert run.is_trained


def test_a_source_that_is_another_recipe_s_or_none_of_the_scale_is_refused(ensemble):
    run, source = ensemble
    other = dataclasses.replace(source.recipe, seed=5)
    manifest.check_or_write(source.folder, {"recipe": other, "precision": "float32"})
    with pytest.raises(errors.RunError, match=r"another recipe .*seed: 5 != 0"):
        run.train()
    unknown = dataclasses.replace(
        run, recipe=small_paper.with_sources(run.recipe, (other,))
    )
    with pytest.raises(ValueError, match="A source must be a recipe of small_paper"):
        unknown.train()


def test_what_cannot_be_trained_here_is_refused_before_its_sources_are(ensemble):
    run, source = ensemble
    odd = dataclasses.replace(run.session, overrides=("batch_size=3",)).run("ensemble")
    with pytest.raises(ValueError, match=r"whole number.*Received: 3 images"):
        odd.train()
    assert not source.folder.exists()


@pytest.mark.parametrize("failure", ["refused", "not finite"])
def test_a_recipe_that_fails_does_not_stop_the_others(
    open_run, monkeypatch, capsys, failure
):
    session = dataclasses.replace(open_run().session, overrides=())
    check, train = loop.check, loop.train

    def checked(recipe, distribution):
        if failure == "refused" and recipe.method.num_replays == 1:
            raise ValueError("batch_size must divide")
        check(recipe, distribution)

    def trained(recipe, run_dir, **settings):
        if failure == "not finite" and recipe.method.num_replays == 1:
            raise errors.NotFiniteError("The loss is not finite", 3)
        train(recipe, run_dir, **settings)

    monkeypatch.setattr(loop, "check", checked)
    monkeypatch.setattr(loop, "train", trained)
    wanted = {"plain": ["clean"], "replayed": ["clean"]}
    assert runs.run_all(session, wanted) == ["plain"]
    assert "error: tiny plain is left out: " in capsys.readouterr().err
    assert set(records(session.run("replayed"))) == {"clean"}
    assert not session.run("plain").records.exists()
    if failure == "refused":
        with pytest.raises(ValueError, match="batch_size must divide"):
            runs.run_all(session, {"plain": ["clean"]})
