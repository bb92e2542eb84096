"""What the flags of the commands become."""

import types

import pytest

from common import cli
from common.foreign import commands, fitting
from common.results import packages


@pytest.fixture
def asked(monkeypatch):
    """Returns what fits were asked for, in place of a training."""
    seen = []
    monkeypatch.setattr(fitting, "run", lambda *words, **k: seen.append((words, k)))
    return seen


def test_the_flags_of_fit_become_a_plan_and_another_radius(asked, tmp_path):
    words = ["free_at", "fit", "m.keras?pixels=unit", "images", "--to=r.keras"]
    numbers = ["--epochs=3", "--rate=0.5", "--batch_size=9", "--crop=2", "--flip"]
    others = ["--epsilon=4", "--branch=clean", "--seed=5", f"--workdir={tmp_path}"]
    assert cli.main(packages.find("free_at"), [*words, *numbers, *others]) == cli.GOOD
    (((session, tuning, given), settings),) = asked
    assert given == ("m.keras?pixels=unit", "images")
    assert (tuning.method.num_replays, tuning.method.epsilon) == (4, 4.0)
    assert tuning.attacks["pgd_20"].epsilon == 4.0
    assert (settings["to"], settings["branch"], session.branch) == (
        "r.keras",
        "clean",
        "",
    )
    plan = settings["plan"]
    assert (plan.epochs, plan.rate, plan.batch_size) == (3.0, 0.5, 9)
    assert (plan.crop, plan.flip, plan.steps) == (2, True, 0)
    assert session.overrides == ("seed=5",)


def test_a_study_attacks_and_compares_no_steps_with_many(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(
        commands.studies, "study", lambda *words, **k: seen.update(k, known=words[2])
    )
    monkeypatch.setattr(commands.folders, "photographs", lambda *words, **k: None)
    network = types.SimpleNamespace(image_size=8)
    monkeypatch.setattr(commands.classifiers, "classifier", lambda spec: network)
    paper = packages.find("ensemble_at")
    assert "masking" in paper.evaluations["paper"]
    words = ["ensemble_at", "study", "images", "m.keras", f"--workdir={tmp_path}"]
    assert cli.main(paper, words) == cli.GOOD
    assert {"step_ll", "iter_ll"} <= set(seen["known"])
    assert "masking" not in seen["known"] and "masking" not in seen["transfers"]


def test_a_paper_that_says_nothing_of_other_networks_trains_none(tiny_paper, capsys):
    assert cli.main(tiny_paper, ["tiny", "fit", "m.keras", "images"]) == cli.USAGE
    assert "tiny does not say how" in capsys.readouterr().err


def test_export_writes_the_network_of_a_trained_recipe(tiny_paper, tmp_path, capsys):
    flags = ("--set=num_steps=3", f"--workdir={tmp_path}", "--strategy=one_device")

    def command(*words):
        return cli.main(tiny_paper, ["tiny", *words, *flags])

    to = f"--to={tmp_path / 'robust.weights.h5'}"
    assert command("export", "plain", to) == cli.FAILED
    assert "train the recipe first" in capsys.readouterr().err
    assert command("train", "plain") == cli.GOOD
    assert command("export", "plain") == cli.USAGE
    assert command("export", "plain", to) == cli.GOOD
    assert (tmp_path / "robust.weights.h5").exists()
