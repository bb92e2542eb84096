"""Runs on disk: where they lie, what is done again and what is not."""

import dataclasses
import json

import numpy as np
import pytest

from common import attacks, evaluation, runs
from common import recipe as recipes
from common.results import measured
from common.training import errors, manifest, strategy


@pytest.fixture
def open_session(tiny_paper, tmp_path):
    """Returns a function: overrides -> a session in a folder of its own."""

    def opened(*overrides, paper=tiny_paper, **fields):
        return runs.Session(
            paper,
            "digits",
            tmp_path / "runs",
            strategy.make("one_device"),
            overrides=("num_steps=3", *overrides),
            **fields,
        )

    return opened


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


def test_a_run_lies_in_workdir_paper_scale_recipe(open_session, tmp_path):
    session = dataclasses.replace(open_session(), overrides=())
    assert session.run_dir("plain") == tmp_path / "runs" / "tiny" / "digits" / "plain"


def test_overrides_change_the_recipe_and_name_a_folder_of_their_own(open_session):
    session = open_session("method.rate=0.5", "schedule.boundaries=[7]")
    recipe = session.recipe("plain")
    assert (recipe.num_steps, recipe.method.rate) == (3, 0.5)
    assert recipe.schedule.boundaries == (7,)
    name = session.run_dir("plain").name
    assert name == "plain@num_steps=3@method.rate=0.5@schedule.boundaries=_7_"
    assert name != open_session("method.rate=0.6").run_dir("plain").name


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
    shown = measured.load_arrays(session.run_dir("plain") / "examples.npz", "labels")
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


def test_the_network_that_is_evaluated_is_the_trained_one(open_session):
    session = open_session("num_steps=40")
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("clean",))
    assert records(session, "plain")["clean"]["accuracy"] > 50
    logits_fn = runs._load_logits_fn(session, "plain")
    images, labels = next(
        iter(session.recipe("plain").dataset.test_batches(batch_size=500))
    )
    correct = np.argmax(logits_fn(images), -1) == labels.numpy()
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
    other = dataclasses.replace(paper.recipe("digits", "plain"), l2=0.1)
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


def test_another_worker_writes_no_record(open_session, monkeypatch):
    session = open_session()
    runs.train(session, "plain")
    monkeypatch.setattr(strategy, "worker", lambda _: (1, 2))
    runs.evaluate(session, "plain")
    assert records(session, "plain") == {}


def test_records_carry_the_environment_of_the_evaluation(open_session, monkeypatch):
    session = open_session()
    runs.train(session, "plain")
    monkeypatch.setattr(manifest, "environment", lambda: {"hardware": "an abacus"})
    runs.evaluate(session, "plain", ("clean",))
    assert records(session, "plain")["clean"]["hardware"] == "an abacus"
