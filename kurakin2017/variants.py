"""Every recipe of Kurakin et al. (2017) as a change to two of them.

A scale has a baseline and a method of adversarial training; `recipes` makes the others
of them. Sources as in `presets`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from common import attacks, changes
from common.attacks import cost as costs
from common.recipe import Evaluation, Recipe
from common.seeds import of_seed

# paper, Sec. 4 and Table 5: one-step methods, by the names of their runs
ONE_STEP: dict[str, Any] = {
    "fgsm": attacks.FGSM,
    "fgsm_pred": attacks.FGSMPredicted,
    "fast_entropy": attacks.FastEntropy,
    "step_rnd": attacks.StepRandom,
    "step_ll": attacks.StepLL,
    "fast_grad_l2": attacks.FastGradL2,
    "fast_grad_linf": attacks.FastGradLinf,
    "random_sign": attacks.RandomSign,
    "random_normal": attacks.RandomTruncatedNormal,
}
ITERATIVE: dict[str, Any] = {"iter_basic": attacks.IterBasic, "iter_ll": attacks.IterLL}
# paper, Sec. 2.1: J is the cost that trains the network, which has these two; so has
# the authors' script, `research/adv_imagenet_models/eval_on_adversarial.py`
COST = costs.TrainingCost(smoothing=0.1, auxiliary_weight=0.4)
# ours: the attacks that are also shown up the loss at hard labels, of the main head
HARD_TOO = ("fgsm", "fgsm_pred", "step_ll", "iter_basic", "iter_ll")
LARGEST = 16.0  # paper, Sec. 3: epsilon is drawn from [0, 16]
DELAY = 10_000  # paper: of 0, 10k, 20k, 40k
DELAYS = (0, 20_000, 40_000)  # paper: the others
RHOS = (0.5, 1.0, 1.5, 2.0)  # paper, Sec. 4: from 0.5 to 2; the grid is ours
SHARES = (0, 4, 8, 16, 24, 32)  # memory, Table 8: k
MNIST_ATTACKS = ("fgsm", "fgsm_pred", "step_ll")  # of the table of leaked labels
MNIST_LARGE = 1_600  # memory, Goodfellow 2014: units of the larger network
ACTIVATIONS = ("relu6", "relu_decay_0.001", "relu_decay_0.01", "relu_decay_0.1", "tanh")


def attack(
    name: str,
    epsilon: float,
    unit: float,
    *,
    cost: costs.TrainingCost = costs.HARD,
) -> Any:
    """Returns one of the eleven attacks.

    Args:
      name: a key of `ONE_STEP` or `ITERATIVE`.
      epsilon: in pixels of 255.
      unit: alpha, the step of the iterative ones: 1 in the paper, which takes
        min(epsilon + 4, 1.25 epsilon) steps for an epsilon in this unit.
      cost: of the attacks that climb one; entropy and noise do not.
    """
    kind = {**ONE_STEP, **ITERATIVE}[name]
    fields = {field.name for field in dataclasses.fields(kind)}
    climbed = {"cost": cost} if "cost" in fields else {}
    if name in ONE_STEP:
        return kind(epsilon, **climbed)
    num_steps = kind(epsilon / unit).num_steps
    return kind(epsilon, step_size=unit, num_steps=num_steps, **climbed)


def recipes(baseline: Recipe, step_ll: Any, *, inception_v4: Any) -> dict[str, Recipe]:
    """Returns the recipes of a scale.

    Args:
      baseline: training on clean images.
      step_ll: the method of adversarial training.
      inception_v4: the other network of the transfer study.
    """

    def trained(**changes: Any) -> Recipe:
        """Adversarial training, with changes to the method."""
        method = dataclasses.replace(step_ll, **changes)
        return dataclasses.replace(baseline, method=method)

    largest = step_ll.attack.epsilon
    crafted = {
        name: trained(attack=attack(name, largest, largest / LARGEST))
        for name in (*ONE_STEP, "iter_ll")
    }
    delays = {
        f"delay_{delay // 1_000}k": trained(delay=delay * step_ll.delay // DELAY)
        for delay in DELAYS
    }
    return {
        "baseline": baseline,
        "step_ll": trained(),
        "leak_step_ll": slower(trained()),
        "leak_fgsm": slower(crafted["fgsm"]),
        "hard_step_ll": trained(climbs_own_cost=False),  # ours: the ablation
        "hard_leak_fgsm": slower(
            trained(attack=crafted["fgsm"].method.attack, climbs_own_cost=False)
        ),
        "one_step_none": shorter(baseline),
        **{f"one_step_{name}": shorter(crafted[name]) for name in ONE_STEP},
        "k_0": baseline,
        **{f"k_{k}": trained(num_adversarial=k) for k in SHARES if k},
        "fixed_epsilon": trained(random_epsilon=False),  # paper; at which: ours
        "iter_ll": crafted["iter_ll"],  # paper: tried without benefit
        **delays,
        **_with_other_regularisation(trained()),
        "baseline_seed1": dataclasses.replace(baseline, seed=1),  # B: another seed
        "v4_baseline": dataclasses.replace(baseline, network=inception_v4),
        **_with_other_networks(baseline, trained()),
    }


def _with_other_regularisation(step_ll: Recipe) -> dict[str, Recipe]:
    """Returns adversarial training without some of what regularises it."""
    sharp = changes.method(step_ll, label_smoothing=0.0)
    return {  # paper, Sec. 4
        "no_smoothing": sharp,
        "no_dropout": changes.network(step_ll, dropout=0.0),
        "no_smoothing_no_dropout": changes.network(sharp, dropout=0.0),
        # less; how much: ours
        "less_decay": dataclasses.replace(step_ll, l2=step_ll.l2 / 10),
    }


def _with_other_networks(baseline: Recipe, step_ll: Recipe) -> dict[str, Recipe]:
    """Returns the two trainings on deeper and wider networks, and activations."""
    network = baseline.network
    first, middle, last = network.blocks
    deeper = (first, middle + 2, last)  # paper: two more blocks; which: ours

    return {
        "deeper_baseline": changes.network(baseline, blocks=deeper),
        "deeper_step_ll": changes.network(step_ll, blocks=deeper),
        "elu_baseline": changes.network(baseline, activation="elu"),
        **{name: changes.network(step_ll, activation=name) for name in ACTIVATIONS},
        **{
            f"width_{rho:g}_{name}": changes.network(recipe, width=rho * network.width)
            for rho in RHOS
            for name, recipe in (("baseline", baseline), ("step_ll", step_ll))
        },
    }


def slower(recipe: Recipe) -> Recipe:
    """Returns the recipe at half of the rate, as for the label leaking study."""
    rate = recipe.schedule.rate / 2  # memory, Table 3: 0.0225
    schedule = dataclasses.replace(recipe.schedule, rate=rate)
    return dataclasses.replace(recipe, schedule=schedule)


def shorter(recipe: Recipe) -> Recipe:
    """Returns the recipe cut at 3/5, as the comparison of one-step methods."""
    return dataclasses.replace(
        recipe,
        num_steps=recipe.num_steps * 3 // 5,  # memory, Table 5: 90k of 150k
    )


def scaled(
    found: Mapping[str, Recipe], baseline: Recipe, names: tuple[str, ...]
) -> dict[str, Recipe]:
    """Returns the named recipes, all of the baseline's network, schedule and length.

    At scales where a run takes minutes, what differs is the subject of a table alone,
    and many recipes become equal. None of those named is about another network.
    """
    same = {
        name: getattr(baseline, name) for name in ("network", "schedule", "num_steps")
    }
    return {name: dataclasses.replace(found[name], **same) for name in names}


def mnist_recipes(
    natural: Recipe, adversarial: Recipe, seeds: tuple[int, ...]
) -> dict[str, Recipe]:
    """Returns both trainings for every seed, and the larger network for the first.

    Args:
      natural: training on clean images.
      adversarial: training on both kinds of images.
      seeds: of the trainings.
    """
    kinds = {
        "mnist_natural": (natural, seeds),
        "mnist_adversarial": (adversarial, seeds),
        "mnist_larger": (changes.network(adversarial, units=MNIST_LARGE), seeds[:1]),
    }
    return {
        of_seed(name, seed): dataclasses.replace(recipe, seed=seed)
        for name, (recipe, chosen) in kinds.items()
        for seed in chosen
    }


def mnist_attack(name: str, radius: float) -> Any:
    """Returns a one-step attack on MNIST, whose networks learned from hard labels.

    Args:
      name: a key of `ONE_STEP`.
      radius: epsilon as a share of the range of pixels.
    """
    return ONE_STEP[name](radius * 255)


def mnist_evaluations(
    radii: tuple[float, ...], only: tuple[str, ...]
) -> dict[str, Evaluation]:
    """Returns the attacks on MNIST, such as `fgsm_mnist_0.25`.

    Args:
      radii: as shares of the range of pixels.
      only: names of the recipes.
    """
    return {
        f"{name}_mnist_{radius:g}": Evaluation(mnist_attack(name, radius), only=only)
        for name in MNIST_ATTACKS
        for radius in radii
    }
