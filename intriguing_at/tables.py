"""The tables and figures of Xie and Yuille (2020), and their neighbours' numbers.

Row and column headings are those of `reported.csv`; columns are of all scales, and a
scale shows those that it has. The last six tables are of earlier and later papers
whose recipes are this one's with a part changed. `PAPER_MAP` says where each part of
the paper stands in this package; the README shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from common.recipe import Cell, Plot, Table, grid
from common.seeds import rows
from intriguing_at import presets, variants

ADV, MIXED, PAIRED = (
    "100% adv + 0% clean",
    "100% adv + 100% clean",
    "100% adv + 100% clean, ALP",
)
SHARES = {
    "clean=100": "mixed",
    **{f"clean={s}": f"share_{s}" for s in reversed(variants.SHARES)},
    "clean=0": "adversarial",
}
KEPT = {f"clean={share}": share for share in (0, *variants.SHARES, 100)}
STEPS = {f"PGD-{number}": number for number in presets.STEPS}
BY_DEPTH = Plot("rows", "layers")


def columns(*steps: int, branch: str = "") -> dict[str, str]:
    """Returns column heading to evaluation name: clean, then attacks of so many steps.

    Args:
      *steps: of the attacks.
      branch: end of the evaluations' names, `_mbn_adv` for the adversarial branch.
    """
    attacked = {f"PGD-{number}": f"pgd_{number}{branch}" for number in steps}
    return {"clean": f"clean{branch}", **attacked}


def mixture() -> tuple[Cell, ...]:
    """Returns the MBN table: each branch at what it is for, beside the specialist."""
    attacked = columns(500, 2_000)
    del attacked["clean"]
    clean = {
        "0% adv + 100% clean": "clean",
        f"MBN_clean, {MIXED}": "mbn",
        f"MBN_clean, {PAIRED}": "mbn_alp",
    }
    through_adv = {f"MBN_adv, {MIXED}": "mbn", f"MBN_adv, {PAIRED}": "mbn_alp"}
    return (
        *grid(clean, {"clean": "clean"}),
        *grid({ADV: "adversarial"}, attacked),
        *grid(through_adv, {c: f"{name}_mbn_adv" for c, name in attacked.items()}),
    )


def iterations() -> tuple[Cell, ...]:
    """Returns the attack by numbers of steps; of mixture batch norm, either branch."""
    attacked = columns(*presets.STEPS)
    through_adv = columns(*presets.STEPS, branch="_mbn_adv")
    del attacked["clean"], through_adv["clean"]
    strategies = {ADV: "adversarial", MIXED: "mixed", PAIRED: "mixed_alp"}
    return (
        *grid(
            {**strategies, f"MBN_clean, {MIXED}": "mbn"},
            attacked,
            x=STEPS,
            panel="PGD",
        ),
        *grid({f"MBN_adv, {MIXED}": "mbn"}, through_adv, x=STEPS, panel="PGD"),
    )


def depth() -> tuple[Cell, ...]:
    """Returns the depth figure: a row has one network for each kind of training."""
    return tuple(
        Cell(
            f"ResNet-{layers}",
            column,
            f"{kind}_{layers}",
            evaluation,
            x=layers,
            panel="ResNet",
        )
        for layers in presets.DEPTHS
        for column, kind, evaluation in (
            ("PGD-2000", "consistent", "pgd_2000"),
            ("clean", "clean", "clean"),
        )
    )


def normalizers() -> tuple[Cell, ...]:
    """Returns every normaliser with every strategy, each image through its branch."""
    strategies = {ADV: "adversarial", MIXED: "mixed", PAIRED: "mixed_alp"}
    shared = {f"BN, {title}": name for title, name in strategies.items()}
    grouped = {f"GroupNorm, {title}": f"{n}_group" for title, n in strategies.items()}
    separate = {f"MBN, {MIXED}": "mbn", f"MBN, {PAIRED}": "mbn_alp"}
    plain = columns(10, 500, 2_000)
    routed = {**columns(10, 500, 2_000, branch="_mbn_adv"), "clean": "clean"}
    consistent = {f"BN as in testing, {ADV}": "consistent"}
    return (
        *grid({**shared, **consistent}, plain),
        *grid(separate, routed),
        *grid(grouped, plain),
    )


def ablation() -> tuple[Cell, ...]:
    """Returns what the branches have of their own, each tested through both."""
    parts = {
        "statistics and affine": "mbn",
        "affine": "mbn_shared_statistics",
        "statistics": "mbn_shared_affine",
    }
    own = tuple(
        cell
        for part, name in parts.items()
        for title, branch in (("MBN_clean", ""), ("MBN_adv", "_mbn_adv"))
        for cell in grid({f"own {part}, {title}": name}, columns(500, branch=branch))
    )
    return (*grid({"own nothing": "mixed"}, columns(500)), *own)


def other_seeds() -> tuple[Cell, ...]:
    """Returns the strategies that claims compare, at seeds after the first."""
    strategies = {
        ADV: "adversarial",
        MIXED: "mixed",
        PAIRED: "mixed_alp",
        "100% adv + 20% clean": "share_20",
    }
    through_adv = {c: f"{e}_mbn_adv" for c, e in columns(10, 100, 500).items()}
    return (
        *grid(
            rows({**strategies, f"MBN_clean, {MIXED}": "mbn"}, presets.SMALL_SEEDS),
            columns(10, 100, 500),
        ),
        *grid(rows({f"MBN_adv, {MIXED}": "mbn"}, presets.SMALL_SEEDS), through_adv),
    )


def success() -> tuple[Cell, ...]:
    """Returns accuracy and success of the attack, as the Feature Denoising models."""
    rows = {"ResNet-152": "adversarial", "ResNet-152 Denoise": "denoise"}
    steps = (10, 100, 1_000)
    succeeded = {f"PGD-{number} success": f"pgd_{number}" for number in steps}
    return (
        *grid(rows, columns(*steps, 2_000)),
        *grid(rows, succeeded, metric="success"),
    )


def advprop_resnets() -> tuple[Cell, ...]:
    """Returns ResNets by how they see adversarial images, if at all."""
    return tuple(
        Cell(
            f"ResNet-{depth}",
            column,
            f"{kind}resnet_{depth}",
            evaluation,
            x=depth,
            panel="ResNet",
        )
        for depth in presets.ADVPROP_DEPTHS
        for column, kind, evaluation in (
            ("clean images alone", "", "clean"),
            ("one batch norm", "joint_", "clean"),
            ("AdvProp", "advprop_", "clean"),
            ("AdvProp, MBN_adv", "advprop_", "clean_mbn_adv"),
        )
    )


def efficientnets(
    sizes: Iterable[str], columns: Mapping[str, tuple[str, str]]
) -> tuple[Cell, ...]:
    """Returns EfficientNets on clean images.

    Args:
      sizes: such as `b0`.
      columns: heading to the recipe, with `{}` for the size, and the evaluation.
    """
    return tuple(
        Cell(f"EfficientNet-{size.upper()}", column, recipe.format(size), evaluation)
        for size in sizes
        for column, (recipe, evaluation) in columns.items()
    )


def one_attacker() -> tuple[Cell, ...]:
    """Returns EfficientNets of which all met the strong attacker of AdvProp."""
    weak = presets.WEAKLY_ATTACKED
    return tuple(
        cell
        for size in presets.JOINT_SIZES
        for cell in efficientnets(
            (size,),
            {
                "one batch norm": ("joint_efficientnet_{}", "clean"),
                "AdvProp": (
                    "advprop_efficientnet_{}" + ("_strong" if size in weak else ""),
                    "clean",
                ),
            },
        )
    )


TABLES = (
    Table(
        "clean_share",
        "Figure 1. Percent of the clean images that are kept, one batch norm: "
        "accuracy, %",
        grid(SHARES, columns(500, 2_000), x=KEPT),
        plot=Plot("rows", "clean images that are kept, %"),
    ),
    Table(
        "iterations",
        "Attacks of more and more steps: accuracy, %",
        iterations(),
        plot=Plot("columns", "attack steps"),
    ),
    Table(
        "mixture",
        "Mixture batch norm (MBN) beside training on one kind of image: accuracy, %",
        mixture(),
    ),
    Table(
        "depth",
        "Depth: adversarial training under attack, clean training on clean images: "
        "accuracy, %",
        depth(),
        plot=BY_DEPTH,
    ),
    Table(
        "normalizers",
        "Batch norm, mixture batch norm and group norm: accuracy, %",
        normalizers(),
    ),
    Table(
        "ablation",
        "What the two sets of mixture batch norm have of their own: accuracy, %",
        ablation(),
    ),
    Table(
        "seeds",
        "The seeds that claims compare: accuracy, %",
        other_seeds(),
    ),
    Table(
        "success",
        "Feature Denoising (Xie 2019): accuracy and success of the targeted attack, %",
        success(),
    ),
    Table(
        "alp",
        "Adversarial logit pairing (Kannan 2018), ImageNet at 64 x 64: accuracy, %",
        grid(
            {"baseline": "alp_baseline", "ALP": "alp"},
            {"clean": "clean", **{name: name for name in presets.ALP_EVALUATIONS}},
        ),
    ),
    Table(
        "advprop",
        "AdvProp (Xie 2020), ResNets on clean images: accuracy, %",
        advprop_resnets(),
        plot=BY_DEPTH,
    ),
    # Apart, since the reported ones of AdvProp have AutoAugment, and here none has.
    Table(
        "efficientnet",
        "EfficientNets (Tan 2019) without AutoAugment: accuracy, %",
        efficientnets(presets.SIZES, {"clean": ("efficientnet_{}", "clean")}),
    ),
    Table(
        "advprop_efficientnet",
        "AdvProp (Xie 2020), EfficientNets, here without AutoAugment: accuracy, %",
        efficientnets(
            presets.SIZES,
            {
                "clean images alone": ("efficientnet_{}", "clean"),
                "AdvProp": ("advprop_efficientnet_{}", "clean"),
                "AdvProp, MBN_adv": ("advprop_efficientnet_{}", "clean_mbn_adv"),
            },
        ),
    ),
    Table(
        "advprop_joint_efficientnet",
        "AdvProp (Xie 2020) and one batch norm for both kinds of image, EfficientNets "
        "against one attacker, here without AutoAugment: accuracy, %",
        one_attacker(),
    ),
)

PAPER_MAP = (  # part of the paper, object; its test stands beside its module
    ("training strategies, ALP", "intriguing_at.algorithm.AdversarialTraining"),
    ("0% adv + 100% clean", "common.training.natural.NaturalTraining"),
    ("mixture batch norm", "common.models.batch_norm.BatchNorm"),
    ("GroupNorm", "common.models.norms.Group"),
    ("ResNet-152 to ResNet-638", "common.models.resnet.ResNet"),
    ("Feature Denoising", "common.models.denoising.Denoise"),
    ("AdvProp", "intriguing_at.variants.advprop"),
    ("EfficientNet-B0 to EfficientNet-B8", "common.models.efficientnet.EfficientNet"),
    ("PGD-30, PGD-10 to PGD-2000", "common.attacks.pgd.PGD"),
    ("accuracy under attack", "common.evaluation.accuracy.evaluate"),
    ("attack success", "common.results.metrics.METRICS"),
    ("setup", "intriguing_at.presets.RECIPES"),
    ("attacks of the tables", "intriguing_at.presets.EVALUATIONS"),
    ("tables and figures", "intriguing_at.tables.TABLES"),
    ("statements of the text", "intriguing_at.claims.CLAIMS"),
)
