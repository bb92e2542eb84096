"""The recipes and evaluations of the Free paper, at three scales.

`RECIPES` and `EVALUATIONS` map scale to name to value. Scale `paper` is the authors'
own setup; `small` and `digits` replace some of its parts, so that what differs is what
one reads here. Epsilon and step sizes are in pixels of 255.

Where a number comes from stands at its line:

  FREE-TF: the authors' CIFAR code, `ashafahi/free_adv_train`, with the file.
  FREE-PT: the authors' ImageNet code, `mahyarnajibi/FreeAdversarialTraining`.
  README: the results table in the README of FREE-TF.
  figure: the authors' figure, ImageNet accuracy against epsilon.
"""

from __future__ import annotations

import dataclasses
import math

from common import attacks, data, models
from common.foreign.tuning import Tuning
from common.recipe import Evaluation, Recipe, autoattacks
from common.seeds import of_seed, seeded
from common.training import optimizers, schedules
from common.training.natural import NaturalTraining
from free_at.algorithm import FreeTraining, PGDTraining

CIFAR10_NATURAL = Recipe(
    dataset=data.CIFAR10(padding=2),  # FREE-TF cifar10_input.py: 36 x 36, crop, flip
    network=models.WideResNet(depth=32, width=10),  # README; FREE-TF free_model.py
    method=NaturalTraining(),  # README, row "Natural"
    optimizer=optimizers.Momentum(0.9),  # FREE-TF config.py; no Nesterov
    schedule=schedules.PiecewiseConstant(
        # FREE-TF config.py: 40,000 and 60,000, counted from 0; free_train.py: up to
        # these updates, themselves included, as TensorFlow 1 reads its boundaries
        boundaries=(40_001, 60_001),
        values=(0.1, 0.01, 0.001),  # FREE-TF config.py
    ),
    batch_size=128,  # FREE-TF config.py
    num_steps=80_000,  # FREE-TF config.py; updates, the same for every m
    l2=2e-4,  # FREE-TF config.py, free_model.py: half square, kernels only
    probe=attacks.PGD(epsilon=8.0, step_size=2.0, num_steps=5),  # not stated; ours
    probe_every=1_000,  # not stated; ours
    checkpoint_every=1_000,  # FREE-TF config.py
)

CIFAR10_METHODS = {
    "cifar10_natural": CIFAR10_NATURAL.method,
    # README, rows "Free"; epsilon and the full-epsilon step: FREE-TF config.py
    "cifar10_free_2": FreeTraining(num_replays=2, epsilon=8.0),
    "cifar10_free_4": FreeTraining(num_replays=4, epsilon=8.0),
    "cifar10_free_8": FreeTraining(num_replays=8, epsilon=8.0),
    "cifar10_free_10": FreeTraining(num_replays=10, epsilon=8.0),
    # README, row "7-PGD": a public model of the Madry challenge, whose config.json has
    # steps of 2, and 10 of them; the row says 7, as does Madry 2018
    "cifar10_pgd_7": PGDTraining(epsilon=8.0, step_size=2.0, num_steps=7),
}
CIFAR100_METHODS = {
    name.replace("cifar10_", "cifar100_"): value
    for name, value in CIFAR10_METHODS.items()
} | {
    # README, row "2-PGD"; step not stated; ours: two steps cross the radius
    "cifar100_pgd_2": PGDTraining(epsilon=8.0, step_size=4.0, num_steps=2),
}

IMAGENET_MINIBATCHES = 5_005  # FREE-PT main_free.py: ceil(1,281,167 / 256) in a pass


def imagenet_passes(num_replays: int) -> int:
    """Returns the passes over ImageNet; each minibatch of a pass is used m times."""
    return math.ceil(90 / num_replays)  # FREE-PT configs.yml and main_free.py


def imagenet_schedule(num_replays: int) -> schedules.PiecewiseConstant:
    """Returns the learning rate: a tenth after every ceil(30 / m) passes."""
    passes = math.ceil(30 / num_replays)  # FREE-PT lib/utils.py
    updates = passes * num_replays * IMAGENET_MINIBATCHES
    return schedules.PiecewiseConstant(
        boundaries=(updates, 2 * updates),  # FREE-PT: a third drop comes after the end
        values=(0.1, 0.01, 0.001),  # FREE-PT configs.yml
    )


IMAGENET_NATURAL = Recipe(
    dataset=data.ImageNet(image_size=224, resize=256),  # FREE-PT main_free.py
    network=models.ResNet(depth=50),  # FREE-PT configs.yml
    method=NaturalTraining(),  # figure, natural model
    optimizer=optimizers.Momentum(0.9),  # FREE-PT configs.yml
    schedule=imagenet_schedule(1),  # FREE-PT, with m = 1
    batch_size=256,  # FREE-PT configs.yml
    num_steps=imagenet_passes(1) * IMAGENET_MINIBATCHES,  # FREE-PT, with m = 1
    l2=1e-4,  # FREE-PT configs.yml, there on all parameters
    probe=None,  # natural accuracy under attack is zero
    probe_every=5_005,  # not stated; ours: one pass of minibatches
    checkpoint_every=5_005,  # not stated; ours
)


def imagenet_free(
    num_replays: int,
    epsilon: float,
    *,
    depth: int = 50,  # FREE-PT configs.yml
) -> Recipe:
    """Returns Free training on ImageNet.

    Args:
      num_replays: m.
      epsilon: radius and step, in pixels of 255.
      depth: of the ResNet.
    """
    return dataclasses.replace(
        IMAGENET_NATURAL,
        network=models.ResNet(depth=depth),
        method=FreeTraining(num_replays=num_replays, epsilon=epsilon),
        schedule=imagenet_schedule(num_replays),
        num_steps=imagenet_passes(num_replays) * num_replays * IMAGENET_MINIBATCHES,
        probe=attacks.PGD(epsilon, step_size=1.0, num_steps=5),  # not stated; ours
    )


IMAGENET_PGD_2 = dataclasses.replace(
    IMAGENET_NATURAL,  # not stated; ours: updates and rates of natural training
    # Epsilon 4: the table; step not stated; ours: two steps cross the radius
    method=PGDTraining(epsilon=4.0, step_size=2.0, num_steps=2),
    probe=attacks.PGD(epsilon=4.0, step_size=1.0, num_steps=5),  # not stated; ours
)

IMAGENET_REPLAYS = (2, 4, 6, 8)  # figure
IMAGENET_EPSILONS = (2, 3, 4, 5, 6, 7)  # figure

PAPER = {
    **{
        name: dataclasses.replace(CIFAR10_NATURAL, method=value)
        for name, value in CIFAR10_METHODS.items()
    },
    **{
        name: dataclasses.replace(
            CIFAR10_NATURAL,
            dataset=data.CIFAR100(padding=2),  # FREE-TF, its CIFAR-100 reader
            method=value,
        )
        for name, value in CIFAR100_METHODS.items()
    },
    "imagenet_natural": IMAGENET_NATURAL,
    **{
        f"imagenet_free_{num_replays}_eps{epsilon}": imagenet_free(
            num_replays, float(epsilon)
        )
        for num_replays in IMAGENET_REPLAYS
        for epsilon in IMAGENET_EPSILONS
    },
    "imagenet_pgd_2_eps4": IMAGENET_PGD_2,
    "imagenet_resnet101_free_4_eps4": imagenet_free(4, 4.0, depth=101),  # memory
    "imagenet_resnet152_free_4_eps4": imagenet_free(4, 4.0, depth=152),  # memory
}


def cifar_evaluations(epsilon: float, step_size: float) -> dict[str, Evaluation]:
    """Returns the columns of the CIFAR tables.

    Args:
      epsilon: radius in pixels of 255.
      step_size: of every attack, in the same unit.
    """
    pgd_20 = attacks.PGD(epsilon, step_size, num_steps=20)  # FREE-TF config.py
    pgd_100 = dataclasses.replace(pgd_20, num_steps=100)  # README; step: see below
    return {
        "clean": Evaluation(),
        "pgd_20": Evaluation(pgd_20),
        "pgd_100": Evaluation(pgd_100),
        "cw_100": Evaluation(dataclasses.replace(pgd_100, loss="margin")),  # README
        "pgd_20_restarts_10": Evaluation(
            dataclasses.replace(pgd_20, num_restarts=10)  # README
        ),
    }


IMAGENET_EVALUATIONS = {
    f"pgd_{num_steps}_eps{epsilon}": Evaluation(
        attacks.PGD(float(epsilon), step_size=1.0, num_steps=num_steps)  # FREE-PT
    )
    for num_steps in (10, 50, 100)  # FREE-PT configs.yml: 10 and 50; figure: 100
    for epsilon in IMAGENET_EPSILONS
}

SMALL_STEPS = 22_400  # CIFAR-10 again, with a network for two CPU cores
SMALL_NAMES = ("cifar10_natural", "cifar10_free_2", "cifar10_free_4", "cifar10_free_8")


def small(paper: Recipe, num_steps: int = SMALL_STEPS) -> Recipe:
    """Returns a recipe of scale `paper` for scale `small`.

    Args:
      paper: on CIFAR-10.
      num_steps: updates; the rate drops at 1/2 and 3/4 of them.
    """
    return dataclasses.replace(
        paper,
        network=models.WideResNet(depth=8, width=2, stem_stride=2),
        schedule=schedules.PiecewiseConstant(
            (num_steps // 2, num_steps * 3 // 4), (0.1, 0.01, 0.001)
        ),
        num_steps=num_steps,
        probe_every=num_steps // 8,
        checkpoint_every=num_steps // 8,
    )


SMALL_SEEDS = (0, 1)  # all that scale `small` trains is trained with both
SMALL_OF_SEED_0 = {
    **{name: small(PAPER[name]) for name in SMALL_NAMES},
    # As many minibatches as Free m = 8, and as many backward passes, 8 an update
    "cifar10_pgd_7_short": small(PAPER["cifar10_pgd_7"], SMALL_STEPS // 8),
}
SMALL = seeded(SMALL_OF_SEED_0, tuple(SMALL_OF_SEED_0), SMALL_SEEDS[1:])

DIGITS_EPSILON = 40.0  # the strokes of 8 x 8 digits withstand 8
DIGITS_STEP = 10.0  # a quarter of epsilon, as on CIFAR
DIGITS_METHODS = {
    "cifar10_natural": NaturalTraining(),
    "cifar10_free_2": FreeTraining(num_replays=2, epsilon=DIGITS_EPSILON),
    "cifar10_free_4": FreeTraining(num_replays=4, epsilon=DIGITS_EPSILON),
    "cifar10_free_8": FreeTraining(num_replays=8, epsilon=DIGITS_EPSILON),
    "cifar10_pgd_7": PGDTraining(
        epsilon=DIGITS_EPSILON, step_size=DIGITS_STEP, num_steps=7
    ),
}
DIGITS = {
    name: dataclasses.replace(
        PAPER[name],
        dataset=data.Digits(),
        network=models.WideResNet(depth=8, width=2, stem_stride=2),
        method=value,
        schedule=schedules.PiecewiseConstant((128, 192), (0.1, 0.01, 0.001)),
        num_steps=256,
        probe=attacks.PGD(DIGITS_EPSILON, DIGITS_STEP, num_steps=5),
        probe_every=128,
        checkpoint_every=128,
    )
    for name, value in DIGITS_METHODS.items()
}


def only_free_8(
    evaluations: dict[str, Evaluation], seeds: tuple[int, ...] = (0,)
) -> dict[str, Evaluation]:
    """Returns the evaluations with the long ones on Free m=8 alone.

    They take minutes, and the claims ask them of no other network.

    Args:
      evaluations: name to evaluation, of the CIFAR tables.
      seeds: of the trainings of Free m=8.
    """
    free_8 = tuple(of_seed("cifar10_free_8", seed) for seed in seeds)
    return {
        name: evaluation
        if name in ("clean", "pgd_20")
        else dataclasses.replace(evaluation, only=free_8)
        for name, evaluation in evaluations.items()
    }


RECIPES = {"paper": PAPER, "small": SMALL, "digits": DIGITS}
EVALUATIONS = {
    # Epsilon and the step of 20-step PGD: FREE-TF config.py. The step of the
    # 100-step attacks is not stated; ours: the code's default, the same 2.
    "paper": cifar_evaluations(8.0, 2.0) | IMAGENET_EVALUATIONS | autoattacks(8.0),
    "small": only_free_8(cifar_evaluations(8.0, 2.0), SMALL_SEEDS)
    | autoattacks(8.0, num_images=500),
    "digits": only_free_8(cifar_evaluations(DIGITS_EPSILON, DIGITS_STEP))
    | autoattacks(DIGITS_EPSILON),
}

# Networks of others, trained further: the attack is that of the README, and m is ours.
TUNING = Tuning(
    method=FreeTraining(num_replays=4, epsilon=8.0),
    attacks={"pgd_20": attacks.PGD(8.0, 2.0, num_steps=20)},
)
