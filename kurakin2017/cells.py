"""The cells of the tables and figures: which run under which attack.

Headings are the paper's. Every scale has its own radii, in pixels of 255, and shows the
columns that it has: 2 to 16 as in the paper, or larger ones where images are coarser.
"""

from __future__ import annotations

from collections.abc import Mapping

from common.recipe import Cell, grid
from common.seeds import of_seed, rows
from kurakin2017 import presets, variants

EPSILONS = {f"eps={epsilon}": epsilon for epsilon in (2, 4, 8, 16, 32, 64)}  # all
TITLES = {  # attack -> its name in the paper
    "fgsm": "FGSM",
    "fgsm_pred": "fast with predicted class",
    "fast_entropy": "fast entropy",
    "step_rnd": "step rnd.",
    "step_ll": "step l.l.",
    "fast_grad_l2": "fast grad. L2",
    "fast_grad_linf": "fast grad. Linf",
    "random_sign": "sign of random perturbation",
    "random_normal": "random normal perturbation",
    "iter_basic": "iter. basic",
    "iter_ll": "iter. l.l.",
}
ACTIVATION_TITLES = {"step_ll": "relu"} | {
    name: name.replace("relu_decay_", "ReluDecay ") for name in variants.ACTIVATIONS
}


def columns(attack: str) -> dict[str, str]:
    """Returns column heading to evaluation name: clean, then every radius."""
    attacked = {column: f"{attack}_eps{eps}" for column, eps in EPSILONS.items()}
    return {"clean": "clean", **attacked}


def under(
    rows: Mapping[str, str], attack: str, metric: str = "accuracy"
) -> tuple[Cell, ...]:
    """Returns the cells of rows under an attack, on clean images and at every radius.

    Args:
      rows: row heading to recipe name.
      attack: of every column.
      metric: of every cell.
    """
    return grid(rows, columns(attack), metric=metric, x=EPSILONS)


def both_metrics(rows: Mapping[str, str], attack: str) -> tuple[Cell, ...]:
    """Returns the cells of rows that are given top-1 and top-5, in turns.

    Args:
      rows: row heading to recipe name.
      attack: of every column.
    """
    return tuple(
        cell
        for row, recipe in rows.items()
        for kind, metric in (("top-1", "accuracy"), ("top-5", "top5"))
        for cell in under({f"{row}, {kind}": recipe}, attack, metric)
    )


def table_2() -> tuple[Cell, ...]:
    """Returns the cells of Table 2: two attacks, each on both networks."""
    return tuple(
        cell
        for attack in ("iter_ll", "iter_basic")
        for cell in both_metrics(
            {
                f"{TITLES[attack]}, adv. training": "step_ll",
                f"{TITLES[attack]}, baseline": "baseline",
            },
            attack,
        )
    )


def hard_labels() -> tuple[Cell, ...]:
    """Returns the cells of the ablation: attacks up J, and up hard labels."""
    trained = {  # recipe -> its title, and the attacks that it is shown under
        "baseline": ("baseline", variants.HARD_TOO),
        "step_ll": ("adv. training", variants.HARD_TOO),
        "hard_step_ll": ("adv. training up hard labels", ("step_ll",)),
        "leak_fgsm": ("FGSM training", ("fgsm",)),
        "hard_leak_fgsm": ("FGSM training up hard labels", ("fgsm",)),
    }
    return tuple(
        cell
        for recipe, (title, names) in trained.items()
        for attack in names
        for cost, suffix in (("J", ""), ("hard labels", "_hard"))
        for cell in under(
            {f"{TITLES[attack]} up {cost}, {title}": recipe}, f"{attack}{suffix}"
        )
        if cell.column != "clean"
    )


def table_3() -> tuple[Cell, ...]:
    """Returns the cells of Table 3: each network under the attack of its training."""
    return both_metrics({"step l.l.": "leak_step_ll"}, "step_ll") + both_metrics(
        {"FGSM": "leak_fgsm"}, "fgsm"
    )


def leaks() -> tuple[Cell, ...]:
    """Returns the share of labels that leak: right with the label, wrong without."""
    rows = {"step l.l.": "leak_step_ll", "FGSM": "leak_fgsm"}
    return tuple(
        Cell(
            f"{row}, against {TITLES[other]}",
            column,
            recipe,
            f"fgsm_eps{epsilon}",
            metric="leaked",
            other=f"{other}_eps{epsilon}",
            x=epsilon,
        )
        for row, recipe in rows.items()
        for other in ("fgsm_pred", "step_ll")
        for column, epsilon in EPSILONS.items()
    )


def matrix(metrics: Mapping[str, str]) -> tuple[Cell, ...]:
    """Returns the transfers from every source to every target, at epsilon 16.

    Args:
      metrics: `top-1` and `top-5` to the metric of their rows.
    """
    return tuple(
        Cell(
            f"{source}, {kind}",
            f"{TITLES[attack]} to {target}",
            recipe,
            f"{attack}_eps16_to_{target}",
            metric=metric,
        )
        for kind, metric in metrics.items()
        for source, recipe in presets.MODELS.items()
        for attack in presets.TRANSFERRED
        for target in presets.MODELS
    )


def transfer_curves(metric: str) -> tuple[Cell, ...]:
    """Returns a metric of the transfer from A to B against epsilon."""
    return tuple(
        Cell(
            TITLES[attack],
            column,
            presets.MODELS["A"],
            f"{attack}_eps{epsilon}_to_B",
            metric=metric,
            x=epsilon,
        )
        for attack in presets.TRANSFERRED
        for column, epsilon in EPSILONS.items()
    )


def table_5() -> tuple[Cell, ...]:
    """Returns the cells of Table 5: two rows are evaluated with step l.l., as there."""
    trained = {TITLES[name]: f"one_step_{name}" for name in variants.ONE_STEP}
    return tuple(
        cell
        for row, recipe in {"none": "one_step_none", **trained}.items()
        for cell in under({row: recipe}, "step_ll" if "fast grad" in row else "fgsm")
    )


def table_7() -> tuple[Cell, ...]:
    """Returns the cells of Table 7: every activation under three attacks."""
    return tuple(
        cell
        for attack in ("step_ll", "iter_ll", "iter_basic")
        for cell in under(
            {
                f"{TITLES[attack]}, {title}": recipe
                for recipe, title in ACTIVATION_TITLES.items()
            },
            attack,
        )
    )


def capacity(metric: str) -> tuple[Cell, ...]:
    """Returns robustness ratios against rho, with and without adversarial training."""
    kinds = {"adv. training": "step_ll", "baseline": "baseline"}
    return tuple(
        Cell(
            f"{TITLES[attack]} eps={epsilon}, {kind}",
            f"rho={rho:g}",
            f"width_{rho:g}_{name}",
            f"{attack}_eps{epsilon}",
            metric=metric,
            other="clean",
            x=rho,
        )
        for kind, name in kinds.items()
        for attack in ("step_ll", "fgsm", "iter_ll")
        for epsilon in (4, 16)
        for rho in variants.RHOS
    )


def figure_3() -> tuple[Cell, ...]:
    """Returns the network trained with step l.l. under every one-step method."""
    return tuple(
        cell
        for attack in variants.ONE_STEP
        for cell in under({TITLES[attack]: "step_ll"}, attack)
        if cell.column != "clean"
    )


def mnist(
    kinds: Mapping[str, str], leaking: str, seeds: tuple[int, ...]
) -> tuple[Cell, ...]:
    """Returns accuracy under FGSM and labels that leak, every seed in a row of its own.

    Args:
      kinds: row heading to recipe name, both without the seed.
      leaking: recipe name without the seed, of the network whose labels leak.
      seeds: of the trainings.
    """
    x = {f"eps={radius:g}": radius for radius in presets.MNIST_RADII}
    attacked = {column: f"fgsm_mnist_{radius:g}" for column, radius in x.items()}
    leaked = tuple(
        Cell(
            f"leaked against {TITLES[other]}, seed {seed}",
            column,
            of_seed(leaking, seed),
            attacked[column],
            metric="leaked",
            other=f"{other}_mnist_{radius:g}",
            x=radius,
        )
        for other in ("fgsm_pred", "step_ll")
        for seed in seeds
        for column, radius in x.items()
    )
    return grid(rows(kinds, seeds), {"clean": "clean", **attacked}, x=x) + leaked
