"""Runs on disk: where they lie, what is done again and what is not."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from common import attacks, engine, errors, evaluation, files, manifest, runs
from common import recipe as recipes
from common.results import measured


def records(session, name):
    folder = session.run_dir(name) / "evaluations"
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


@pytest.fixture
def evaluated(monkeypatch):
    """Returns the attacks of the evaluations that are run."""
    seen = []
    evaluate = evaluation.evaluate

    def spy(logits_fn, dataset, attack, **kwargs):
        seen.append(attack)
        return evaluate(logits_fn, dataset, attack, **kwargs)

    monkeypatch.setattr(evaluation, "evaluate", spy)
    return seen


def test_train_notes_what_was_asked_for(open_session):
    session = open_session("seed=4")
    runs.train(session, "plain")
    found = json.loads((session.run_dir("plain") / "recipe.json").read_text())
    assert (found["paper"], found["scale"], found["name"]) == (
        "tiny",
        "digits",
        "plain",
    )
    assert found["overrides"] == ["num_steps=3", "seed=4"]
    assert found["recipe"]["seed"] == 4


def test_evaluate_counts_the_whole_test_set_as_the_tables_need(open_session):
    session = open_session()
    runs.train(session, "plain")
    runs.evaluate(session, "plain")
    found = records(session, "plain")
    assert set(found) == {"clean", "pgd_2"}
    run = measured.Run(session.run_dir("plain"))
    for name, record in found.items():
        assert record["total"] == 500
        assert (record["evaluation"], record["recipe"]) == (name, "plain")
        assert (record["step"], record["precision"]) == (3, "float32")
        assert {"versions", "hardware", "commit"} <= set(record)
        assert run.survived(name).sum() == record["correct"]
    assert found["pgd_2"]["attack"]["type"] == "PGD"
    assert found["pgd_2"]["correct"] < found["clean"]["correct"]
    shown = files.load_arrays(session.run_dir("plain") / "examples.npz", "labels")
    assert len(shown["labels"]) == runs.NUM_EXAMPLES


def test_a_record_that_fits_is_kept_and_another_is_made_again(open_session, evaluated):
    session = open_session()
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("pgd_2",))
    assert len(evaluated) == 1
    runs.evaluate(session, "plain")
    assert evaluated[1:] == [None]  # only the clean images were missing
    stronger = attacks.PGD(epsilon=40.0, step_size=20.0, num_steps=2)
    for attack, seed in ((evaluated[0], 1), (stronger, 1)):
        known = {
            "clean": recipes.Evaluation(),
            "pgd_2": recipes.Evaluation(attack, seed=seed),
        }
        paper = dataclasses.replace(session.paper, evaluations={"digits": known})
        again = open_session(paper=paper)
        runs.evaluate(again, "plain")
        assert records(again, "plain")["pgd_2"]["seed"] == seed
    assert evaluated[2:] == [evaluated[0], stronger]


def test_a_record_from_before_a_field_is_kept_while_the_field_is_at_its_default(
    open_session, evaluated
):
    session = open_session()
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("pgd_2",))
    path = session.records_dir("plain") / "pgd_2.json"
    record = json.loads(path.read_text())
    del record["branch"], record["attack"]["random_start"]
    path.write_text(json.dumps(record))
    runs.evaluate(session, "plain", ("pgd_2",))
    assert len(evaluated) == 1
    still = dataclasses.replace(evaluated[0], random_start=False)
    known = {"pgd_2": recipes.Evaluation(still)}
    changed = dataclasses.replace(session.paper, evaluations={"digits": known})
    runs.evaluate(open_session(paper=changed), "plain", ("pgd_2",))
    assert evaluated[1:] == [still]


def test_the_network_that_is_evaluated_is_the_trained_one(open_session):
    session = open_session("num_steps=40")
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("clean",))
    assert records(session, "plain")["clean"]["accuracy"] > 50
    network = session.network("plain")
    images, labels = next(
        iter(session.recipe("plain").dataset.test_batches(batch_size=500))
    )
    correct = np.argmax(network(images), -1) == labels.numpy()
    survived = measured.Run(session.run_dir("plain")).survived("clean")
    np.testing.assert_array_equal(survived, correct)


def test_a_recipe_that_is_not_trained_to_its_end_is_refused(open_session):
    session = open_session()
    with pytest.raises(errors.RunError, match=r"train the recipe first.*steps \[\]"):
        runs.evaluate(session, "plain")
    runs.train(session, "plain")
    for path in (session.run_dir("plain") / "checkpoints").iterdir():
        path.rename(path.with_name(path.name.replace("00000003", "00000002")))
    with pytest.raises(errors.RunError, match=r"step 3 .*Received: steps \[2\]"):
        runs.evaluate(session, "plain")


def test_weights_of_another_recipe_are_not_evaluated(open_session):
    session = open_session()
    runs.train(session, "plain")
    paper = session.paper
    other = dataclasses.replace(paper.at("digits").recipe("plain"), l2=0.1)
    changed = dataclasses.replace(paper, recipes={"digits": {"plain": other}})
    with pytest.raises(errors.RunError, match=r"recipe\.l2: 0\.0002 != 0\.1"):
        runs.evaluate(open_session(paper=changed), "plain")


def test_an_unknown_evaluation_names_the_nearest_before_any_work(open_session):
    message = r"Unknown evaluation. Received: pgd_3. Nearest: pgd_2"
    with pytest.raises(ValueError, match=message):
        runs.evaluate(open_session(), "plain", ("pgd_3",))


def test_the_record_says_the_precision(open_session):
    session = open_session(precision="mixed_bfloat16")
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("clean",))
    assert records(session, "plain")["clean"]["precision"] == "mixed_bfloat16"


def test_a_record_is_not_replaced_by_one_in_another_precision(open_session, evaluated):
    session = open_session()
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("clean",))
    with pytest.raises(ValueError, match=r"clean.json is in float32; take.*bfloat16"):
        runs.evaluate(open_session(precision="mixed_bfloat16"), "plain", ("clean",))
    assert records(session, "plain")["clean"]["precision"] == "float32"
    runs.evaluate(open_session(precision="mixed_bfloat16"), "plain")
    kept = {name: r["precision"] for name, r in records(session, "plain").items()}
    assert kept == {"clean": "float32", "pgd_2": "mixed_bfloat16"}


def test_a_failure_of_the_engine_says_what_to_change(open_session, monkeypatch):
    def out_of_memory(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    session = open_session()
    runs.train(session, "plain")
    monkeypatch.setattr(runs.evaluation, "evaluate", out_of_memory)
    with pytest.raises(errors.RunError, match=r"smaller --eval_batch_size.*OOM when"):
        runs.evaluate(session, "plain", ("clean",))


def test_another_worker_writes_no_record(open_session, monkeypatch):
    session = open_session()
    runs.train(session, "plain")
    monkeypatch.setattr(engine, "worker", lambda _: (1, 2))
    runs.evaluate(session, "plain")
    assert records(session, "plain") == {}


def test_records_carry_the_environment_of_the_evaluation(open_session, monkeypatch):
    session = open_session()
    runs.train(session, "plain")
    monkeypatch.setattr(manifest, "environment", lambda: {"hardware": "an abacus"})
    runs.evaluate(session, "plain", ("clean",))
    assert records(session, "plain")["clean"]["hardware"] == "an abacus"


def test_equal_recipes_are_trained_and_evaluated_once(
    open_session, with_twins, evaluated
):
    session = open_session(paper=with_twins)
    assert session.run_dir("same") == session.run_dir("plain")
    runs.train(session, "same")
    manifest_file = session.run_dir("plain") / "recipe.json"
    assert json.loads(manifest_file.read_text())["name"] == "plain"
    for name in ("plain", "same"):
        runs.evaluate(session, name, ("clean",))
    assert len(evaluated) == 1


def test_a_transfer_is_judged_by_the_target_on_images_drawn_by_the_seed(
    open_session, with_twins
):
    session = open_session(paper=with_twins)
    for name in ("plain", "averaged"):
        runs.train(session, name)
    runs.evaluate(session, "plain", ("pgd_2_to_averaged",))
    record = records(session, "plain")["pgd_2_to_averaged"]
    assert (record["target"], record["num_images"]) == ("averaged", 60)
    assert record["total"] == 60 and record["seed"] == 3

    source, target = (session.network(name) for name in ("plain", "averaged"))
    positions = evaluation.sample(500, 60, 3)
    images, labels = (
        np.concatenate(part)
        for part in zip(
            *session.recipe("plain")
            .dataset.test_batches(batch_size=500)
            .as_numpy_iterator(),
            strict=True,
        )
    )
    images, labels = images[positions], labels[positions]
    attack = with_twins.at("digits").evaluations["pgd_2_to_averaged"].attack
    adv_images = attack(source, images, labels, seed=3)
    survived = np.argmax(target(adv_images), -1) == labels
    run = measured.Run(session.run_dir("plain"))
    np.testing.assert_array_equal(run.survived("pgd_2_to_averaged"), survived)


def test_with_weights_nothing_is_trained(open_session):
    with pytest.raises(ValueError, match="train without it"):
        runs.train(open_session(weights="raw"), "plain")


def test_released_weights_are_evaluated_and_noted(open_session, with_twins, released):
    session = open_session(paper=with_twins, weights="released.ckpt")
    runs.evaluate(session, "same")
    found = records(session, "plain")
    assert set(found) == {"clean", "pgd_2"}  # no transfer, which needs two networks
    assert found["clean"]["step"] is None
    record = json.loads((session.run_dir("plain") / "recipe.json").read_text())
    assert record["weights"]["file"] == "released.ckpt"
    ones = session.network("plain").trainable_variables[0].numpy()
    np.testing.assert_array_equal(ones, np.ones_like(ones))
    with pytest.raises(ValueError, match="Received: pgd_2_to_averaged"):
        runs.evaluate(session, "plain", ("pgd_2_to_averaged",))
    trained = dataclasses.replace(session, weights="")
    for command in (runs.train, lambda *args: runs.evaluate(*args, ("clean",))):
        with pytest.raises(errors.RunError, match=r"weights.*released\.ckpt"):
            (trained.run_dir("plain") / "evaluations" / "clean.json").unlink(
                missing_ok=True
            )
            command(trained, "plain")


def test_released_weights_do_not_enter_the_folder_of_a_training(open_session, released):
    session = open_session()
    runs.train(session, "plain")
    with pytest.raises(errors.RunError, match=r"weights"):
        runs.evaluate(dataclasses.replace(session, weights="released.ckpt"), "plain")


def test_records_of_other_released_weights_are_not_taken_for_these(
    open_session, released
):
    session = open_session(weights="released.ckpt")
    runs.evaluate(session, "plain")
    runs.evaluate(session, "plain")  # the same again is done
    with pytest.raises(errors.RunError, match=r"weights\.file.*other\.ckpt"):
        runs.evaluate(dataclasses.replace(session, weights="other.ckpt"), "plain")
