"""Evaluations through the branches of batch norm."""

import dataclasses
import json

import keras
import numpy as np
import pytest

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


def record(run, name):
    return json.loads(run.record(name).read_text())


def all_images(run):
    dataset = run.recipe.dataset.test_batches(batch_size=500)
    return next(dataset.as_numpy_iterator())


def test_an_evaluation_goes_through_its_branch(open_run, mixture):
    run = open_run("num_steps=40", paper=mixture)
    run.train()
    run.evaluate(("clean", "clean_adversarial", "pgd_2"))
    images, labels = all_images(run)
    network, kept = run.network(), measured.Run(run.folder)
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
        assert record(run, name)["branch"] == branch
        np.testing.assert_array_equal(kept.survived(name), survived)
    assert abs(np.mean(right(images, "clean")) - np.mean(expected["pgd_2"][1])) > 0.2
    clean, other = expected["clean"][1], expected["clean_adversarial"][1]
    assert (clean != other).any()  # training moved the statistics of one branch

    shown = np.load(run.folder / "examples.npz")
    for kind in ("clean", "adversarial"):
        logits = network(shown[kind], branch="adversarial")
        np.testing.assert_array_equal(
            shown[f"predictions_{kind}"], np.argmax(logits, -1)
        )


def test_a_transfer_attacks_through_the_branch_and_shows_the_first_of_the_target(
    open_run, mixture
):
    run = open_run("num_steps=40", paper=mixture)
    other = run.session.run("other")
    run.train()
    other.train()
    run.evaluate(("pgd_2_to_other",))
    images, labels = all_images(run)
    source, target = run.network(), other.network()

    def adversarial(images):
        return source(images, branch="adversarial")

    attack = mixture.at("digits").evaluations["pgd_2"].attack
    shown = target(attack(adversarial, images, labels, seed=0), branch="clean")
    kept = measured.Run(run.folder)
    survived = kept.survived("pgd_2_to_other")
    np.testing.assert_array_equal(survived, np.argmax(shown, -1) == labels)
    assert record(run, "pgd_2_to_other")["branch"] == "adversarial"


def test_a_branch_that_is_asked_for_has_records_of_its_own(open_run, mixture):
    run = open_run(paper=mixture)
    asked = open_run(paper=mixture, branch="adversarial")
    run.train()
    asked.evaluate(("clean", "pgd_2_clean"))
    assert asked.records.name == "evaluations_adversarial"
    assert not run.records.exists()
    assert not (run.folder / "examples.npz").exists()
    for name in ("clean", "pgd_2_clean"):
        assert record(asked, name)["branch"] == "adversarial"
    run.evaluate(("clean_adversarial",))
    names = ("correct", "total", "branch")
    found = [record(asked, "clean"), record(run, "clean_adversarial")]
    assert [found[0][n] for n in names] == [found[1][n] for n in names]
    raw = open_run(branch="adversarial", weights="raw")
    assert raw.records.name == "evaluations_raw_adversarial"


def test_a_record_through_another_branch_is_made_again(open_run, mixture):
    run = open_run(paper=mixture)
    run.train()
    run.evaluate(("clean",))
    path = run.record("clean")
    before = path.stat().st_mtime_ns
    run.evaluate(("clean",))
    assert path.stat().st_mtime_ns == before
    known = {"clean": recipes.Evaluation(branch="adversarial")}
    changed = dataclasses.replace(mixture, evaluations={"digits": known})
    open_run(paper=changed).evaluate(("clean",))
    assert record(run, "clean")["branch"] == "adversarial"


def test_a_branch_that_the_network_does_not_have_is_refused_before_any_work(
    open_run, mixture
):
    run = open_run(paper=mixture)
    run.train()
    wrong = open_run(paper=mixture, branch="adverse")
    message = r"^branch must be .*: clean, adversarial. Received: branch=adverse$"
    with pytest.raises(ValueError, match=message):
        wrong.evaluate(("clean",))
    known = {
        "clean": recipes.Evaluation(),
        "other": recipes.Evaluation(branch="adverse"),
    }
    changed = dataclasses.replace(mixture, evaluations={"digits": known})
    with pytest.raises(ValueError, match=message):
        open_run(paper=changed).evaluate(("clean", "other"))
    assert not run.records.exists()


def test_a_network_without_branches_has_the_clean_one(open_run):
    run = open_run()
    run.train()
    clean = open_run(branch="clean")
    clean.evaluate(("clean",))
    assert record(clean, "clean")["branch"] == "clean"
    wrong = open_run(branch="adversarial")
    with pytest.raises(ValueError, match=r"has: clean. Received: branch=adversarial"):
        wrong.evaluate(("clean",))


def test_with_a_branch_nothing_is_trained(open_run):
    with pytest.raises(ValueError, match=r"train without it.*--branch=adversarial"):
        open_run(branch="adversarial").train()
