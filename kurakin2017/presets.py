"""The recipes and evaluations of Kurakin et al. (2017), at three scales.

`RECIPES` and `EVALUATIONS` map scale to name to value. Scale `paper` is the authors'
own setup; `small` and `digits` replace some of its parts, so that what differs is what
one reads here. Epsilon and step sizes are in pixels of 255. Recipes that are equal at a
scale are one run.

Where a number comes from stands at its line:

  paper: the text of the paper, with its section where known.
  SLIM: the Inception recipe of `tensorflow/models`, `research/slim` and
    `research/inception`, distributed training.
  later code: the first author's next code, `research/adversarial_logit_pairing`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from common import attacks, data, models
from common.recipe import Evaluation, Recipe
from common.training import optimizers, schedules
from kurakin2017.algorithm import MixedTraining

EPSILONS = (2, 4, 8, 16)  # memory, Tables 1 to 8
LARGEST = 16.0  # paper, Sec. 3: epsilon is drawn from [0, 16]
RHOS = (0.5, 1.0, 1.5, 2.0)  # paper, Sec. 4: from 0.5 to 2; the grid is ours

BASELINE = Recipe(
    # paper: ImageNet; SLIM: 299 x 299, distorted crops and colours, 87.5 % of the test
    # image; the last also in the authors' evaluation script
    dataset=data.ImageNet(image_size=299, preprocessing="inception"),
    network=models.InceptionV3(),  # paper; SLIM: batch norm, dropout, auxiliary head
    method=MixedTraining(
        num_adversarial=0,  # paper: no adversarial image
        minibatch=32,  # paper: m = 32 on each of 50 machines
        label_smoothing=0.1,  # SLIM; the authors' evaluation script
        auxiliary_weight=0.4,  # SLIM; the authors' evaluation script
    ),
    optimizer=optimizers.RMSProp(decay=0.9, momentum=0.9, epsilon=1.0),  # SLIM
    schedule=schedules.ExponentialDecay(
        rate=0.045,  # paper
        factor=0.94,  # SLIM; later code
        every=1_601,  # SLIM: every 2 passes of 1,281,167 images
    ),
    batch_size=1_600,  # paper: 50 machines x 32
    num_steps=150_000,  # paper: best around 130k to 150k
    l2=4e-5,  # SLIM: half square, kernels only
    average=0.9999,  # SLIM; not stated in the paper
    probe=attacks.PGD(epsilon=8.0, step_size=2.0, num_steps=5),  # not stated; ours
    probe_every=10_000,  # not stated; ours
    checkpoint_every=1_000,  # not stated; ours
)

STEP_LL = MixedTraining(
    attack=attacks.StepLL(epsilon=LARGEST),  # paper, Sec. 3: least likely class
    num_adversarial=16,  # paper: k = 16
    minibatch=32,  # paper: m = 32
    adversarial_weight=0.3,  # paper: lambda
    random_epsilon=True,  # paper, Sec. 3: for every training example
    delay=10_000,  # paper: of 0, 10k, 20k, 40k
    label_smoothing=0.1,  # SLIM
    auxiliary_weight=0.4,  # SLIM
)

ONE_STEP = {  # paper, Sec. 4 and Table 5: one-step methods, by the names of their runs
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
ITERATIVE = {"iter_basic": attacks.IterBasic, "iter_ll": attacks.IterLL}
TRANSFERRED = ("fgsm", "iter_basic", "iter_ll")  # paper: Tables 4 and 6
MODELS = {  # memory, Table 4: which letter is which; paper: which networks
    "A": "baseline",
    "B": "baseline_seed1",
    "C": "elu_baseline",
    "D": "v4_baseline",
}

ACTIVATIONS = ("relu6", "relu_decay_0.001", "relu_decay_0.01", "relu_decay_0.1", "tanh")
SHARES = (0, 4, 8, 16, 24, 32)  # k of Table 8
DELAYS = (0, 20_000, 40_000)  # paper, beside the 10k of all others


def attack(name: str, epsilon: float, unit: float) -> Any:
    """Returns one of the eleven attacks.

    Args:
      name: a key of `ONE_STEP` or `ITERATIVE`.
      epsilon: in pixels of 255.
      unit: alpha, the step of the iterative ones: 1 in the paper, which takes
        min(epsilon + 4, 1.25 epsilon) steps for an epsilon in this unit.
    """
    if name in ONE_STEP:
        return ONE_STEP[name](epsilon)
    num_steps = ITERATIVE[name](epsilon / unit).num_steps
    return ITERATIVE[name](epsilon, step_size=unit, num_steps=num_steps)


def recipes(
    baseline: Recipe, step_ll: MixedTraining, *, inception_v4: models.InceptionV4
) -> dict[str, Recipe]:
    """Returns the recipes of a scale.

    Args:
      baseline: training on clean images.
      step_ll: the method of adversarial training.
      inception_v4: the other network of the transfer study.
    """
    network, largest = baseline.network, step_ll.attack.epsilon
    first, middle, last = network.blocks

    def trained(**changes: Any) -> Recipe:
        """Adversarial training, with changes to the method."""
        return dataclasses.replace(
            baseline, method=dataclasses.replace(step_ll, **changes)
        )

    def on(recipe: Recipe, **changes: Any) -> Recipe:
        """The recipe with changes to the network."""
        changed = dataclasses.replace(network, **changes)
        return dataclasses.replace(recipe, network=changed)

    crafted = {
        name: trained(attack=attack(name, largest, largest / LARGEST))
        for name in (*ONE_STEP, "iter_ll")
    }
    deeper = (first, middle + 2, last)  # paper: two more blocks; which: ours
    return {
        "baseline": baseline,
        "step_ll": trained(),
        "deeper_baseline": on(baseline, blocks=deeper),
        "deeper_step_ll": on(trained(), blocks=deeper),
        "leak_step_ll": slower(trained()),
        "leak_fgsm": slower(crafted["fgsm"]),
        "baseline_seed1": dataclasses.replace(baseline, seed=1),  # B: another seed
        "elu_baseline": on(baseline, activation="elu"),
        "v4_baseline": dataclasses.replace(baseline, network=inception_v4),
        "one_step_none": shorter(baseline),
        **{f"one_step_{name}": shorter(crafted[name]) for name in ONE_STEP},
        **{name: on(trained(), activation=name) for name in ACTIVATIONS},
        "k_0": baseline,
        **{f"k_{k}": trained(num_adversarial=k) for k in SHARES[1:]},  # without 0
        **{
            f"width_{rho:g}_{name}": on(recipe, width=rho * network.width)
            for rho in RHOS
            for name, recipe in (("baseline", baseline), ("step_ll", trained()))
        },
        "fixed_epsilon": trained(random_epsilon=False),  # paper; at which: ours
        "iter_ll": crafted["iter_ll"],  # paper: tried without benefit
        **{
            f"delay_{delay // 1_000}k": trained(
                delay=delay * step_ll.delay // STEP_LL.delay
            )
            for delay in DELAYS
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
    """Returns the named recipes, all at the baseline's schedule and length.

    At scales where a run takes minutes, what differs is the subject of a table alone,
    and many recipes become equal.
    """
    same = {"schedule": baseline.schedule, "num_steps": baseline.num_steps}
    return {name: dataclasses.replace(found[name], **same) for name in names}


def evaluations(
    epsilons: tuple[int, ...],
    known: Mapping[str, Recipe],
    *,
    unit: float,
    transferred: int,
) -> dict[str, Evaluation]:
    """Returns clean accuracy, every attack, and the transfers between `MODELS`.

    Args:
      epsilons: in pixels of 255.
      known: recipes of the scale, of which some are `MODELS`.
      unit: alpha of the iterative attacks, in pixels of 255.
      transferred: test images of a transfer; all if 0.
    """
    crafted = {
        (name, epsilon): attack(name, float(epsilon), unit)
        for name in (*ONE_STEP, *ITERATIVE)
        for epsilon in epsilons
    }
    return {
        "clean": Evaluation(),
        **{
            f"{name}_eps{epsilon}": Evaluation(value)
            for (name, epsilon), value in crafted.items()
        },
        **{
            f"{name}_eps{epsilon}_to_{letter}": Evaluation(
                value, target=target, num_images=transferred
            )
            for (name, epsilon), value in crafted.items()
            for letter, target in MODELS.items()
            if name in TRANSFERRED and target in known
        },
    }


PAPER = recipes(BASELINE, STEP_LL, inception_v4=models.InceptionV4())

SMALL_STEPS = 2_400  # CIFAR-10 with a network for two CPU cores; all numbers are ours
SMALL_BASELINE = dataclasses.replace(
    BASELINE,
    dataset=data.CIFAR10(),
    network=models.InceptionV3(
        width=0.25,
        blocks=(1, 1, 1),
        momentum=0.99,  # of the paper's length, 0.9997 would remember the start
        stem_stride=2,
    ),
    schedule=schedules.ExponentialDecay(rate=0.045, factor=0.94, every=26),  # 92 drops
    batch_size=128,  # four machines
    num_steps=SMALL_STEPS,
    probe_every=400,
    checkpoint_every=400,
)
SMALL_NAMES = (  # in the order in which they are trained
    *("baseline", "step_ll", "leak_step_ll", "leak_fgsm", "baseline_seed1"),
    *("one_step_none", "one_step_fgsm", "one_step_step_rnd", "one_step_step_ll"),
    *("one_step_random_sign", "k_0", "k_8", "k_16", "k_32"),
)
SMALL_STEP_LL = dataclasses.replace(STEP_LL, delay=SMALL_STEPS // 15)  # as 10k of 150k
SMALL = scaled(
    recipes(SMALL_BASELINE, SMALL_STEP_LL, inception_v4=models.InceptionV4()),
    SMALL_BASELINE,
    SMALL_NAMES,
)

DIGITS_LARGEST = 64.0  # the strokes of 8 x 8 digits withstand 16
DIGITS_BASELINE = dataclasses.replace(
    SMALL_BASELINE,
    dataset=data.Digits(),
    network=models.InceptionV3(width=0.25, blocks=(1, 1, 1), momentum=0.9),
    schedule=schedules.ExponentialDecay(rate=0.045, factor=0.94, every=3),
    batch_size=64,  # two machines
    num_steps=240,
    probe=attacks.PGD(epsilon=32.0, step_size=8.0, num_steps=5),
    probe_every=120,
    checkpoint_every=120,
)
DIGITS_STEP_LL = dataclasses.replace(
    STEP_LL, attack=attacks.StepLL(DIGITS_LARGEST), delay=240 // 15
)
DIGITS_NAMES = (
    *SMALL_NAMES,
    *("one_step_fgsm_pred", "one_step_fast_entropy", "one_step_random_normal"),
    *("relu_decay_0.1", "tanh", "width_0.5_step_ll", "width_1_step_ll"),
    *("width_2_step_ll", "fixed_epsilon", "iter_ll", "delay_0k", "delay_40k"),
)
DIGITS = scaled(
    recipes(
        DIGITS_BASELINE,
        DIGITS_STEP_LL,
        inception_v4=models.InceptionV4(width=0.25, blocks=(1, 1, 1), momentum=0.9),
    ),
    DIGITS_BASELINE,
    DIGITS_NAMES,
)

RECIPES = {"paper": PAPER, "small": SMALL, "digits": DIGITS}
EVALUATIONS = {
    "paper": evaluations(EPSILONS, PAPER, unit=1.0, transferred=1_000),  # paper
    "small": evaluations(EPSILONS, SMALL, unit=1.0, transferred=1_000),
    # Four times the radii and the step, as the largest epsilon of training; 8 and 16
    # are the ones that have a reported number beside them.
    "digits": evaluations((8, 16, 32, 64), DIGITS, unit=4.0, transferred=0),
}
