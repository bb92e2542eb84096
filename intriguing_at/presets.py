"""The recipes and evaluations of Xie and Yuille (2020), at three scales.

`RECIPES` and `EVALUATIONS` map scale to name to value. Scale `paper` is the authors'
own setup, as far as it is known: `BUILD_NOTES.md` lists what is not. `small` and
`digits` replace some of its parts, so that what differs is what one reads here. Epsilon
and step sizes are in pixels of 255.

Where a number comes from stands at its line:

  paper: the text of the paper, or a number printed in a figure of it.
  FBAT: the first author's earlier code, `ImageNet-Adversarial-Training` of
    `facebookresearch`; its ResNet-152 is the paper's "100% adv + 0% clean".
  ALP: the code of Kannan 2018, `tensorflow/models`, adversarial_logit_pairing.
  port: AdvProp rebuilt by others, `tingxueronghua/pytorch-classification-advprop`.
  EFF: the code of EfficientNet, `tensorflow/tpu`, where AdvProp's weights are, too.
  talk: the slides of the first author's talk on AdvProp, with the number of the slide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import attacks, changes, data, models
from common.foreign.tuning import Tuning
from common.models import architectures, norms
from common.recipe import Evaluation, Recipe, autoattacks
from common.seeds import seeded
from common.training import optimizers, schedules
from common.training.natural import NaturalTraining
from intriguing_at import variants
from intriguing_at.algorithm import AdversarialTraining

MINIBATCHES = 313  # FBAT: 1,281,167 / 4,096 rounded, in a pass
DEPTHS = (152, 200, 338, 518, 638)  # paper, depth figure
STEPS = (10, 100, 200, 500, 1_000, 2_000)  # paper, iterations figure

ADVERSARIAL = Recipe(
    # FBAT: 224, tested at the centre after the shorter side became 256
    dataset=data.ImageNet(image_size=224, resize=256, preprocessing="tensorpack"),
    network=models.ResNet(
        depth=152,  # paper
        normalization="symmetric",  # FBAT: [-1, 1]
        zero_gamma=True,  # FBAT
        classifier_stddev=0.01,  # FBAT
    ),
    method=AdversarialTraining(
        attack=attacks.PGD(
            epsilon=16.0,  # FBAT
            step_size=1.0,  # FBAT
            num_steps=30,  # FBAT
            targeted="random",  # FBAT
            clean_start=0.2,  # FBAT: of the batches
            reaching=True,  # FBAT; changes nothing at 30 steps
        ),
        clean_share=0.0,  # paper: 100% adv + 0% clean
        label_smoothing=0.1,  # FBAT
    ),
    optimizer=optimizers.Momentum(0.9, nesterov=True),  # FBAT
    schedule=schedules.Warmup(
        schedules.PiecewiseConstant(
            boundaries=tuple(epoch * MINIBATCHES for epoch in (35, 70, 95)),  # FBAT
            values=(1.6, 0.16, 0.016, 0.0016),  # FBAT: 0.1 x 4,096 / 256
        ),
        num_steps=5 * MINIBATCHES,  # FBAT
        start=0.1,  # FBAT
    ),
    batch_size=4_096,  # FBAT: 128 GPUs x 32; that the paper did so is inferred
    num_steps=110 * MINIBATCHES,  # FBAT
    l2=1e-4,  # FBAT: half square, kernels only
    probe=attacks.PGD(16.0, 1.6, num_steps=10, targeted="random"),  # not stated; ours
    probe_every=MINIBATCHES,  # not stated; ours
    checkpoint_every=MINIBATCHES,  # not stated; ours
)
CONSISTENT_FROM = 100 * MINIBATCHES  # memory: the last 10 of 110 passes

GROUP = norms.Group(32)  # not seen; Wu 2018: 32
STUDY = variants.strategies(ADVERSARIAL, GROUP, CONSISTENT_FROM)

RESNET_50 = dataclasses.replace(
    STUDY["clean"],
    dataset=data.ImageNet(image_size=224, resize=256),  # port: torchvision's
    network=models.ResNet(depth=50, normalization="symmetric"),  # port
    optimizer=optimizers.Momentum(0.9),  # port
    schedule=schedules.PiecewiseConstant(
        boundaries=tuple(epoch * 5_005 for epoch in (30, 60, 90, 100)),  # port
        values=(0.1, 0.01, 0.001, 1e-4, 1e-5),  # port
    ),
    method=NaturalTraining(label_smoothing=0.0),  # port: its default
    batch_size=256,  # port
    num_steps=105 * 5_005,  # port: 105 passes of 1,281,167 / 256 minibatches
    probe_every=5_005,  # not stated; ours
    checkpoint_every=5_005,  # not stated; ours
)
ADVPROP_DEPTHS = (50, 101, 152, 200)  # talk, 35
RESNETS = {depth: changes.network(RESNET_50, depth=depth) for depth in ADVPROP_DEPTHS}
# port, on ResNet-50; its coin for clean starts is meant as 0.2
ADVPROP = attacks.PGD(1.0, 1.0, num_steps=1, targeted="random", clean_start=0.2)

EFFICIENTNET = Recipe(
    dataset=data.ImageNet(preprocessing="tpu"),  # EFF
    network=models.EfficientNet(
        survival=0.8,  # EFF
        normalization="imagenet",  # EFF: mean and deviation
        momentum=0.99,  # EFF
        epsilon=1e-3,  # EFF
    ),
    method=NaturalTraining(label_smoothing=0.1),  # EFF
    optimizer=optimizers.RMSProp(decay=0.9, momentum=0.9, epsilon=1e-3),  # EFF
    schedule=schedules.Warmup(
        schedules.ExponentialDecay(
            rate=0.256,  # EFF: 0.016 x 4,096 / 256
            factor=0.97,  # EFF
            every=751,  # EFF: 2.4 passes of 1,281,167 / 4,096 minibatches
        ),
        num_steps=1_563,  # EFF: 5 passes
        start=0.0,  # EFF
    ),
    batch_size=4_096,  # a thread about EFF: the published networks; EFF: 2,048
    num_steps=109_474,  # EFF: 350 passes, there 218,949 updates of 2,048 images
    l2=1e-5,  # EFF: half square, there on biases too
    average=0.9999,  # EFF
    probe=None,  # natural accuracy under attack is near zero
    probe_every=MINIBATCHES,  # not stated; ours
    checkpoint_every=MINIBATCHES,  # not stated; ours
)
SIZES = {
    **{f"b{n}": architectures.SIZES[f"b{n}"] for n in range(8)},  # EFF
    "b8": architectures.Size(2.2, 3.6, image_size=672, dropout=0.5),  # EFF
}
EFFICIENTNETS = {
    name: variants.at_size(EFFICIENTNET, size) for name, size in SIZES.items()
}
# memory: epsilon, step and steps; that they are targeted: port
ADVPROP_WEAK = attacks.PGD(1.0, 1.0, num_steps=1, targeted="random")
ADVPROP_STRONG = attacks.PGD(4.0, 1.0, num_steps=5, targeted="random")
# memory: B0 the weaker one, B7 the stronger; talk, 32 and 39: against the attacker of
# all sizes, B4 to B7 have the accuracy of the weights and B0 to B3 less
WEAKLY_ATTACKED = ("b0", "b1", "b2", "b3")
JOINT_SIZES = tuple(f"b{number}" for number in range(8))  # talk, 31


def adversarially(train: Callable[..., Recipe], size: str, attack: Any) -> Recipe:
    """Returns an EfficientNet that sees adversarial images too.

    Args:
      train: `variants.advprop` or `variants.joint`.
      size: a key of `SIZES`.
      attack: crafts them.
    """
    # EFF: [-1, 1] for the weights of AdvProp
    return train(EFFICIENTNETS[size], attack, normalization="symmetric")


ADVPROP_EFFICIENTNETS = {
    **{
        f"advprop_efficientnet_{size}": adversarially(
            variants.advprop,
            size,
            ADVPROP_WEAK if size in WEAKLY_ATTACKED else ADVPROP_STRONG,
        )
        for size in SIZES
    },
    **{
        f"advprop_efficientnet_{size}_strong": adversarially(
            variants.advprop, size, ADVPROP_STRONG
        )
        for size in WEAKLY_ATTACKED
    },
    **{
        f"joint_efficientnet_{size}": adversarially(
            variants.joint, size, ADVPROP_STRONG
        )
        for size in JOINT_SIZES
    },
}

ALP_BASELINE = Recipe(
    dataset=data.ImageNet(image_size=64, preprocessing="alp"),  # ALP
    network=models.ResNet(depth=50, normalization="symmetric"),  # ALP, there version 2
    method=NaturalTraining(label_smoothing=0.1),  # ALP
    optimizer=optimizers.RMSProp(decay=0.9, momentum=0.9, epsilon=1.0),  # ALP
    # ALP: 0.045 for each of 50 replicas; 0.94 every 2 passes of 1,281,167 / 1,600
    schedule=schedules.ExponentialDecay(rate=0.045 * 50, factor=0.94, every=1_601),
    batch_size=50 * 32,  # ALP: 32 a replica; 50 replicas: a thread about that code
    num_steps=100 * 801,  # not stated; ours: 100 passes
    l2=1e-4,  # ALP, there on all variables
    average=0.9999,  # ALP
    probe=None,  # natural accuracy under attack is near zero
    probe_every=801,  # not stated; ours: a pass
    checkpoint_every=801,  # not stated; ours
)
ALP = dataclasses.replace(
    ALP_BASELINE,
    method=AdversarialTraining(
        # ALP: pgdll_16_2_10, least likely class
        attacks.PGD(16.0, 2.0, num_steps=10, targeted="least_likely"),
        clean_share=1.0,  # ALP: 32 clean and 32 adversarial images
        pairing_weight=0.25,  # ALP: the name of this row's weights; examples: 0.5
        label_smoothing=0.1,  # ALP
    ),
    probe=attacks.PGD(16.0, 2.0, num_steps=10, targeted="least_likely"),  # ours
)

PAPER = {
    **STUDY,
    **{
        f"{name}_{depth}": changes.network(STUDY[strategy], depth=depth)
        for name, strategy in (("clean", "clean"), ("consistent", "consistent"))
        for depth in DEPTHS
    },
    "denoise": dataclasses.replace(
        ADVERSARIAL,
        network=dataclasses.replace(ADVERSARIAL.network, denoise="gaussian"),
    ),
    **{f"resnet_{depth}": recipe for depth, recipe in RESNETS.items()},
    **{
        f"{name}_resnet_{depth}": train(recipe, ADVPROP)
        for name, train in (("advprop", variants.advprop), ("joint", variants.joint))
        for depth, recipe in RESNETS.items()
    },
    **{f"efficientnet_{name}": recipe for name, recipe in EFFICIENTNETS.items()},
    **ADVPROP_EFFICIENTNETS,
    "alp_baseline": ALP_BASELINE,
    "alp": ALP,
}


def evaluations(
    epsilon: float,
    steps: Iterable[int],
    *,
    num_images: int = 0,  # FBAT: all
    step_size: float = 1.0,  # FBAT
) -> dict[str, Evaluation]:
    """Returns clean accuracy and the targeted attacks.

    Args:
      epsilon: radius in pixels of 255; few steps are as long as it takes to reach it.
      steps: numbers of steps of the attacks.
      num_images: test images under attack; all if 0.
      step_size: length of a step in pixels of 255.
    """
    # FBAT: from a random start, never from the clean image
    attack = attacks.PGD(epsilon, step_size, 1, targeted="random", reaching=True)
    return {"clean": Evaluation()} | {
        f"pgd_{num_steps}": Evaluation(
            dataclasses.replace(attack, num_steps=num_steps), num_images=num_images
        )
        for num_steps in steps
    }


def through_branches(
    judged: Mapping[str, Evaluation], known: Mapping[str, Recipe]
) -> dict[str, Evaluation]:
    """Returns evaluations, and again through the adversarial branch where there is one.

    Args:
      judged: evaluations through the clean branch, or the only one.
      known: recipes of the scale.
    """
    mixtures = tuple(
        name
        for name, recipe in known.items()
        if recipe.network.norm.branches == norms.MIXTURE
    )
    adversarial = norms.MIXTURE[-1]  # the last branch
    return dict(judged) | {
        f"{name}_mbn_adv": dataclasses.replace(
            evaluation, branch=adversarial, only=mixtures
        )
        for name, evaluation in judged.items()
    }


ALP_EVALUATIONS = {
    f"pgdll_16_{step:g}_{num_steps}": Evaluation(
        dataclasses.replace(ALP.method.attack, step_size=step, num_steps=num_steps),
        only=("alp_baseline", "alp"),
    )
    for step, num_steps in ((1.0, 20), (2.0, 10))  # ALP, README
}

SMALL_STEPS = 2_200  # CIFAR-10 with a network for two CPU cores; all numbers are ours
SMALL_SEEDS = (1, 2, 3, 4, 5)  # that claims compare; seed 0 had been seen before
SMALL_ADVERSARIAL = dataclasses.replace(
    ADVERSARIAL,
    dataset=data.CIFAR10(),
    network=models.WideResNet(depth=10, width=2, stem_stride=2),
    method=dataclasses.replace(
        ADVERSARIAL.method,
        # As far as the paper's 30 steps go: 1.9 times the radius.
        attack=dataclasses.replace(
            ADVERSARIAL.method.attack, epsilon=8.0, step_size=3.0, num_steps=5
        ),
    ),
    schedule=schedules.PiecewiseConstant(
        boundaries=tuple(epoch * SMALL_STEPS // 110 for epoch in (35, 70, 95)),
        values=(0.1, 0.01, 0.001, 1e-4),
    ),
    batch_size=128,
    num_steps=SMALL_STEPS,
    probe=attacks.PGD(8.0, 1.0, num_steps=10, targeted="random"),
    probe_every=SMALL_STEPS // 11,
    checkpoint_every=SMALL_STEPS // 11,
)
SMALL_NAMES = (
    *("clean", "adversarial", "mixed", "mbn", "mixed_alp", "mixed_group"),
    *("share_20", "consistent"),
)
SMALL_STRATEGIES = variants.strategies(
    SMALL_ADVERSARIAL, norms.Group(8), SMALL_STEPS * 100 // 110
)
SMALL = seeded(
    {name: SMALL_STRATEGIES[name] for name in SMALL_NAMES},
    ("adversarial", "mixed", "mbn", "mixed_alp", "share_20"),
    SMALL_SEEDS,
)

DIGITS_EPSILON = 64.0  # the strokes of 8 x 8 digits withstand 8
DIGITS_STEP = DIGITS_EPSILON / 16  # of the evaluations, in proportion to the paper's
DIGITS_STEPS = 330
DIGITS_ADVERSARIAL = dataclasses.replace(
    SMALL_ADVERSARIAL,
    dataset=data.Digits(),
    network=models.WideResNet(depth=8, width=2, stem_stride=2),
    method=dataclasses.replace(
        SMALL_ADVERSARIAL.method,
        attack=dataclasses.replace(
            SMALL_ADVERSARIAL.method.attack,
            epsilon=DIGITS_EPSILON,
            step_size=3 / 8 * DIGITS_EPSILON,  # as at small
        ),
    ),
    schedule=schedules.PiecewiseConstant(
        boundaries=tuple(epoch * DIGITS_STEPS // 110 for epoch in (35, 70, 95)),
        values=SMALL_ADVERSARIAL.schedule.values,
    ),
    num_steps=DIGITS_STEPS,
    probe=attacks.PGD(DIGITS_EPSILON, 2 * DIGITS_STEP, num_steps=10, targeted="random"),
    probe_every=DIGITS_STEPS // 3,
    checkpoint_every=DIGITS_STEPS // 3,
)
DIGITS_NAMES = ("clean", "adversarial", "mixed", "mbn")
DIGITS = {
    name: recipe
    for name, recipe in variants.strategies(
        DIGITS_ADVERSARIAL, norms.Group(8), DIGITS_STEPS * 100 // 110
    ).items()
    if name in DIGITS_NAMES
}

RECIPES = {"paper": PAPER, "small": SMALL, "digits": DIGITS}
EVALUATIONS = {
    "paper": through_branches(
        evaluations(16.0, STEPS) | autoattacks(16.0),  # FBAT
        PAPER,
    )
    | ALP_EVALUATIONS,
    "small": through_branches(
        evaluations(8.0, (10, 100, 500), num_images=2_000)
        | autoattacks(8.0, num_images=500),
        SMALL,
    ),
    "digits": through_branches(
        evaluations(DIGITS_EPSILON, (10, 100), step_size=DIGITS_STEP)
        | autoattacks(DIGITS_EPSILON),
        DIGITS,
    ),
}

# Networks of others, trained further: with a clean share of 1, and one branch of batch
# norm for clean images and one for adversarial ones, as AdvProp. Fewer and longer steps
# than the paper's 30, as at scale small; ours.
TUNING = Tuning(
    method=AdversarialTraining(
        attack=SMALL_ADVERSARIAL.method.attack, clean_share=1.0, label_smoothing=0.1
    ),
    attacks={
        "pgd_targeted_10": evaluations(8.0, (10,))["pgd_10"].attack,
        "pgd_20": attacks.PGD(8.0, 2.0, num_steps=20),  # not the paper's; stronger
    },
    branches=norms.MIXTURE,
)
