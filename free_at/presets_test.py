"""Tests of the recipes and evaluations of the Free paper."""

import dataclasses
import itertools

import pytest

from common.training.natural import NaturalTraining
from free_at import presets
from free_at.algorithm import FreeTraining, PGDTraining

ALL = [(scale, name) for scale, named in presets.RECIPES.items() for name in named]
CIFAR_IMAGES = 50_000


@pytest.mark.parametrize(
    ("num_replays", "passes"), [(2, 102.4), (4, 51.2), (8, 25.6), (10, 20.48)]
)
def test_cifar_passes_are_204_8_over_m(num_replays, passes):
    recipe = presets.PAPER[f"cifar10_free_{num_replays}"]
    minibatches = recipe.num_steps / recipe.method.num_replays
    assert minibatches * recipe.batch_size / CIFAR_IMAGES == pytest.approx(passes)
    assert passes == pytest.approx(204.8 / num_replays)


@pytest.mark.parametrize(
    ("num_replays", "passes", "updates", "drops"),
    [
        (1, 90, 450_450, (150_150, 300_300)),
        (2, 45, 450_450, (150_150, 300_300)),
        (4, 23, 460_460, (160_160, 320_320)),
        (6, 15, 450_450, (150_150, 300_300)),
        (8, 12, 480_480, (160_160, 320_320)),
    ],
)
def test_imagenet_updates_and_drops(num_replays, passes, updates, drops):
    name = (
        f"imagenet_free_{num_replays}_eps4" if num_replays > 1 else "imagenet_natural"
    )
    recipe = presets.PAPER[name]
    assert presets.imagenet_passes(num_replays) == passes
    assert recipe.num_steps == updates
    assert recipe.schedule.boundaries == drops
    # A third drop would come at or after the end.
    assert 3 * drops[0] >= updates


def test_paper_scale_has_every_recipe_of_the_tables():
    rows = ["natural", "free_2", "free_4", "free_8", "free_10", "pgd_7"]
    free = itertools.product((2, 4, 6, 8), (2, 3, 4, 5, 6, 7))
    assert set(presets.PAPER) == {
        *(f"cifar10_{row}" for row in rows),
        *(f"cifar100_{row}" for row in [*rows, "pgd_2"]),
        "imagenet_natural",
        *(f"imagenet_free_{m}_eps{epsilon}" for m, epsilon in free),
        "imagenet_pgd_2_eps4",
        "imagenet_resnet101_free_4_eps4",
        "imagenet_resnet152_free_4_eps4",
    }


def test_paper_scale_has_every_evaluation_of_the_tables():
    imagenet = itertools.product((10, 50, 100), (2, 3, 4, 5, 6, 7))
    assert set(presets.EVALUATIONS["paper"]) == {
        *("clean", "pgd_20", "pgd_100", "cw_100", "pgd_20_restarts_10"),
        *(f"pgd_{steps}_eps{epsilon}" for steps, epsilon in imagenet),
    }


def test_names_say_what_the_method_is():
    for scale, name in ALL:
        method = presets.RECIPES[scale][name].method
        kind, _, rest = name.partition("_")[2].partition("_")
        if kind.startswith("resnet"):
            kind, _, rest = rest.partition("_")
        number, _, epsilon = rest.partition("_eps")
        if kind == "natural":
            assert method == NaturalTraining()
        elif kind == "free":
            assert isinstance(method, FreeTraining)
            assert method.num_replays == int(number)
        else:
            assert isinstance(method, PGDTraining)
            assert method.num_steps == int(number)
        if epsilon:
            assert method.epsilon == float(epsilon)


def test_cifar_recipes_differ_in_the_method_alone():
    natural = presets.PAPER["cifar10_natural"]
    for name, recipe in presets.PAPER.items():
        if name.startswith("cifar10_"):
            assert dataclasses.replace(recipe, method=natural.method) == natural


def test_small_keeps_the_papers_method_and_attacks():
    for name, recipe in presets.SMALL.items():
        paper = presets.PAPER[name]
        for field in ("dataset", "method", "optimizer", "batch_size", "l2", "seed"):
            assert getattr(recipe, field) == getattr(paper, field)
    paper = presets.EVALUATIONS["paper"]
    for name, evaluation in presets.EVALUATIONS["small"].items():
        assert evaluation.attack == paper[name].attack


def test_digits_keeps_the_papers_method_but_for_the_radius():
    for name, recipe in presets.DIGITS.items():
        paper = presets.PAPER[name].method
        scaled = {
            field: getattr(paper, field)
            for field in ("epsilon", "step_size")
            if hasattr(paper, field)
        }
        assert dataclasses.replace(recipe.method, **scaled) == paper
        if "step_size" in scaled:
            ratio = recipe.method.step_size / recipe.method.epsilon
            assert ratio == paper.step_size / paper.epsilon


@pytest.mark.parametrize("scale", ["small", "digits"])
def test_scaled_recipes_share_one_schedule_in_the_papers_proportions(scale):
    scaled = list(presets.RECIPES[scale].values())
    paper = presets.PAPER["cifar10_natural"]
    for recipe in scaled:
        assert recipe.num_steps == scaled[0].num_steps
        assert recipe.schedule == scaled[0].schedule
        assert recipe.schedule.values == paper.schedule.values
        shares = [b / recipe.num_steps for b in recipe.schedule.boundaries]
        paper_shares = [b / paper.num_steps for b in paper.schedule.boundaries]
        assert shares == pytest.approx(paper_shares, abs=2e-5)


@pytest.mark.parametrize("name", ["cifar10_free_8", "cifar10_pgd_7", "cifar100_free_2"])
def test_the_rate_drops_after_steps_40000_and_60000_of_the_code(name):
    """TensorFlow 1's `piecewise_constant` has the old rate at the boundary itself."""
    schedule = presets.PAPER[name].schedule.build()
    updates = (0, 40_000, 40_001, 60_000, 60_001, 79_999)  # counted from 0
    rates = [float(schedule(update)) for update in updates]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


@pytest.mark.parametrize(("scale", "name"), ALL)
def test_training_and_drops_end_between_minibatches(scale, name):
    recipe = presets.RECIPES[scale][name]
    # On CIFAR the code drops one update later: see above.
    late = int(scale == "paper" and name.startswith("cifar"))
    drops = [boundary - late for boundary in recipe.schedule.boundaries]
    for step in (*drops, recipe.num_steps):
        assert step % recipe.method.num_replays == 0


@pytest.mark.parametrize(("scale", "name"), ALL)
def test_the_probe_attacks_with_the_radius_of_training(scale, name):
    recipe = presets.RECIPES[scale][name]
    if recipe.probe and not isinstance(recipe.method, NaturalTraining):
        assert recipe.probe.epsilon == recipe.method.epsilon
        assert recipe.probe.num_steps < 10
