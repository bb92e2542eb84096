"""The tables and figures of Smooth Adversarial Training, and its controls.

Row and column headings are those of `reported.csv`; columns are of all scales, and a
scale shows those that it has. The paper's figures and the README of the authors' code
give numbers for some of the same networks, measured with different image loaders: each
source has tables of its own. `PAPER_MAP` says where each part of the paper stands in
this package; the README shows it.
"""

from __future__ import annotations

from common import seeds
from common.recipe import Cell, Plot, Table, grid
from common.results.measured import AUTOATTACK
from smooth_at import presets, variants

ACTIVATIONS = {
    "ReLU": "relu",
    "Softplus": "softplus",
    "Parametric Softplus": "parametric_softplus",
    "SmoothReLU": "smooth_relu",
    "ELU": "elu",
    "GELU": "gelu",
    "SiLU": "silu",
}
OTHERS = {  # no number of theirs is known
    "Mish": "mish",
    "Parametric Softplus, alpha learned": "learned_softplus",
    "GELU, exact": "gelu_exact",
    "ReLU, smoothed labels": "relu_smoothed",
    "SiLU, smoothed labels": "silu_smoothed",
    "ReLU, another seed": "relu_seed1",
    "SiLU, another seed": "silu_seed1",
}
JUDGED = {
    **{row: ACTIVATIONS[row] for row in ("ReLU", "SiLU", "GELU", "ELU")},
    "better gradients in the attacker": "table1_attacker",
    "better gradients in the update": "table1_update",
    "better gradients in both": "table1_both",
}
ZOO = ("ReLU", "SiLU", "ELU", "GELU", "SmoothReLU")
SIZES = {
    "ResNet-50 @224": "silu",
    "ResNet-101 (2x deeper)": "resnet_101",
    "ResNet-152 (3x deeper)": "resnet_152",
    "ResNeXt-50-32x4d (2x wider)": "resnext_50_32x4d",
    "ResNeXt-50-32x8d (4x wider)": "resnext_50_32x8d",
    "ResNet-50 @299": "resnet_50_299",
    "ResNet-50 @380": "resnet_50_380",
    "ResNeXt-152-32x8d @380": "resnext_152_32x8d_380",
}
EFFICIENTNETS = (*(f"b{size}" for size in range(8)), "l1")


def columns(*steps: int) -> dict[str, str]:
    """Returns column heading to evaluation name: clean, then PGD of so many steps."""
    return {"clean": "clean", **{f"PGD-{number}": f"pgd_{number}" for number in steps}}


def alphas() -> tuple[Cell, ...]:
    """Returns ELU beside CELU for each alpha; at 1 they are one function."""
    return tuple(
        Cell(f"alpha={alpha}", f"{title}, {column}", name, evaluation, x=alpha)
        for alpha in (1.0, *variants.ALPHAS)
        for title, family in (("ELU", "elu"), ("CELU", "celu"))
        for name in ["elu" if alpha == 1.0 else f"{family}_{alpha}"]
        for column, evaluation in columns(50, 200).items()
    )


def controls() -> dict[str, str]:
    """Returns row to recipe of stronger attacks in training, and of more passes."""
    relu = {f"ReLU, {s} attack steps": f"relu_steps_{s}" for s in variants.STEPS}
    return {
        "ReLU": "relu",
        **relu,
        "ReLU, 200 passes": "relu_longer",
        "SiLU": "silu",
        "SiLU, 2 attack steps": "silu_steps_2",
        "SiLU, 200 passes": "silu_longer",
    }


TABLES = (
    Table(
        "table1",
        "Table 1. ReLU in every forward pass, the derivative of a smooth function in "
        "some backward passes: accuracy, %",
        grid(
            {
                "neither": "table1_none",
                "attacker": "table1_attacker",
                "weight update": "table1_update",
                "attacker and weight update": "table1_both",
            },
            columns(20, 50, 200),
        ),
    ),
    Table(
        "activations",
        "ResNet-50 by activation, as in the paper's figure: accuracy, %",
        grid(ACTIVATIONS | OTHERS, columns(20, 50, 200)),
        plot=Plot("tradeoff"),
    ),
    Table(
        "zoo",
        "ResNet-50 by activation, as in the README of the authors' code: accuracy, %",
        grid(
            {row: ACTIVATIONS[row] for row in ZOO},
            columns(10, 20, 50),
            x={f"PGD-{number}": number for number in (10, 20, 50)},
            panel="PGD",
        ),
        plot=Plot("columns", "attack steps"),
    ),
    Table(
        "scaling",
        "SiLU in deeper and wider networks, and on larger images: accuracy, %",
        grid(SIZES, columns(10, 20, 50)),
        plot=Plot("tradeoff"),
    ),
    Table(
        "efficientnet",
        "EfficientNets: accuracy, %",
        grid(
            {
                **{
                    f"EfficientNet-{size.upper()}": f"efficientnet_{size}"
                    for size in EFFICIENTNETS
                },
                "EfficientNet-L1, enhanced": "efficientnet_l1_enhanced",
            },
            columns(200),
        ),
        plot=Plot("tradeoff"),
    ),
    Table(
        "seeds",
        "The seeds that claims compare: accuracy, %",
        grid(
            seeds.rows(JUDGED, presets.SMALL_SEEDS),
            {**columns(20, 50), "AutoAttack": AUTOATTACK},
        ),
    ),
    Table(
        "controls",
        "What a stronger attack in training or twice the passes do instead: "
        "accuracy, %",
        grid(controls(), columns(50, 200)),
    ),
    Table(
        "elu",
        "ELU, smooth at alpha = 1 alone, and CELU, smooth at any: accuracy, %",
        alphas(),
        plot=Plot("rows", "alpha"),
    ),
)

PAPER_MAP = (  # part of the paper, object; its test stands beside its module
    ("SAT, study of gradients", "smooth_at.algorithm.SmoothTraining"),
    ("activations", "common.models.activations.layer"),
    ("ResNet, ResNeXt", "common.models.resnet.ResNet"),
    ("EfficientNet", "common.models.efficientnet.EfficientNet"),
    ("averaged weights", "common.training.average.Average"),
    ("single-step PGD, PGD-10 to PGD-200", "common.attacks.pgd.PGD"),
    ("image loader", "common.data.crops.object_crop"),
    ("accuracy under attack", "common.evaluation.accuracy.evaluate"),
    ("networks of the study", "smooth_at.variants.recipes"),
    ("setup", "smooth_at.presets.RECIPES"),
    ("attacks of the tables", "smooth_at.presets.EVALUATIONS"),
    ("tables and figures", "smooth_at.tables.TABLES"),
    ("statements of the text", "smooth_at.claims.CLAIMS"),
)
