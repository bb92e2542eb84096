"""Short fits of a small model: what comes out, what goes on, what is refused."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from common import engine, errors, files, runs
from common.attacks import FGSM, PGD
from common.engine import strategy
from common.foreign import fitting, parts, plans
from common.foreign import tuning as tunings
from common.foreign.conftest import METHOD, accuracy
from common.models import norms
from common.results import packages
from common.training import metrics
from common.training.natural import NaturalTraining
from tests import small_paper
from tests.resume_test import check_same_run


def folder(tmp_path, paper="free_at"):
    (found,) = (tmp_path / "runs" / paper / "fit").iterdir()
    return found


def test_a_fit_gives_the_robust_model_and_its_record(
    fitted, digits_model, few_digits, tmp_path, capsys
):
    kept = digits_model.get_weights()
    model, record = fitted(to=tmp_path / "robust.keras", probed=True)
    for weights, before in zip(digits_model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(weights, before)
    assert model.get_config() == digits_model.get_config()
    test = few_digits[1]
    clean, robust = (record["accuracy"][name] for name in ("clean", "pgd_20"))
    assert clean["before"]["accuracy"] == pytest.approx(accuracy(digits_model, *test))
    assert clean["after"]["accuracy"] == pytest.approx(accuracy(model, *test))
    assert robust["after"]["correct"] > robust["before"]["correct"]
    assert robust["after"]["attack"]["epsilon"] == METHOD.epsilon
    home = keras.models.load_model(tmp_path / "robust.keras")
    for weights, trained in zip(home.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, trained)
    said = capsys.readouterr().out
    assert 0 < said.index("passes over the data") < said.index(": clean")  # cost first
    *_, won, cost, place = said.splitlines()
    assert won.startswith("Robust accuracy: under pgd_20 at epsilon 40 ")
    assert cost.startswith("Clean accuracy: ") and "robust.keras" in place
    manifest = json.loads((folder(tmp_path) / "recipe.json").read_text())
    assert manifest["recipe"]["dataset"]["split"] == "given"
    assert str(tmp_path) not in json.dumps(manifest["recipe"])


def test_a_finished_fit_says_so_and_goes_on_only_when_asked_for_more(
    fitted, tmp_path, capsys
):
    fitted(attacks={})
    checkpoint = folder(tmp_path) / "checkpoints" / "00000008.npz"
    written = checkpoint.stat().st_mtime_ns
    fitted(attacks={})
    said = capsys.readouterr()
    assert "has its 8 updates: nothing is left to train" in said.out
    assert "Going on" not in said.err
    assert checkpoint.stat().st_mtime_ns == written
    _, record = fitted(steps=12, attacks={})
    assert record["updates"] == 12
    manifest = json.loads((folder(tmp_path) / "recipe.json").read_text())
    assert (manifest["recipe"]["num_steps"], manifest["lengthened"]) == (12, [8])
    for other in ({"steps": 10}, {"steps": 20, "rate": 0.5}):
        with pytest.raises(errors.RunError, match=r"another recipe.*there != here"):
            fitted(attacks={}, **other)


def test_a_killed_fit_goes_on_to_the_same_bits(fitted, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    fitted(workdir=whole, attacks={})
    add, left = metrics.Meter.add, [5]

    def killed(self, step, values):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        add(self, step, values)

    with monkeypatch.context() as patched:
        patched.setattr(metrics.Meter, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            fitted(attacks={})
    assert not (folder(tmp_path) / "checkpoints" / "00000008.npz").exists()
    fitted(attacks={})
    (expected,) = (whole / "free_at" / "fit").iterdir()
    check_same_run(folder(tmp_path), expected)


class Shift(keras.layers.Layer):
    """A layer of one's own that Keras has not been told of."""

    def build(self, shape):
        self.shift = self.add_weight(shape=shape[1:], initializer="zeros")

    def call(self, inputs):
        return inputs + self.shift


def test_a_model_of_ones_own_layers_and_names_trains_and_goes_on(
    digits_model, fitted, tmp_path
):
    layers = keras.layers.RandomFlip(), Shift(dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers, digits_model])
    settings = {"attacks": {}, "batch_size": 32}
    fitted(model, steps=1, **settings)
    found, record = fitted(model, steps=2, **settings)
    assert record["updates"] == 2 and isinstance(found.layers[1], Shift)
    precision = {"file": "mixed_bfloat16", "evaluated": "float32"}
    assert record["precision"] == precision
    assert np.any(found.layers[1].get_weights()[0])


def test_what_was_judged_before_training_is_kept_when_killed(
    fitted, tmp_path, monkeypatch
):
    settings = {"attacks": {"fgsm": FGSM(40.0)}, "steps": 1}

    def killed(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs.Run, "train", killed)
    times = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fitted(**settings)
        record = folder(tmp_path) / "evaluations_initial" / "fgsm.json"
        times.append(record.stat().st_mtime_ns)
    assert times[0] == times[1]
    with pytest.raises(KeyboardInterrupt):
        fitted(**{**settings, "rate": 0.5})  # another fit, whose records these are not
    assert record.stat().st_mtime_ns > times[0]


def test_a_second_command_changes_nothing(fitted, tmp_path):
    settings = {"attacks": {}}
    fitted(steps=1, **settings)
    kept = (folder(tmp_path) / "recipe.json").read_bytes()
    with (
        files.alone(folder(tmp_path) / "fitting"),
        pytest.raises(errors.RunError, match="Another process is writing this run"),
    ):
        fitted(steps=2, **settings)
    assert (folder(tmp_path) / "recipe.json").read_bytes() == kept


def test_a_frozen_model_and_a_function_as_attack_are_refused(digits_model, fitted):
    with pytest.raises(ValueError, match="A record must hold the attack"):
        fitted(attacks={"own": lambda logits_fn, images, labels, *, seed: images})
    digits_model.trainable = False
    with pytest.raises(ValueError, match=r"frozen.*Received: no trainable variable"):
        fitted()


def test_two_replicas_train_what_one_does(digits_model, tmp_path, two_replicas):
    norm = norms.Batch(synchronized=True)
    part = parts.part(digits_model, pixels="unit", norm=norm)
    recipe = dataclasses.replace(
        small_paper.FREE, network=part, method=METHOD, num_steps=6
    )
    one, _ = small_paper.trained(recipe, tmp_path / "1", strategy.make("one_device"))
    two, _ = small_paper.trained(recipe, tmp_path / "2", two_replicas)
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_allclose(two[name], array, rtol=0, atol=5e-6, err_msg=name)


def tuned(paper, model, given, tmp_path, **settings):
    """Returns the model and the record of a fit as a paper's command makes it."""
    session = runs.Session(
        packages.find(paper).at("digits"),
        tmp_path / "runs",
        "one_device",
        overrides=settings.pop("overrides", ()),
    )
    tuning = tunings.tuned(session.at.paper.tuning, 40.0)
    plan = plans.Plan(steps=4, batch_size=32)
    return fitting.run(
        session, tuning, (model, given), plan=plan, pixels="unit", **settings
    )


@pytest.mark.parametrize(
    ("paper", "layers"),
    [
        ("intriguing_at", ""),
        pytest.param("free_at", "", marks=pytest.mark.slow),
        pytest.param("kurakin2017", "", marks=pytest.mark.slow),
        pytest.param("smooth_at", "silu", marks=pytest.mark.slow),
    ],
)
def test_every_paper_trains_a_model_of_anybodys(
    paper, layers, digits_model, few_digits, tmp_path
):
    model, record = tuned(paper, digits_model, few_digits, tmp_path)
    assert layers in model.to_json()
    clean = record["accuracy"]["clean"]
    measured = accuracy(digits_model, *few_digits[1])
    assert measured == pytest.approx(clean["before"]["accuracy"])
    branch = clean["after"]["branch"]
    assert branch == ("adversarial" if paper == "intriguing_at" else "clean")
    measured = accuracy(model, *few_digits[1])
    assert measured == pytest.approx(clean["after"]["accuracy"])
    for name, pair in record["accuracy"].items():
        assert (pair["after"]["attack"] is None) == (name == "clean")


@pytest.mark.slow
def test_the_branch_that_is_asked_for_is_judged_and_goes_home(
    digits_model, few_digits, tmp_path
):
    given = "intriguing_at", digits_model, few_digits, tmp_path
    clean, record = tuned(*given, branch="clean")
    adversarial, _ = tuned(*given)
    assert record["accuracy"]["clean"]["after"]["branch"] == "clean"
    norm = [layer.name for layer in clean.layers].index("batch_normalization")
    first, second = (m.layers[norm].get_weights() for m in (clean, adversarial))
    assert not any(map(np.array_equal, first, second))
    first, second = (m.layers[-1].get_weights() for m in (clean, adversarial))
    assert all(map(np.array_equal, first, second))


def test_what_is_judged_before_has_the_activations_of_the_model(
    digits_model, few_digits, tmp_path
):
    part = parts.part(digits_model, pixels="unit", activation="silu")
    recipe = dataclasses.replace(small_paper.FREE, network=part)
    at = fitting.paper("smooth_at", {"small": recipe}, {})
    said = ("network.activation=gelu",)
    found = runs.Session(at, tmp_path, "one_device", overrides=said).run("small")
    images, _ = few_digits[1]
    before, changed = (
        keras.ops.softmax(network(images))
        for network in (found.initial.network(), part.network())
    )
    expected = digits_model(images / 255)
    np.testing.assert_allclose(before, expected, atol=1e-5)
    assert np.abs(changed - expected).max() > 0.01


def test_attacks_and_probe_follow_a_radius_that_is_set():
    session = runs.Session(
        fitting.paper("free_at", {}, {}), None, overrides=("method.epsilon=4",)
    )
    tuning = tunings.Tuning(METHOD, {"pgd": PGD(40.0, 10.0, num_steps=3)})
    part = parts.Adopted("model", "model", "0")
    recipe, attacks = fitting._planned(
        session, tuning, plans.Plan(), (part, small_paper.FREE.dataset)
    )
    assert recipe.probe.epsilon == recipe.method.epsilon == 4.0
    assert attacks == {"pgd": PGD(4.0, 1.0, num_steps=3)}


def test_the_passes_over_the_data_stay_where_the_minibatch_is_set():
    session = runs.Session(
        fitting.paper("free_at", {}, {}), None, overrides=("batch_size=64",)
    )
    tuning = tunings.Tuning(METHOD, {})
    given = parts.Adopted("model", "model", "0"), small_paper.FREE.dataset
    recipe, _ = fitting._planned(session, tuning, plans.Plan(epochs=2), given)
    expected, _ = fitting._planned(
        dataclasses.replace(session, overrides=()),
        tuning,
        plans.Plan(epochs=2, batch_size=64),
        given,
    )
    assert recipe == expected


def test_one_of_two_outputs_is_trained(digits_model, fitted, capsys):
    features = digits_model.layers[-2].output
    size = keras.layers.Dense(1, name="size")(features)
    outputs = [*digits_model.outputs, size]
    model = keras.Model(digits_model.inputs, outputs, name="two")
    with pytest.raises(ValueError, match="2 outputs; say output= one of"):
        fitted(model)
    robust, record = fitted(model, output=digits_model.layers[-1].name, attacks={})
    assert len(robust.outputs) == 2 and record["updates"] == 8
    assert "outputs that the classes do not pass through" in capsys.readouterr().out


def test_what_is_frozen_is_counted(digits_model, fitted, capsys):
    first = digits_model.layers[0]
    first.trainable = False
    fitted(attacks={})
    every = sum(np.size(w) for x in digits_model.layers for w in x._trainable_variables)
    expected = f"{first.count_params()} of {every:,} weights are frozen"
    assert expected in capsys.readouterr().out


def test_a_background_class_of_a_model_in_memory_is_dropped(digits_model, few_digits):
    images = keras.Input((8, 8, 1))
    head = keras.layers.Dense(11, activation="softmax")
    model = keras.Model(images, head(keras.layers.Flatten()(images)), name="eleven")
    part = parts.part(model, pixels="unit", background="first")
    assert part.network().num_classes == 10
    assert part.spec == "eleven?pixels=unit&background=first"


def test_the_precision_of_keras_is_afterwards_what_it_was(fitted, monkeypatch):
    monkeypatch.setattr(
        fitting, "run", lambda *_, **__: keras.config.set_floatx("float64")
    )
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        fitted()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        assert keras.config.floatx() == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_what_replicas_cannot_share_is_refused_before_anything_is_judged(
    fitted, two_replicas, monkeypatch
):
    monkeypatch.setattr(fitting, "_train", lambda *_: pytest.fail("judged"))
    monkeypatch.setattr(engine, "make", lambda *_: two_replicas)
    with pytest.raises(ValueError, match="must divide by the number of devices"):
        fitted(batch_size=9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochz": 3}, "Unknown argument of fit.*epochz. Nearest: epochs"),
        ({"atacks": {}}, "Unknown argument of fit.*atacks. Nearest: attacks"),
        ({"pixels": ""}, "Say which pixels the model takes: pixels= one of raw"),
        ({"branch": "advers"}, "branch must be one that the network has: clean"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"attacks": {"clean": FGSM(8.0)}}, "clean names the evaluation without an"),
        ({"method": type(METHOD)}, "method must be a method with its numbers"),
        ({"method": NaturalTraining()}, "no radius .*say attacks=.*NaturalTraining"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(fitted, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message) as caught:
        fitted(**settings)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("checkpoints"))


def test_a_cluster_is_joined_before_the_model_computes(fitted, monkeypatch):
    asked = []

    def make(name, _):
        asked.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "make", make)
    monkeypatch.setattr(parts, "part", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(KeyboardInterrupt):
        fitted(strategy="multi_worker")
    assert asked == ["multi_worker"]


def test_a_network_that_cannot_have_replicas_says_what_to_set(
    digits_model, few_digits, two_replicas, fitted
):
    norm = keras.layers.BatchNormalization(renorm=True)
    model = keras.Sequential([keras.Input((8, 8, 1)), norm, digits_model])
    with pytest.raises(
        ValueError, match=r"--strategy=one_device, and .*Received: replicas=2"
    ):
        fitted(model, strategy="mirrored")
