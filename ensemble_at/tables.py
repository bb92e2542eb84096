"""The tables of Tramèr et al. (2018): title and cells.

Row and column headings are those of `reported.csv`. `PAPER_MAP` says where each part of
the paper stands in this package; the README shows it.
"""

from __future__ import annotations

from common.recipe import Cell, Table, grid
from ensemble_at import presets

MODELS = {  # recipe -> its name in the paper
    "v4": "v4",
    "v3": "v3",
    "v3adv": "v3adv",
    "v3adv_ens3": "v3adv-ens3",
    "v3adv_ens4": "v3adv-ens4",
    "irv2": "IRv2",
    "irv2adv": "IRv2adv",
    "irv2adv_ens": "IRv2adv-ens",
}
FIVE = ("v4", "v3", "v3adv", "irv2", "irv2adv")  # of Tables 1 and 2
SEVEN = tuple(name for name in MODELS if name != "v4")  # of Table 4
ATTACKS = {
    "step_ll": "Step-LL",
    "r_step_ll": "R+Step-LL",
    "fgsm": "FGSM",
    "iter_basic": "I-FGSM",
    "iter_ll": "Iter-LL",
    "pgd": "PGD",
}
SIGNS = {
    "loss_share": "share of the largest loss",
    "cosine": "cosine",
    "gradient_norm": "norm of the gradient",
}
KINDS = {"top-1": "", "top-5": "_top5"}  # and the ending of their metrics


def table_1() -> tuple[Cell, ...]:
    """Returns the errors of every target under Step-LL of every source."""
    return tuple(
        _transferred(f"{MODELS[target]}, {kind}", source, target, suffix)
        for kind, suffix in KINDS.items()
        for target in FIVE
        for source in FIVE
    )


def _transferred(row: str, source: str, target: str, suffix: str) -> Cell:
    """Returns a cell of Table 1, which on the diagonal is a white-box attack."""
    column = f"from {MODELS[source]}"
    if source == target:
        return Cell(row, column, source, "step_ll", f"error{suffix}")
    metric = f"target_error{suffix}"
    return Cell(row, column, source, f"step_ll_to_{target}", metric)


def table_2() -> tuple[Cell, ...]:
    """Returns the errors under both one-step attacks of the network itself."""
    return tuple(
        Cell(f"{ATTACKS[attack]}, {kind}", MODELS[name], name, attack, f"error{suffix}")
        for kind, suffix in KINDS.items()
        for attack in ("step_ll", "r_step_ll")
        for name in FIVE
    )


def table_4() -> tuple[Cell, ...]:
    """Returns clean and white-box errors, and the worst that is transferred."""
    cells = []
    for kind, suffix in KINDS.items():
        for name in SEVEN:
            row, error = f"{MODELS[name]}, {kind}", f"error{suffix}"
            (first, *others) = _black_box(name)
            cells += [
                Cell(row, "clean", name, "clean", error),
                Cell(row, "Step-LL", name, "step_ll", error),
                Cell(
                    row,
                    "max. black-box",
                    *first,
                    f"target_error{suffix}",
                    among=tuple(others),
                ),
            ]
    return tuple(cells)


def _black_box(target: str) -> list[tuple[str, str]]:
    """Returns recipe and evaluation of all attacks that holdouts make on a target."""
    return [
        (holdout, f"{attack}_to_{target}")
        for holdout in presets.HOLDOUTS
        for attack in presets.BLACK_BOX
    ]


def black_box() -> tuple[Cell, ...]:
    """Returns the errors of which Table 4 has the largest."""
    return tuple(
        Cell(
            MODELS[target],
            f"{ATTACKS[evaluation.partition('_to_')[0]]} from {holdout}",
            holdout,
            evaluation,
            "target_error",
        )
        for target in SEVEN
        for holdout, evaluation in _black_box(target)
    )


def masking() -> tuple[Cell, ...]:
    """Returns the signs of masked gradients of every network."""
    return tuple(
        Cell(title, heading, name, "masking", metric)
        for name, title in MODELS.items()
        for metric, heading in SIGNS.items()
    )


TABLES = (
    Table(
        "table1",
        "Table 1. Step-LL at epsilon 16, crafted on a source: error of the target, %",
        table_1(),
    ),
    Table(
        "table2",
        "Table 2. White-box attacks of one step at epsilon 16: error, %",
        table_2(),
    ),
    Table(
        "table4",
        "Table 4. Clean images, white-box Step-LL, and the worst attack that is "
        "transferred from a network that no training has seen: error, %",
        table_4(),
    ),
    Table(
        "black_box",
        "The attacks of which Table 4 has the worst, by network and source: error, %",
        black_box(),
    ),
    Table(
        "white_box",
        "White-box attacks of one step and of twenty at epsilon 16: error, %",
        grid(
            {title: name for name, title in MODELS.items()},
            {ATTACKS[name]: name for name in ("step_ll", "r_step_ll", "iter_ll")},
            metric="error",
        ),
    ),
    Table(
        "masking",
        "Signs of masked gradients, Sec. 4: Step-LL against twenty steps of I-FGSM",
        masking(),
    ),
)

PAPER_MAP = (  # part of the paper, object; its test stands beside its module
    (
        "ensemble adversarial training, Sec. 3.4",
        "ensemble_at.algorithm.EnsembleTraining",
    ),
    ("J, law of epsilon", "common.training.mixed.Mixed"),
    ("Step-LL, FGSM", "common.attacks.gradient_sign.StepLL"),
    ("R+Step-LL, Sec. 4.1", "common.attacks.random_step.RStepLL"),
    ("I-FGSM, Iter-LL", "common.attacks.iterated.IterLL"),
    ("PGD with the hinge loss", "common.attacks.pgd.PGD"),
    ("black-box attacks", "common.evaluation.transferability.transfer"),
    ("signs of masked gradients", "common.evaluation.masking.gradient_masking"),
    ("Inception v3", "common.models.inception_v3.InceptionV3"),
    ("Inception v4", "common.models.inception_v4.InceptionV4"),
    ("Inception ResNet v2", "common.models.inception_resnet_v2.InceptionResNetV2"),
    ("ResNet v2", "common.models.resnet_v2.ResNetV2"),
    ("released checkpoints", "common.training.imported.load"),
    ("setup, Table 3", "ensemble_at.presets.RECIPES"),
    ("attacks of the tables", "ensemble_at.presets.EVALUATIONS"),
    ("tables", "ensemble_at.tables.TABLES"),
    ("statements of the text", "ensemble_at.claims.CLAIMS"),
)
