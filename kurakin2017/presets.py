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
  MAXOUT: the code of the maxout networks for MNIST, `lisa-lab/pylearn2`,
    `scripts/papers/maxout/mnist_pi.yaml`.
  GOODFELLOW: Goodfellow et al. (2014), whose MNIST network the paper attacks; from
    memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from common import attacks, data, models
from common.foreign.tuning import Tuning
from common.recipe import Evaluation, Recipe, autoattacks
from common.training import natural, optimizers, schedules
from kurakin2017 import variants
from kurakin2017.algorithm import MixedTraining

EPSILONS = (2, 4, 8, 16)  # memory, Tables 1 to 8

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
    average=0.9999,  # SLIM; that there is one: Szegedy 2015, which the paper cites
    probe=attacks.PGD(epsilon=8.0, step_size=2.0, num_steps=5),  # not stated; ours
    probe_every=10_000,  # not stated; ours
    checkpoint_every=1_000,  # not stated; ours
)

STEP_LL = MixedTraining(
    attack=attacks.StepLL(variants.LARGEST),  # paper, Sec. 3: least likely class
    num_adversarial=16,  # paper: k = 16
    minibatch=32,  # paper: m = 32
    adversarial_weight=0.3,  # paper: lambda
    random_epsilon=True,  # paper, Sec. 3: for every training example
    delay=variants.DELAY,
    label_smoothing=0.1,  # SLIM
    auxiliary_weight=0.4,  # SLIM
    climbs_own_cost=True,  # paper, Sec. 2.1: J is the cost that trains the network
)

TRANSFERRED = ("fgsm", "iter_basic", "iter_ll")  # paper: Tables 4 and 6
MODELS = {  # memory, Table 4: which letter is which; paper: which networks
    "A": "baseline",
    "B": "baseline_seed1",
    "C": "elu_baseline",
    "D": "v4_baseline",
}


def evaluations(
    epsilons: tuple[int, ...],
    known: Mapping[str, Recipe],
    *,
    unit: float,
    transferred: int,
    hard: tuple[str, ...] = variants.HARD_TOO,
) -> dict[str, Evaluation]:
    """Returns clean accuracy, every attack, and the transfers between `MODELS`.

    Attacks climb J, the cost that trains the network; `NAME_hard_epsE` climbs the loss
    at hard labels.

    Args:
      epsilons: in pixels of 255.
      known: recipes of the scale, of which some are `MODELS`.
      unit: alpha of the iterative attacks, in pixels of 255.
      transferred: test images of a transfer; all if 0.
      hard: attacks that also climb the loss at hard labels.
    """
    crafted = {
        (name, epsilon): variants.attack(name, float(epsilon), unit, cost=variants.COST)
        for name in (*variants.ONE_STEP, *variants.ITERATIVE)
        for epsilon in epsilons
    }
    crafted |= {
        (f"{name}_hard", epsilon): variants.attack(name, float(epsilon), unit)
        for name in hard
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


MNIST_RADII = (0.05, 0.1, 0.25, 0.3, 0.4, 0.45, 0.5)  # paper, Sec. 4.2: of [0, 1]
MNIST_SEEDS = (2, 3, 4, 5, 6)  # not stated; ours: a pilot of this recipe had seed 1
MNIST_NATURAL = Recipe(
    dataset=data.MNIST(),  # paper; MAXOUT: pixels as they are, all 60,000 in the end
    network=models.Maxout(  # paper: the network of GOODFELLOW
        units=240,  # MAXOUT
        pieces=5,  # MAXOUT
        input_dropout=0.2,  # MAXOUT
        dropout=0.5,  # MAXOUT
        max_norm=1.9365,  # MAXOUT: of logits, too
    ),
    method=natural.NaturalTraining(),
    optimizer=optimizers.Momentum(0.7),  # MAXOUT: reached from 0.5 in 250 passes
    schedule=schedules.ExponentialDecay(
        rate=0.1,  # MAXOUT
        factor=0.97,  # not stated; ours: MAXOUT's, 0.998, is for hundreds of passes
        every=600,  # not stated; ours: a pass of natural training; MAXOUT: every update
    ),
    batch_size=100,  # MAXOUT
    num_steps=24_000,  # not stated; ours: 40 passes, MAXOUT stops by validation
    probe=attacks.PGD(epsilon=63.75, step_size=16.0, num_steps=5),  # not stated; ours
    probe_every=6_000,  # not stated; ours
    checkpoint_every=1_200,  # not stated; ours
)
MNIST_ADVERSARIAL = dataclasses.replace(
    MNIST_NATURAL,
    method=MixedTraining(
        attack=variants.mnist_attack("fgsm", 0.25),  # GOODFELLOW
        num_adversarial=1,  # GOODFELLOW: half of the loss, alpha = 0.5
        minibatch=2,  # not stated; ours: so that every second image is adversarial
        adversarial_weight=1.0,  # GOODFELLOW: alpha = 0.5
        random_epsilon=False,  # GOODFELLOW
        delay=0,  # GOODFELLOW
        label_smoothing=0.0,  # GOODFELLOW
        auxiliary_weight=0.0,  # there is one head
    ),
    batch_size=200,  # MAXOUT's 100 clean ones, and 100 adversarial ones
)

MNIST = variants.mnist_recipes(MNIST_NATURAL, MNIST_ADVERSARIAL, MNIST_SEEDS)
PAPER = {
    **variants.recipes(BASELINE, STEP_LL, inception_v4=models.InceptionV4()),
    **MNIST,
}

SMALL_STEPS = 9_600  # CIFAR-10 with a network for two CPU cores; all numbers are ours
SMALL_DROPS = 10  # of the rate, by 0.94 each; README.md says how the pilot chooses them
SMALL_BASELINE = dataclasses.replace(
    BASELINE,
    dataset=data.CIFAR10(),
    network=models.InceptionV3(
        width=0.25,
        blocks=(1, 1, 1),
        momentum=0.99,  # of the paper's length, 0.9997 would remember the start
        stem_stride=2,
    ),
    schedule=schedules.ExponentialDecay(
        rate=0.045, factor=0.94, every=SMALL_STEPS // SMALL_DROPS
    ),
    batch_size=128,  # four machines
    num_steps=SMALL_STEPS,
    probe_every=1_600,
    checkpoint_every=1_600,
)
SMALL_NAMES = (  # in the order in which they are trained
    *("baseline", "step_ll", "leak_step_ll", "leak_fgsm", "baseline_seed1"),
    *("one_step_none", "one_step_fgsm", "one_step_step_rnd", "one_step_step_ll"),
    *("one_step_random_sign", "k_0", "k_8", "k_16", "k_32"),
    *("fixed_epsilon", "delay_0k", "delay_40k"),
    *("one_step_fgsm_pred", "one_step_fast_entropy"),
)
SMALL_WIDTHS = tuple(f"width_{rho:g}_step_ll" for rho in (0.5, 1, 2))
SMALL_STEP_LL = dataclasses.replace(STEP_LL, delay=SMALL_STEPS // 15)  # as 10k of 150k
SMALL_RECIPES = variants.recipes(
    SMALL_BASELINE, SMALL_STEP_LL, inception_v4=models.InceptionV4()
)
SMALL = {
    **variants.scaled(SMALL_RECIPES, SMALL_BASELINE, SMALL_NAMES),
    **{name: SMALL_RECIPES[name] for name in SMALL_WIDTHS},
}

# Handwritten digits. An Inception compiles for longer than these networks train.
DIGITS_STEPS = 400
# of the rate: with 100 falls the seeds 1 and 2 learn less of their own attack
DIGITS_DROPS = 20
DIGITS_LARGEST = 64.0  # the strokes of 8 x 8 digits withstand 16
DIGITS_BASELINE = dataclasses.replace(
    SMALL_BASELINE,
    dataset=data.Digits(),
    network=models.WideResNet(depth=8, width=2, stem_stride=2),
    schedule=schedules.ExponentialDecay(
        rate=0.045, factor=0.94, every=DIGITS_STEPS // DIGITS_DROPS
    ),
    batch_size=64,  # two machines
    num_steps=DIGITS_STEPS,
    probe=attacks.PGD(epsilon=32.0, step_size=8.0, num_steps=5),
    probe_every=DIGITS_STEPS // 2,
    checkpoint_every=DIGITS_STEPS // 2,
)
DIGITS_NAMES = (  # four trainings
    *("baseline", "step_ll", "leak_step_ll", "leak_fgsm", "baseline_seed1"),
    *("one_step_none", "one_step_fgsm", "one_step_step_ll", "k_0", "k_16"),
)
DIGITS_STEP_LL = dataclasses.replace(
    STEP_LL, attack=attacks.StepLL(DIGITS_LARGEST), delay=DIGITS_STEPS // 15
)
DIGITS = variants.scaled(
    variants.recipes(
        dataclasses.replace(DIGITS_BASELINE, network=SMALL_BASELINE.network),
        DIGITS_STEP_LL,
        inception_v4=models.InceptionV4(),
    ),
    DIGITS_BASELINE,
    DIGITS_NAMES,
)

PAPER_EVALUATIONS = evaluations(EPSILONS, PAPER, unit=1.0, transferred=1_000)  # paper
FGSM_32 = dataclasses.replace(
    PAPER_EVALUATIONS["fgsm_eps16"].attack,
    epsilon=32.0,  # paper, Sec. 2.2: to 32, undefended
)

RECIPES = {"paper": PAPER, "small": SMALL, "digits": DIGITS}
EVALUATIONS = {
    "paper": PAPER_EVALUATIONS
    | {"fgsm_eps32": Evaluation(FGSM_32, only=("baseline",))}
    | variants.mnist_evaluations(MNIST_RADII, only=tuple(MNIST))
    | autoattacks(variants.LARGEST),
    "small": evaluations(EPSILONS, SMALL, unit=1.0, transferred=1_000)
    | autoattacks(8.0, num_images=500),
    # Four times the radii and the step, as the largest epsilon of training.
    "digits": evaluations((8, 16, 32, 64), DIGITS, unit=4.0, transferred=0, hard=())
    | autoattacks(32.0),
}

# Networks of others, trained further: they know clean images, so there is no delay.
TUNING = Tuning(
    method=dataclasses.replace(STEP_LL, delay=0),
    attacks={
        "fgsm": attacks.FGSM(variants.LARGEST),  # paper, Sec. 3
        # Not the paper's; stronger.
        "pgd_20": attacks.PGD(variants.LARGEST, variants.LARGEST / 4, num_steps=20),
    },
)
