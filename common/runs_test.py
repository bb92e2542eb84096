"""Runs on disk: where they lie, what is done again and what is not."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, engine, errors, evaluation, files, manifest, runs
from common import recipe as recipes
from common.evaluation import accuracy, examples
from common.results import measured
from tests import small_paper


def records(run):
    found = run.records.glob("*.json")
    return {path.stem: json.loads(path.read_text()) for path in found}


@pytest.fixture
def evaluated(monkeypatch):
    """Returns the attacks of the evaluations that are run."""
    seen = []
    evaluate = accuracy.evaluate

    def spy(logits_fn, dataset, attack, **kwargs):
        seen.append(attack)
        return evaluate(logits_fn, dataset, attack, **kwargs)

    monkeypatch.setattr(accuracy, "evaluate", spy)
    return seen


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


def test_evaluate_counts_the_whole_test_set_as_the_tables_need(open_run):
    run = open_run()
    run.train()
    run.evaluate()
    found = records(run)
    assert set(found) == {"clean", "pgd_2"}
    kept = measured.Run(run.folder)
    for name, record in found.items():
        assert record["total"] == 500
        assert (record["evaluation"], record["recipe"]) == (name, "plain")
        assert (record["step"], record["precision"]) == (3, "float32")
        assert {"versions", "hardware", "commit"} <= set(record)
        assert kept.survived(name).sum() == record["correct"]
    assert found["pgd_2"]["attack"]["type"] == "PGD"
    assert found["pgd_2"]["correct"] < found["clean"]["correct"]
    shown = files.load_arrays(run.folder / "examples.npz", "labels")
    assert len(shown["labels"]) == examples.COUNT


def test_a_record_that_fits_is_kept_and_another_is_made_again(
    open_run, tiny_paper, evaluated
):
    run = open_run()
    run.train()
    run.evaluate(("pgd_2",))
    assert len(evaluated) == 1
    run.evaluate()
    assert evaluated[1:] == [None]  # only the clean images were missing
    stronger = attacks.PGD(epsilon=40.0, step_size=20.0, num_steps=2)
    for attack, seed in ((evaluated[0], 1), (stronger, 1)):
        known = {
            "clean": recipes.Evaluation(),
            "pgd_2": recipes.Evaluation(attack, seed=seed),
        }
        paper = dataclasses.replace(tiny_paper, evaluations={"digits": known})
        again = open_run(paper=paper)
        again.evaluate()
        assert records(again)["pgd_2"]["seed"] == seed
    assert evaluated[2:] == [evaluated[0], stronger]


def test_a_record_from_before_a_field_is_kept_while_the_field_is_at_its_default(
    open_run, tiny_paper, evaluated
):
    run = open_run()
    run.train()
    run.evaluate(("pgd_2",))
    path = run.record("pgd_2")
    record = json.loads(path.read_text())
    del record["branch"], record["attack"]["random_start"]
    path.write_text(json.dumps(record))
    run.evaluate(("pgd_2",))
    assert len(evaluated) == 1
    still = dataclasses.replace(evaluated[0], random_start=False)
    known = {"pgd_2": recipes.Evaluation(still)}
    changed = dataclasses.replace(tiny_paper, evaluations={"digits": known})
    open_run(paper=changed).evaluate(("pgd_2",))
    assert evaluated[1:] == [still]


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


def test_weights_of_another_recipe_are_not_evaluated(open_run, tiny_paper):
    run = open_run()
    run.train()
    other = dataclasses.replace(tiny_paper.at("digits").recipe("plain"), l2=0.1)
    changed = dataclasses.replace(tiny_paper, recipes={"digits": {"plain": other}})
    with pytest.raises(errors.RunError, match=r"recipe\.l2: 0\.0002 != 0\.1"):
        open_run(paper=changed).evaluate()


def test_an_unknown_evaluation_names_the_nearest_before_any_work(open_run):
    message = r"Unknown evaluation. Received: pgd_3. Nearest: pgd_2"
    with pytest.raises(ValueError, match=message):
        open_run().evaluate(("pgd_3",))


def test_a_record_is_not_replaced_by_one_in_another_precision(open_run, evaluated):
    run = open_run()
    run.train()
    run.evaluate(("clean",))
    with pytest.raises(
        ValueError, match=r"clean.json was made in float32; give.*bfloat16"
    ):
        open_run(precision="mixed_bfloat16").evaluate(("clean",))
    assert records(run)["clean"]["precision"] == "float32"
    open_run(precision="mixed_bfloat16").evaluate()
    kept = {name: r["precision"] for name, r in records(run).items()}
    assert kept == {"clean": "float32", "pgd_2": "mixed_bfloat16"}


def test_in_low_precision_attacks_are_judged_in_float32(open_run, monkeypatch):
    run, seen = open_run(), []
    run.train()

    def spy(logits_fn, dataset, attack, *, judges, **_):
        seen.append(judges)
        raise errors.RunError("seen enough")

    monkeypatch.setattr(accuracy, "evaluate", spy)
    with pytest.raises(errors.RunError, match="seen enough"):
        open_run(precision="mixed_bfloat16").evaluate(("pgd_2",))
    (judges,) = seen
    (images, _), *_ = run.recipe.dataset.test_batches(batch_size=8)
    exact = run.network()(images, training=False)
    np.testing.assert_array_equal(judges.logits_fn(images), exact)
    difference = np.abs(judges.attacked_fn(images) - exact).max()
    assert 0 < difference < 0.05 * np.abs(exact).max()


def test_a_failure_of_the_engine_says_what_to_change(open_run, monkeypatch):
    def out_of_memory(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    run = open_run()
    run.train()
    monkeypatch.setattr(accuracy, "evaluate", out_of_memory)
    with pytest.raises(errors.RunError, match=r"smaller --eval_batch_size.*OOM when"):
        run.evaluate(("clean",))


def test_another_worker_writes_no_record(open_run, monkeypatch):
    run = open_run()
    run.train()
    monkeypatch.setattr(engine, "worker", lambda _: (1, 2))
    run.evaluate()
    assert records(run) == {}


def test_records_carry_the_environment_of_the_evaluation(open_run, monkeypatch):
    run = open_run()
    run.train()
    monkeypatch.setattr(manifest, "environment", lambda: {"hardware": "an abacus"})
    run.evaluate(("clean",))
    assert records(run)["clean"]["hardware"] == "an abacus"


def test_equal_recipes_are_trained_and_evaluated_once(open_run, with_twins, evaluated):
    plain, same = (open_run(paper=with_twins, name=name) for name in ("plain", "same"))
    assert (same.name, same.folder) == ("plain", plain.folder)
    same.train()
    manifest_file = plain.folder / "recipe.json"
    assert json.loads(manifest_file.read_text())["name"] == "plain"
    for run in (plain, same):
        run.evaluate(("clean",))
    assert len(evaluated) == 1


def test_a_transfer_is_judged_by_the_target_on_images_drawn_by_the_seed(
    open_run, with_twins
):
    run = open_run(paper=with_twins)
    target = run.session.run("averaged")
    run.train()
    target.train()
    run.evaluate(("pgd_2_to_averaged",))
    record = records(run)["pgd_2_to_averaged"]
    assert (record["target"], record["num_images"]) == ("averaged", 60)
    assert record["total"] == 60 and record["seed"] == 3

    positions = evaluation.sample(500, 60, 3)
    images, labels = (
        np.concatenate(part)
        for part in zip(
            *run.recipe.dataset.test_batches(batch_size=500).as_numpy_iterator(),
            strict=True,
        )
    )
    images, labels = images[positions], labels[positions]
    attack = with_twins.at("digits").evaluations["pgd_2_to_averaged"].attack
    adv_images = attack(run.network(), images, labels, seed=3)
    survived = np.argmax(target.network()(adv_images), -1) == labels
    kept = measured.Run(run.folder)
    np.testing.assert_array_equal(kept.survived("pgd_2_to_averaged"), survived)


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


def test_an_evaluation_against_many_steps_compares_them(open_run, tiny_paper):
    attack = tiny_paper.at("digits").evaluations["pgd_2"].attack
    masking = recipes.Evaluation(attacks.FGSM(40.0), against=attack, num_images=60)
    run = open_run(
        paper=dataclasses.replace(
            tiny_paper,
            evaluations={"digits": {**tiny_paper.evaluations["digits"], "m": masking}},
        )
    )
    run.train()
    run.evaluate(("m",))
    record = records(run)["m"]
    assert (record["total"], record["against"]["type"]) == (60, "PGD")
    kept = measured.Run(run.folder)
    numbers = kept.numbers("m", "loss_share")
    assert numbers.mean() == pytest.approx(record["loss_share"], rel=1e-6)
    assert kept.numbers("m", "hue") is None
    made = run.record("m").stat().st_mtime_ns
    run.evaluate(("m",))
    assert run.record("m").stat().st_mtime_ns == made
