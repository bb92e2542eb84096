"""Where the commands run: folders, overrides, weights, and branches of batch norm."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from common import errors, evaluation, runs
from common import recipe as recipes
from common.models import norms
from common.results import measured


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A linear network on mixture batch norm, of which training sees one branch."""

    def build(self, num_classes, image_size, channels=3):
        network = _Mixture(num_classes)
        network(np.zeros((1, image_size, image_size, channels)))
        return network


class _Mixture(keras.Model):
    def __init__(self, num_classes):
        super().__init__(name="mixture")
        norm = norms.Batch(branches=norms.MIXTURE)
        self.branches = norm.branches
        self.norm = norm.layer(epsilon=1e-3, name="norm")
        self.flatten = keras.layers.Flatten()
        self.classifier = keras.layers.Dense(num_classes, name="logits")

    def call(self, images, training=False, branch="clean"):
        features = self.norm(images / 255, training=training, branch=branch)
        return self.classifier(self.flatten(features))


@pytest.fixture
def mixture(tiny_paper):
    """Returns a paper of two networks with branches, and evaluations through each."""
    plain = dataclasses.replace(
        tiny_paper.at("digits").recipe("plain"), network=Mixture(), probe=None
    )
    attack = tiny_paper.at("digits").evaluations["pgd_2"].attack
    known = {
        "clean": recipes.Evaluation(),
        "clean_adversarial": recipes.Evaluation(branch="adversarial"),
        "pgd_2": recipes.Evaluation(attack, branch="adversarial"),
        "pgd_2_clean": recipes.Evaluation(attack, branch="clean"),
        "pgd_2_to_other": recipes.Evaluation(
            attack, target="other", branch="adversarial"
        ),
    }
    return dataclasses.replace(
        tiny_paper,
        recipes={"digits": {"plain": plain, "other": dataclasses.replace(plain, l2=0)}},
        evaluations={"digits": known},
    )


def record(session, name, recipe="plain"):
    return json.loads((session.records_dir(recipe) / f"{name}.json").read_text())


def all_images(session):
    dataset = session.recipe("plain").dataset.test_batches(batch_size=500)
    return next(dataset.as_numpy_iterator())


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


def test_averaged_weights_are_evaluated_unless_raw_ones_are_asked_for(
    open_session, with_twins
):
    averaged = open_session("num_steps=6", paper=with_twins)
    raw = dataclasses.replace(averaged, weights="raw")
    runs.train(averaged, "averaged")
    kernels = [s.network("averaged").trainable_variables[0] for s in (averaged, raw)]
    steps = [np.asarray(kernel) for kernel in kernels]
    assert not np.allclose(*steps)
    arrays = np.load(averaged.run_dir("averaged") / "checkpoints" / "00000006.npz")
    path = kernels[0].path
    np.testing.assert_array_equal(steps[0], arrays[f"average/{path}"])
    np.testing.assert_array_equal(steps[1], arrays[path])
    runs.evaluate(raw, "averaged", ("clean",))
    assert not averaged.records_dir("averaged").exists()
    assert (raw.records_dir("averaged") / "clean.json").exists()


def test_fields_that_came_after_a_run_are_at_their_defaults(open_session):
    session = open_session()
    runs.train(session, "plain")
    path = session.run_dir("plain") / "recipe.json"
    manifest = json.loads(path.read_text())
    del manifest["recipe"]["average"], manifest["recipe"]["method"]["num_replays"]
    path.write_text(json.dumps(manifest))
    runs.train(session, "plain")
    assert session.network("plain")
    manifest["recipe"]["method"]["heat"] = 0.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(errors.RunError, match=r"heat: 0\.0 != \(no such field\)"):
        session.network("plain")


def test_an_evaluation_goes_through_its_branch(open_session, mixture):
    session = open_session("num_steps=40", paper=mixture)
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("clean", "clean_adversarial", "pgd_2"))
    images, labels = all_images(session)
    network, run = session.network("plain"), measured.Run(session.run_dir("plain"))
    attack = mixture.at("digits").evaluations["pgd_2"].attack

    def right(images, branch):
        return np.argmax(network(images, branch=branch), -1) == labels

    def adversarial(images):
        return network(images, training=False, branch="adversarial")

    adv_images = attack(adversarial, images, labels, seed=0)
    expected = {
        "clean": (None, right(images, "clean")),
        "clean_adversarial": ("adversarial", right(images, "adversarial")),
        "pgd_2": ("adversarial", right(adv_images, "adversarial")),
    }
    for name, (branch, survived) in expected.items():
        assert record(session, name)["branch"] == branch
        np.testing.assert_array_equal(run.survived(name), survived)
    assert abs(np.mean(right(images, "clean")) - np.mean(expected["pgd_2"][1])) > 0.2
    clean, other = expected["clean"][1], expected["clean_adversarial"][1]
    assert (clean != other).any()  # training moved the statistics of one branch

    shown = np.load(session.run_dir("plain") / "examples.npz")
    for kind in ("clean", "adversarial"):
        logits = network(shown[kind], branch="adversarial")
        np.testing.assert_array_equal(
            shown[f"predictions_{kind}"], np.argmax(logits, -1)
        )


def test_a_network_is_loaded_once_and_has_judges_for_each_branch(
    open_session, mixture, monkeypatch
):
    session, made = open_session(paper=mixture), []
    runs.train(session, "plain")
    network, judges = runs.Session.network, evaluation.Judges

    def spied(kind, act):
        return lambda *args: made.append(kind) or act(*args)

    monkeypatch.setattr(runs.Session, "network", spied("network", network))
    monkeypatch.setattr(evaluation, "Judges", spied("judges", judges))
    runs.evaluate(session, "plain", ("pgd_2", "clean_adversarial", "pgd_2_clean"))
    assert sorted(made) == ["judges", "judges", "network"]


def test_a_transfer_attacks_through_the_branch_and_shows_the_first_of_the_target(
    open_session, mixture
):
    session = open_session("num_steps=40", paper=mixture)
    for name in ("plain", "other"):
        runs.train(session, name)
    runs.evaluate(session, "plain", ("pgd_2_to_other",))
    images, labels = all_images(session)
    source, target = (session.network(name) for name in ("plain", "other"))

    def adversarial(images):
        return source(images, branch="adversarial")

    attack = mixture.at("digits").evaluations["pgd_2"].attack
    shown = target(attack(adversarial, images, labels, seed=0), branch="clean")
    run = measured.Run(session.run_dir("plain"))
    survived = run.survived("pgd_2_to_other")
    np.testing.assert_array_equal(survived, np.argmax(shown, -1) == labels)
    assert record(session, "pgd_2_to_other")["branch"] == "adversarial"


def test_a_branch_that_is_asked_for_has_records_of_its_own(open_session, mixture):
    session = open_session(paper=mixture)
    asked = dataclasses.replace(session, branch="adversarial")
    runs.train(session, "plain")
    runs.evaluate(asked, "plain", ("clean", "pgd_2_clean"))
    assert asked.records_dir("plain").name == "evaluations_adversarial"
    assert not session.records_dir("plain").exists()
    assert not (session.run_dir("plain") / "examples.npz").exists()
    for name in ("clean", "pgd_2_clean"):
        assert record(asked, name)["branch"] == "adversarial"
    runs.evaluate(session, "plain", ("clean_adversarial",))
    names = ("correct", "total", "branch")
    found = [record(asked, "clean"), record(session, "clean_adversarial")]
    assert [found[0][n] for n in names] == [found[1][n] for n in names]
    raw = dataclasses.replace(asked, weights="raw")
    assert raw.records_dir("plain").name == "evaluations_raw_adversarial"


def test_a_record_through_another_branch_is_made_again(open_session, mixture):
    session = open_session(paper=mixture)
    runs.train(session, "plain")
    runs.evaluate(session, "plain", ("clean",))
    path = session.records_dir("plain") / "clean.json"
    before = path.stat().st_mtime_ns
    runs.evaluate(session, "plain", ("clean",))
    assert path.stat().st_mtime_ns == before
    known = {"clean": recipes.Evaluation(branch="adversarial")}
    changed = dataclasses.replace(mixture, evaluations={"digits": known})
    runs.evaluate(open_session(paper=changed), "plain", ("clean",))
    assert record(session, "clean")["branch"] == "adversarial"


def test_a_branch_that_the_network_does_not_have_is_refused_before_any_work(
    open_session, mixture
):
    session = open_session(paper=mixture)
    runs.train(session, "plain")
    wrong = dataclasses.replace(session, branch="adverse")
    message = r"^branch must be .*: clean, adversarial. Received: branch=adverse$"
    with pytest.raises(ValueError, match=message):
        runs.evaluate(wrong, "plain", ("clean",))
    known = {
        "clean": recipes.Evaluation(),
        "other": recipes.Evaluation(branch="adverse"),
    }
    changed = dataclasses.replace(mixture, evaluations={"digits": known})
    with pytest.raises(ValueError, match=message):
        runs.evaluate(open_session(paper=changed), "plain", ("clean", "other"))
    assert not session.records_dir("plain").exists()


def test_a_network_without_branches_has_the_clean_one(open_session):
    session = open_session()
    runs.train(session, "plain")
    clean = dataclasses.replace(session, branch="clean")
    runs.evaluate(clean, "plain", ("clean",))
    assert record(clean, "clean")["branch"] == "clean"
    wrong = dataclasses.replace(session, branch="adversarial")
    with pytest.raises(ValueError, match=r"has: clean. Received: branch=adversarial"):
        runs.evaluate(wrong, "plain", ("clean",))


def test_with_a_branch_nothing_is_trained(open_session):
    with pytest.raises(ValueError, match=r"train without it.*--branch=adversarial"):
        runs.train(open_session(branch="adversarial"), "plain")
