"""The Free paper's tables and its figure: which recipe and evaluation is which cell.

Row and column headings are those of `reported.csv`. `PAPER_MAP` says where each part of
the paper stands in this package; the README shows it.
"""

from __future__ import annotations

from common import seeds
from common.recipe import TRAINING_TIME, Cell, Plot, Table, grid
from common.results.measured import AUTOATTACK
from free_at import presets

CIFAR_ROWS = {  # row heading -> end of the recipe name
    "natural": "natural",
    "Free m=2": "free_2",
    "Free m=4": "free_4",
    "Free m=8": "free_8",
    "Free m=10": "free_10",
    "2-PGD": "pgd_2",
    "7-PGD": "pgd_7",
}
SHORT = {"7-PGD, with the passes of Free m=8": "pgd_7_short"}  # at scale small
CIFAR_COLUMNS = {
    "clean": "clean",
    "PGD-20": "pgd_20",
    "PGD-100": "pgd_100",
    "CW-100": "cw_100",
    "10-restart PGD-20": "pgd_20_restarts_10",
    "time (min)": TRAINING_TIME,
}
SMALL_ROWS = {
    row: f"cifar10_{name}"
    for row, name in (CIFAR_ROWS | SHORT).items()
    if f"cifar10_{name}" in presets.SMALL
}
STEPS = {f"PGD-{num_steps}": num_steps for num_steps in (10, 20, 50, 100)}
BY_STEPS = Plot("columns", "attack steps")
CIFAR100_COLUMNS = ("clean", "PGD-20", "PGD-100", "time (min)")


def imagenet_columns(epsilon: int) -> dict[str, str]:
    """Returns column heading to evaluation name, of a table at one epsilon."""
    attacked = {
        f"PGD-{num_steps}": f"pgd_{num_steps}_eps{epsilon}"
        for num_steps in (10, 50, 100)
    }
    return {"clean": "clean", **attacked}


def imagenet_rows(epsilon: int) -> dict[str, str]:
    """Returns row heading to recipe name, of natural and Free ResNet-50."""
    free = {
        f"Free m={num_replays}": f"imagenet_free_{num_replays}_eps{epsilon}"
        for num_replays in presets.IMAGENET_REPLAYS
    }
    return {"natural": "imagenet_natural", **free}


def seed_cells() -> tuple[Cell, ...]:
    """Returns the cells of the further seeds of scale `small`.

    AutoAttack is shown of what was trained adversarially.
    """
    rows = seeds.rows(SMALL_ROWS, presets.SMALL_SEEDS[1:])
    adversarial = {
        row: name for row, name in rows.items() if not row.startswith("natural")
    }
    return grid(rows, CIFAR_COLUMNS) + grid(adversarial, {"AutoAttack": AUTOATTACK})


def figure_cells() -> tuple[Cell, ...]:
    """Returns the cells of the figure: each epsilon has its own networks."""
    cells = [
        Cell(
            cell.row,
            f"{cell.column} eps={epsilon}",
            cell.recipe,
            cell.evaluation,
            x=epsilon,
            panel=cell.column,
        )
        for epsilon in presets.IMAGENET_EPSILONS
        for cell in grid(imagenet_rows(epsilon), imagenet_columns(epsilon))
    ]
    columns = list(imagenet_columns(2))
    return tuple(sorted(cells, key=lambda cell: columns.index(cell.panel)))


TABLES = (
    Table(
        name="cifar10",
        title="CIFAR-10, WRN-32-10, epsilon 8: accuracy in percent, minutes",
        cells=grid(
            {
                row: f"cifar10_{name}"
                for row, name in (CIFAR_ROWS | SHORT).items()
                if row != "2-PGD"
            },
            CIFAR_COLUMNS,
            x=STEPS,
            panel="PGD",
        ),
        plot=BY_STEPS,
    ),
    Table(
        name="seeds",
        title="CIFAR-10, another seed of scale small: accuracy in percent, minutes",
        cells=seed_cells(),
    ),
    Table(
        name="cifar100",
        title="CIFAR-100, WRN-32-10, epsilon 8: accuracy in percent, minutes",
        cells=grid(
            {row: f"cifar100_{name}" for row, name in CIFAR_ROWS.items()},
            {column: CIFAR_COLUMNS[column] for column in CIFAR100_COLUMNS},
            x=STEPS,
            panel="PGD",
        ),
        plot=BY_STEPS,
    ),
    Table(
        name="imagenet_eps2",
        title="ImageNet, ResNet-50, epsilon 2: accuracy in percent",
        cells=grid(imagenet_rows(2), imagenet_columns(2), x=STEPS, panel="PGD"),
        plot=BY_STEPS,
    ),
    Table(
        name="imagenet_epsilon",
        title="ImageNet, ResNet-50, accuracy in percent against epsilon",
        cells=figure_cells(),
        plot=Plot("columns", "epsilon, pixels of 255", bars=False),
    ),
    Table(
        name="imagenet_depth",
        title="ImageNet, Free m=4, epsilon 4, deeper networks: accuracy in percent",
        cells=grid(
            {
                "ResNet-50": "imagenet_free_4_eps4",
                "ResNet-101": "imagenet_resnet101_free_4_eps4",
                "ResNet-152": "imagenet_resnet152_free_4_eps4",
            },
            imagenet_columns(4),
            x=STEPS,
            panel="PGD",
        ),
        plot=BY_STEPS,
    ),
    Table(
        name="imagenet_free_vs_pgd",
        title="ImageNet, ResNet-50, epsilon 4, Free and 2-PGD: accuracy, minutes",
        cells=grid(
            {"2-PGD": "imagenet_pgd_2_eps4", "Free m=4": "imagenet_free_4_eps4"},
            {**imagenet_columns(4), "time (min)": TRAINING_TIME},
            x=STEPS,
            panel="PGD",
        ),
        plot=BY_STEPS,
    ),
)

PAPER_MAP = (  # part of the paper, object; its test stands beside its module
    ("Alg. 1", "free_at.algorithm.FreeTraining"),
    ("K-PGD baseline", "free_at.algorithm.PGDTraining"),
    ("natural baseline", "common.training.natural.NaturalTraining"),
    ("WRN-32-10", "common.models.wide_resnet.WideResNet"),
    ("ResNet-50, 101, 152", "common.models.resnet.ResNet"),
    ("PGD-K, CW-K, restarts", "common.attacks.pgd.PGD"),
    ("setup, CIFAR and ImageNet", "free_at.presets.RECIPES"),
    ("attacks of the tables", "free_at.presets.EVALUATIONS"),
    ("tables and figure", "free_at.tables.TABLES"),
    ("statements of the text", "free_at.claims.CLAIMS"),
)
