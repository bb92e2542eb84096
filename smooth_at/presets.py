"""The recipes and evaluations of Smooth Adversarial Training, at three scales.

`RECIPES` and `EVALUATIONS` map scale to name to value. Scale `paper` is the authors'
own setup, as far as it is known: `BUILD_NOTES.md` lists what is not. `small` and
`digits` replace some of its parts, so that what differs is what one reads here. Epsilon
and step sizes are in pixels of 255. Recipes that are equal at a scale are one run.

Where a number comes from stands at its line:

  paper: the text of the paper, or a picture of a table of it.
  README: that of the authors' code, with its table of networks. It names the ResNet of
    `tensorflow/tpu` as the code that trained and evaluated the paper's networks.
  TPU: that ResNet, with the defaults of its configuration.
  SAT: the authors' code, `cihangxie/SmoothAdversarialTraining`, which evaluates; what
    it says of training is in part left from an earlier project.
  LATER: the training script of a later paper of the group, `ytongbai/ViTs-vs-CNNs`.
"""

from __future__ import annotations

import dataclasses

from common import attacks, changes, data, models
from common.foreign.tuning import Tuning
from common.models import architectures
from common.recipe import Evaluation, Recipe, autoattacks
from common.seeds import seeded
from common.training import optimizers, schedules
from smooth_at import variants
from smooth_at.algorithm import SmoothTraining

MINIBATCHES = 1_251  # TPU: 1,281,167 / 1,024 in a pass
STEPS = (10, 20, 50, 200)  # README: 10, 20 and 50; a summary of the paper: 200

RELU = Recipe(
    # README: the loader of the paper's numbers; its own are tested with another
    dataset=data.ImageNet(image_size=224, resize=256, preprocessing="tpu"),
    network=models.ResNet(
        depth=50,  # paper
        activation="relu",  # paper
        normalization="symmetric",  # SAT: [-1, 1]
        zero_gamma=True,  # SAT
        classifier_stddev=0.01,  # SAT
    ),
    method=SmoothTraining(
        attack=attacks.PGD(
            epsilon=4.0,  # README
            step_size=1.0,  # README, of the evaluation; here the rule makes it 4
            num_steps=1,  # a summary of the paper: one step from a uniform start
            reaching=True,  # SAT: of at least epsilon / steps
            clean_start=0.2,  # LATER, which passes it; the default of SAT
        ),
        label_smoothing=0.0,  # TPU; `relu_smoothed` has the 0.1 of SAT and LATER
    ),
    optimizer=optimizers.Momentum(0.9, nesterov=True),  # TPU; SAT
    schedule=schedules.Warmup(
        schedules.PiecewiseConstant(
            boundaries=tuple(epoch * MINIBATCHES for epoch in (30, 60, 90)),  # SAT
            values=(0.4, 0.04, 0.004, 4e-4),  # TPU; SAT: 0.1 x batch / 256
        ),
        num_steps=5 * MINIBATCHES,  # TPU; SAT; LATER
        start=0.0,  # TPU
    ),
    batch_size=1_024,  # TPU; not seen in the paper
    num_steps=100 * MINIBATCHES,  # SAT
    l2=1e-4,  # TPU; SAT: half square, kernels only
    probe=attacks.PGD(epsilon=4.0, step_size=1.0, num_steps=5),  # not stated; ours
    probe_every=MINIBATCHES,  # not stated; ours
    checkpoint_every=MINIBATCHES,  # not stated; ours
)
SILU = changes.network(RELU, activation="silu")

SCALING = {  # README: name -> changes to the network, image size
    "resnet_101": ({"depth": 101}, 224),  # README: twice deeper
    "resnet_152": ({"depth": 152}, 224),  # README: three times deeper
    "resnext_50_32x4d": ({"groups": 32, "group_width": 4}, 224),  # README
    "resnext_50_32x8d": ({"groups": 32, "group_width": 8}, 224),  # README
    "resnet_50_299": ({}, 299),  # README
    "resnet_50_380": ({}, 380),  # README
    "resnext_152_32x8d_380": (
        {"depth": 152, "groups": 32, "group_width": 8},  # README
        380,  # README
    ),
}


def on_efficientnet(name: str) -> Recipe:
    """Returns the recipe on an EfficientNet; how they were trained is not known.

    Args:
      name: such as `b0`, whose images are as large as SAT has them.
    """
    network = models.EfficientNet.named(
        name,
        momentum=0.9,  # SAT
        epsilon=1e-5,  # SAT
    )
    recipe = dataclasses.replace(SILU, network=network)
    return changes.image_size(recipe, architectures.SIZES[name].image_size)


PAPER = {
    **variants.recipes(RELU),
    **{
        name: changes.image_size(changes.network(SILU, **fields), side)
        for name, (fields, side) in SCALING.items()
    },
    **{f"efficientnet_{name}": on_efficientnet(name) for name in architectures.SIZES},
    "efficientnet_l1_enhanced": dataclasses.replace(
        on_efficientnet("l1"),
        average=0.9999,  # README
    ),
}


def evaluations(
    epsilon: float, step_size: float, steps: tuple[int, ...]
) -> dict[str, Evaluation]:
    """Returns clean accuracy and PGD of some numbers of steps.

    Args:
      epsilon: radius in pixels of 255.
      step_size: in the same unit; steps reach the radius.
      steps: numbers of steps.
    """
    return {
        "clean": Evaluation(),
        **{
            f"pgd_{num_steps}": Evaluation(
                attacks.PGD(epsilon, step_size, num_steps, reaching=True)
            )
            for num_steps in steps
        },
    }


SMALL_STEPS = 3_000  # CIFAR-10 with a network for two CPU cores; all numbers are ours
SMALL_SEEDS = (2, 3, 4)  # that claims compare; 0 and 1 had been seen before
SMALL_RATES = (0.1, 0.01, 0.001, 1e-4)
SMALL_RELU = dataclasses.replace(
    RELU,
    dataset=data.CIFAR10(),
    network=models.WideResNet(depth=10, width=2, activation="relu", stem_stride=2),
    method=dataclasses.replace(
        RELU.method,
        attack=dataclasses.replace(
            RELU.method.attack, epsilon=8.0, step_size=2.0, clean_start=0.0
        ),
        label_smoothing=0.1,
    ),
    schedule=schedules.PiecewiseConstant(
        boundaries=tuple(epoch * SMALL_STEPS // 100 for epoch in (30, 60, 90)),
        values=SMALL_RATES,
    ),
    batch_size=128,
    num_steps=SMALL_STEPS,
    probe=attacks.PGD(epsilon=8.0, step_size=2.0, num_steps=5),
    probe_every=SMALL_STEPS // 10,
    checkpoint_every=SMALL_STEPS // 10,
)
SMALL_NAMES = (
    *("relu", "silu", "gelu", "elu", "smooth_relu", "softplus"),
    *("table1_attacker", "table1_update", "table1_both"),
)
SMALL_JUDGED = tuple(n for n in SMALL_NAMES if n not in ("smooth_relu", "softplus"))
SMALL_RECIPES = variants.recipes(SMALL_RELU)
SMALL = seeded(
    {
        name: SMALL_RECIPES[name]
        for name in (*SMALL_NAMES, "table1_none", "relu_seed1", "silu_seed1")
    },
    SMALL_JUDGED,
    SMALL_SEEDS,
)

DIGITS_EPSILON = 32.0  # the strokes of 8 x 8 digits withstand 8
DIGITS_STEPS = 150
DIGITS_RELU = dataclasses.replace(
    SMALL_RELU,
    dataset=data.Digits(),
    network=models.WideResNet(depth=8, width=1, activation="relu", stem_stride=2),
    method=dataclasses.replace(
        SMALL_RELU.method,
        attack=dataclasses.replace(
            SMALL_RELU.method.attack,
            epsilon=DIGITS_EPSILON,
            step_size=DIGITS_EPSILON / 4,
        ),
    ),
    schedule=schedules.PiecewiseConstant(
        boundaries=tuple(epoch * DIGITS_STEPS // 100 for epoch in (30, 60, 90)),
        values=tuple(rate / 5 for rate in SMALL_RATES),
    ),
    num_steps=DIGITS_STEPS,
    probe=attacks.PGD(DIGITS_EPSILON, DIGITS_EPSILON / 4, num_steps=5),
    probe_every=DIGITS_STEPS // 3,
    checkpoint_every=DIGITS_STEPS // 3,
)
DIGITS_NAMES = (
    *("relu", "silu", "relu_seed1", "silu_seed1", "gelu", "elu", "softplus"),
)
DIGITS = {
    name: recipe
    for name, recipe in variants.recipes(DIGITS_RELU).items()
    if name in DIGITS_NAMES
}

RECIPES = {"paper": PAPER, "small": SMALL, "digits": DIGITS}
EVALUATIONS = {
    # README: epsilon 4, step 1
    "paper": evaluations(4.0, 1.0, STEPS) | autoattacks(4.0),
    "small": evaluations(8.0, 2.0, (20, 50)) | autoattacks(8.0, num_images=500),
    "digits": evaluations(DIGITS_EPSILON, DIGITS_EPSILON / 4, (20, 50))
    | autoattacks(DIGITS_EPSILON),
}

# Networks of others, trained further: method and attack are those of the paper's rows.
TUNING = Tuning(
    method=RELU.method,
    attacks={"pgd_20": attacks.PGD(4.0, 1.0, num_steps=20, reaching=True)},
    activation="silu",  # README: the best of its table
)
