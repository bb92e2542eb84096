"""The recipes and evaluations of Kurakin et al. (2017)."""

import dataclasses

import pytest

from common import attacks
from common.attacks import cost
from kurakin2017 import PAPER, presets, variants
from tests import parts


def test_the_paper_trains_1600_images_an_update_half_of_them_adversarial():
    recipe = presets.PAPER["step_ll"]
    method = recipe.method
    assert recipe.batch_size == 50 * method.minibatch == 1_600
    assert (method.num_adversarial, method.adversarial_weight) == (16, 0.3)
    assert (method.attack, method.delay) == (attacks.StepLL(16.0), 10_000)
    epochs = recipe.num_steps * recipe.batch_size / 1_281_167
    assert epochs == pytest.approx(187, abs=0.5)
    drops = recipe.num_steps // recipe.schedule.every
    assert recipe.schedule.every * recipe.batch_size / 1_281_167 == pytest.approx(
        2.0, abs=1e-3
    )
    assert drops == 93
    assert (recipe.schedule.rate, recipe.schedule.factor) == (0.045, 0.94)


@pytest.mark.parametrize(
    ("scale", "drops"),
    [("small", presets.SMALL_DROPS), ("digits", presets.DIGITS_DROPS)],
)
def test_other_scales_keep_proportions_and_method(scale, drops):
    for name, recipe in presets.RECIPES[scale].items():
        paper = presets.PAPER[name]
        assert recipe.num_steps == drops * recipe.schedule.every
        for field in ("optimizer", "l2", "average", "seed"):
            assert getattr(recipe, field) == getattr(paper, field)
        share = recipe.method.delay / recipe.num_steps
        paper_share = paper.method.delay / presets.BASELINE.num_steps
        if recipe.method.num_adversarial:
            assert share == pytest.approx(paper_share, rel=0.05)
            attack = dataclasses.replace(
                recipe.method.attack, epsilon=paper.method.attack.epsilon
            )
            assert attack == paper.method.attack
        same = {"attack": None, "delay": 0, "num_adversarial": 0}
        assert dataclasses.replace(recipe.method, **same) == dataclasses.replace(
            paper.method, **same
        )


def test_recipes_that_the_paper_trains_apart_are_one_run_where_lengths_are_equal():
    small = presets.SMALL
    assert small["baseline"] == small["one_step_none"] == small["k_0"]
    assert small["step_ll"] == small["one_step_step_ll"] == small["k_16"]
    assert small["leak_fgsm"] == small["one_step_fgsm"]
    paper = presets.PAPER
    assert paper["one_step_none"].num_steps == 90_000
    assert paper["leak_fgsm"].schedule.rate == 0.0225
    assert paper["baseline"] == paper["k_0"] == paper["width_1_baseline"]
    assert paper["step_ll"] == paper["k_16"] == paper["width_1_step_ll"]


def test_what_differs_is_what_the_name_says():
    base, step_ll = presets.PAPER["baseline"], presets.PAPER["step_ll"]
    expected = {
        **{f"width_{rho:g}_step_ll": {"network.width": rho} for rho in (0.5, 1.5, 2.0)},
        **{f"k_{k}": {"method.num_adversarial": k} for k in (4, 8, 24, 32)},
        **{f"delay_{k}k": {"method.delay": 1_000 * k} for k in (0, 20, 40)},
        "tanh": {"network.activation": "tanh"},
        "deeper_step_ll": {"network.blocks": (3, 6, 2)},
        "no_smoothing": {"method.label_smoothing": 0.0},
        "no_dropout": {"network.dropout": 0.0},
        "no_smoothing_no_dropout": {
            "method.label_smoothing": 0.0,
            "network.dropout": 0.0,
        },
        "less_decay": {"l2": base.l2 / 10},
        "fixed_epsilon": {"method.random_epsilon": False},
        "hard_step_ll": {"method.climbs_own_cost": False},
        "k_16": {},
        "width_1_step_ll": {},
    }
    for name, changes in expected.items():
        assert parts.differences(step_ll, presets.PAPER[name]) == changes, name
    seed1 = presets.PAPER["baseline_seed1"]
    assert parts.differences(base, seed1) == {"seed": 1}
    for name, attack in variants.ONE_STEP.items():
        trained = presets.PAPER[f"one_step_{name}"].method.attack
        assert trained == attack(16.0), name


def test_iterations_are_those_of_the_paper_in_units_of_alpha():
    for scale, unit in (("paper", 1.0), ("small", 1.0), ("digits", 4.0)):
        evaluations = presets.EVALUATIONS[scale]
        for epsilon, num_steps in zip((2, 4, 8, 16), (3, 5, 10, 20), strict=True):
            for name in ("iter_basic", "iter_ll"):
                attack = evaluations[f"{name}_eps{int(epsilon * unit)}"].attack
                assert attack.num_steps == num_steps
                assert attack.step_size == unit
                assert attack.epsilon == epsilon * unit


def test_eleven_attacks_at_every_radius_and_1000_images_of_transfer():
    evaluations = dict(presets.EVALUATIONS["paper"])
    # Asked of the undefended network alone: the end of the range in Sec. 2.2.
    widest = evaluations.pop("fgsm_eps32")
    assert widest.only == ("baseline",)
    fgsm = evaluations["fgsm_eps16"].attack
    assert widest.attack == dataclasses.replace(fgsm, epsilon=32.0)
    evaluations = {
        name: e
        for name, e in evaluations.items()
        if not e.only and not name.startswith("autoattack")
    }
    plain = [e for e in evaluations.values() if not e.target and e.attack]
    costs = [getattr(e.attack, "cost", None) for e in plain]
    assert [costs.count(x) for x in (variants.COST, cost.HARD, None)] == [32, 20, 12]
    assert len({type(e.attack) for e in plain}) == 11
    transfers = [e for e in evaluations.values() if e.target]
    assert len(transfers) == 3 * 4 * 4
    assert {e.num_images for e in transfers} == {1_000}
    for name, evaluation in evaluations.items():
        if evaluation.attack:
            epsilon = float(name.split("_eps")[1].split("_")[0])
            assert evaluation.attack.epsilon == epsilon


def test_mnist_is_trained_on_as_many_clean_as_adversarial_images_of_one_radius():
    recipe = presets.MNIST["mnist_adversarial_seed2"]
    method = recipe.method
    assert method.attack == attacks.FGSM(0.25 * 255)
    assert 2 * method.num_adversarial == method.minibatch
    assert (method.adversarial_weight, method.delay) == (1.0, 0)
    assert (method.random_epsilon, method.label_smoothing) == (False, 0.0)
    natural = presets.MNIST["mnist_natural_seed2"]
    assert recipe.batch_size == 2 * natural.batch_size
    assert recipe.num_steps * natural.batch_size == 40 * 60_000
    assert natural.schedule.every * natural.batch_size == 60_000
    last_rate = float(natural.schedule.build()(23_999))
    assert last_rate == pytest.approx(0.1 * 0.97**39, rel=1e-5)


def test_the_networks_of_mnist_differ_in_seed_method_and_size():
    found = presets.MNIST
    for kind in ("natural", "adversarial"):
        first = found[f"mnist_{kind}_seed2"]
        for seed in range(3, 7):
            recipe = found[f"mnist_{kind}_seed{seed}"]
            assert parts.differences(first, recipe) == {"seed": seed}
    small, larger = (found[f"mnist_{k}_seed2"] for k in ("adversarial", "larger"))
    assert parts.differences(small, larger) == {"network.units": 1_600}


def test_mnist_is_attacked_at_shares_of_its_range():
    for name, evaluation in presets.EVALUATIONS["paper"].items():
        share = name.partition("_mnist_")[2]
        if share:
            assert evaluation.attack.epsilon == 255 * float(share), name
            assert set(evaluation.only) == set(presets.MNIST), name


def test_a_table_of_mnist_asks_for_nothing_of_imagenet():
    for name in presets.MNIST:
        needed = set(PAPER.at("paper").needed_evaluations(name))
        kind = "fgsm_mnist_" if name.startswith("mnist_natural") else "_mnist_"
        assert {e for e in presets.EVALUATIONS["paper"] if kind in e} <= needed
        assert all("_mnist_" in e for e in needed - {"clean"}), name
