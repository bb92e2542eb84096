"""What Kurakin et al. (2017) say of the size of the network and how it is regularised.

Margins are fixed beforehand, as in `kurakin2017.claims`.
"""

from __future__ import annotations

from itertools import pairwise

from common.results.claims import Claim
from common.results.margins import difference, difference_of_differences, gain, level
from kurakin2017 import variants

BASELINE, STEP_LL, WIDEST = "baseline", "step_ll", "width_2_step_ll"
SIZE = "Larger images or networks than here are part of the statement."
ONE_SCALE = "Other scales do not train these networks."


def ratio(recipe: str, attack: str = "step_ll") -> tuple[str, str, str]:
    """Returns what a robustness ratio reads: an attack at 16 and clean images."""
    return recipe, f"{attack}_eps16", "clean"


CLAIMS = (
    Claim(
        name="capacity_helps_adversarial_training",
        statement="The wider the network, the nearer to 1 the ratio of accuracy under "
        "step l.l. to clean accuracy after adversarial training.",
        source="text, Figure 1",
        expected_at=("paper", "small"),
        note="Only widths are compared, which any size has.",
        comparisons=tuple(
            # The direction is the claim: the figure's numbers are not known.
            difference(ratio(wide), ratio(narrow), metric="ratio", at_least=0.0)
            for narrow, wide in pairwise(
                f"width_{rho:g}_step_ll" for rho in (0.5, 1, 2)
            )
        ),
    ),
    Claim(
        name="twice_the_width_nears_clean_accuracy",
        statement="At twice the width, accuracy under one-step attacks approaches that "
        "on clean images after adversarial training; under iterative attacks it is far "
        "from it at any width.",
        source="text, Sec. 4.3",
        note=ONE_SCALE,
        comparisons=(
            # "Approaching 1"; memory, Table 1: 0.952 at the usual width.
            level(*ratio(WIDEST), metric="ratio", at_least=0.95),
            # No number is given; half is far from 1. Memory, Table 2: 0.02 and 0.30.
            *(
                level(
                    *ratio(f"width_{rho:g}_step_ll", name), metric="ratio", at_most=0.5
                )
                for rho in variants.RHOS
                for name in variants.ITERATIVE
            ),
        ),
    ),
    Claim(
        name="undefended_networks_have_a_best_width",
        statement="Without adversarial training some width is the most robust; those "
        "that are too narrow or too wide do worse.",
        source="text, Sec. 4.3",
        note=ONE_SCALE,
        comparisons=(
            # Which is not said: the ratio rises at one end and falls at the other.
            difference(
                ratio("width_1_baseline"),
                ratio("width_0.5_baseline"),
                metric="ratio",
                at_least=0.0,
            ),
            difference(
                ratio("width_2_baseline"),
                ratio("width_1.5_baseline"),
                metric="ratio",
                at_most=0.0,
            ),
        ),
    ),
    Claim(
        name="width_raises_clean_accuracy",
        statement="The wider the network, the higher its accuracy on clean images, "
        "with and without adversarial training.",
        source="text, Sec. 4.3",
        note=ONE_SCALE,
        comparisons=tuple(
            # The direction is the claim: no number is given.
            gain(wide, narrow, "clean", at_least=0.0)
            for name in (BASELINE, STEP_LL)
            for narrow, wide in pairwise(
                f"width_{rho:g}_{name}" for rho in variants.RHOS
            )
        ),
    ),
    Claim(
        name="depth_reduces_the_clean_gap",
        statement="In a deeper network adversarial training costs a little less clean "
        "accuracy; asked is that it costs at most half a point more.",
        source="text, Sec. 4.1; memory, Table 1",
        note=ONE_SCALE,
        comparisons=(
            # Memory: 0.8 - 0.6. "Slightly": seeds differ by more, so half a point.
            difference_of_differences(
                ((BASELINE, "clean"), (STEP_LL, "clean")),
                (("deeper_baseline", "clean"), ("deeper_step_ll", "clean")),
                at_least=-0.5,
            ),
        ),
    ),
    Claim(
        name="less_regularisation_trades_clean_accuracy",
        statement="Without label smoothing, dropout or both, adversarial training "
        "loses a little clean accuracy, half a point either way, and wins some under "
        "attack.",
        source="text, Sec. 4",
        note=ONE_SCALE,
        comparisons=tuple(
            # Paper: -0.1 to -0.5 on clean images, +1 to +1.5 under attack. A loss of
            # 0.1 is less than seeds differ by, so half a point more either way.
            comparison
            for name in ("no_smoothing", "no_dropout", "no_smoothing_no_dropout")
            for comparison in (
                gain(name, STEP_LL, "clean", at_least=-1.0, at_most=0.4),
                gain(name, STEP_LL, "step_ll_eps16", at_least=0.0),
            )
        ),
    ),
    Claim(
        name="less_weight_decay_costs_both",
        statement="With less weight decay, adversarial training is less accurate on "
        "clean images and under attack.",
        source="text, Sec. 4",
        note=ONE_SCALE,
        comparisons=tuple(
            # The direction is the claim: no number is given.
            gain("less_decay", STEP_LL, name, at_most=0.0)
            for name in ("clean", "step_ll_eps16")
        ),
    ),
    Claim(
        name="smooth_activations_trade_one_step_for_iterative",
        statement="Bounded or strongly decaying activations cost clean and one-step "
        "accuracy, and raise accuracy under some iterative attacks.",
        source="text, Appendix D; memory, Table 7",
        note=SIZE,
        comparisons=(
            # The direction is the claim. Text: 2 to 3 on clean images, 10 to 20 under
            # step l.l.; memory: 3.0, 2.2, 12.6, 9.7 and -3.4 points.
            gain(STEP_LL, "tanh", "clean", at_least=0.0),
            gain(STEP_LL, "relu_decay_0.1", "clean", at_least=0.0),
            gain(STEP_LL, "tanh", "step_ll_eps16", at_least=0.0),
            gain(STEP_LL, "relu_decay_0.1", "step_ll_eps16", at_least=0.0),
            gain(STEP_LL, "relu_decay_0.1", "iter_ll_eps8", at_most=0.0),
        ),
    ),
    Claim(
        name="mild_activations_keep_clean_accuracy",
        statement="relu6 and weakly decaying activations keep clean accuracy within a "
        "point, and cost a little under step l.l.",
        source="text, Appendix D",
        note=ONE_SCALE,
        comparisons=tuple(
            # Text: within 1 on clean images, a few points lower under attack: five.
            comparison
            for name in ("relu6", "relu_decay_0.01", "relu_decay_0.001")
            for comparison in (
                gain(name, STEP_LL, "clean", at_least=-1.0, at_most=1.0),
                gain(name, STEP_LL, "step_ll_eps16", at_least=-5.0, at_most=0.0),
            )
        ),
    ),
)
