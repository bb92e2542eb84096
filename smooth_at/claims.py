"""The qualitative statements of Smooth Adversarial Training, with margins fixed first.

Accuracies are compared in points of percent, on the same test images. What the paper
reports stands beside each margin; mostly the direction is the claim. A lead that is
smaller than what seeds differ by (`SEED_SPREAD`, the comparison's own) is no direction:
it may turn by as much. A claim says at which scales the paper's effect is expected, and
why; elsewhere it is judged all the same, and does not count as outside.
"""

from __future__ import annotations

from itertools import pairwise

from common.results.claims import Claim, Difference, DifferenceOfDifferences, TimeRatio
from common.results.comparison import SEED_SPREAD

# The strong attack is of 50 steps: every scale can pay for them, and the README has
# them. What the paper alone has, and scale `paper` alone trains, is judged at its 200.
STRONG, STRONGEST = "pgd_50", "pgd_200"
CLEAN, RELU, SILU = "clean", "relu", "silu"
FIGURE, README = "figure of activations", "README of the authors' code"
ANY_SIZE = "No part of the statement depends on size; digits are too few to tell."
SMALL_GAIN = "Small networks may gain less than seeds differ by."
ONE_SCALE = "Other scales do not train these networks."


def lead(left: str, right: str, evaluation: str, *, at_least: float) -> Difference:
    """Returns the claim of a lead of some size, which may be negative."""
    return Difference((left, evaluation), (right, evaluation), at_least=at_least)


def ahead(left: str, right: str, evaluation: str, *, reported: float) -> Difference:
    """Returns the claim that one recipe is ahead of another.

    Args:
      left: recipe.
      right: recipe.
      evaluation: of both.
      reported: the lead in the paper, in points; within the spread over seeds, the
        claim is that `left` is not behind by more than that.
    """
    spread = SEED_SPREAD["clean" if evaluation == CLEAN else "robust"]
    margin = 0.0 if reported > spread else -spread
    return lead(left, right, evaluation, at_least=margin)


def raises_both(*steps: tuple[str, str, float, float]) -> tuple[Difference, ...]:
    """Returns the claims that each step raises clean and robust accuracy.

    Args:
      *steps: smaller network, larger one, and its leads in the README: clean, and under
        the strong attack.
    """
    return tuple(
        ahead(larger, smaller, evaluation, reported=points)
        for smaller, larger, *leads in steps
        for evaluation, points in zip((CLEAN, STRONG), leads, strict=True)
    )


def cost_of_steps(since: str, until: str) -> DifferenceOfDifferences:
    """Returns that more steps of the attack cost ReLU more than SiLU."""
    return DifferenceOfDifferences(
        ((RELU, since), (RELU, until)), ((SILU, since), (SILU, until)), at_least=0.0
    )


CLAIMS = (
    Claim(
        name="better_gradients_raise_robustness",
        statement="With ReLU in every forward pass, a smooth derivative in backward "
        "passes raises robustness: in the attacker's, in the update's, or in both.",
        source="Table 1",
        note=SMALL_GAIN,
        comparisons=(
            # Paper: under 200 steps.
            ahead("table1_attacker", RELU, STRONG, reported=1.5),
            ahead("table1_update", RELU, STRONG, reported=2.8),
            ahead("table1_both", RELU, STRONG, reported=3.9),
        ),
    ),
    Claim(
        name="the_update_gains_more_than_the_attacker",
        statement="The better gradient is worth more in the update than in the "
        "attacker, and most in both.",
        source="Table 1",
        note=SMALL_GAIN,
        comparisons=(
            # Paper: 35.8 - 34.5 and 36.9 - 35.8 under 200 steps.
            ahead("table1_update", "table1_attacker", STRONG, reported=1.3),
            ahead("table1_both", "table1_update", STRONG, reported=1.1),
        ),
    ),
    Claim(
        name="better_gradients_keep_clean_accuracy",
        statement="Better gradients hardly change accuracy on clean images.",
        source="Table 1",
        expected_at=("paper", "small"),
        note=ANY_SIZE,
        comparisons=tuple(
            # Paper: -0.5, +0.6 and +0.1; twice the loss.
            lead(f"table1_{passes}", RELU, CLEAN, at_least=-1.0)
            for passes in ("attacker", "update", "both")
        ),
    ),
    Claim(
        name="silu_beats_relu_at_every_seed",
        statement="SiLU is more robust than ReLU, whichever seeds of theirs are "
        "compared.",
        source="abstract, with one seed each",
        expected_at=("paper", "small"),
        note=ANY_SIZE,
        comparisons=tuple(
            # README: 41.9 - 33.1. Crossed pairs too: a lead that is smaller than what
            # seeds differ by does not pass.
            ahead(silu, relu, STRONG, reported=8.8)
            for silu in (SILU, "silu_seed1")
            for relu in (RELU, "relu_seed1")
        ),
    ),
    Claim(
        name="every_smooth_activation_beats_relu",
        statement="Not SiLU alone: every smooth activation is more robust than ReLU.",
        source=f"{FIGURE}; {README}",
        note=SMALL_GAIN,
        comparisons=(
            # README; Softplus: paper, under 200 steps.
            ahead("gelu", RELU, STRONG, reported=8.4),
            ahead("elu", RELU, STRONG, reported=7.6),
            ahead("smooth_relu", RELU, STRONG, reported=7.0),
            ahead("softplus", RELU, STRONG, reported=7.0),
        ),
    ),
    Claim(
        name="smooth_activations_are_far_more_robust",
        statement="Every smooth activation is far more robust than ReLU; Parametric "
        "Softplus, nearest to it, is as accurate on clean images.",
        source=FIGURE,
        note=ONE_SCALE,
        comparisons=(
            # Paper: 5.7 for Parametric Softplus, the least; half of it is "far".
            *(
                lead(name, RELU, STRONGEST, at_least=2.8)
                for name in (SILU, "elu", "gelu", "smooth_relu", "softplus")
            ),
            lead("parametric_softplus", RELU, STRONGEST, at_least=2.8),
            ahead("parametric_softplus", RELU, CLEAN, reported=0.0),
        ),
    ),
    Claim(
        name="smooth_activations_keep_clean_accuracy",
        statement="Robustness costs no accuracy on clean images: SiLU, GELU, ELU and "
        "SmoothReLU keep that of ReLU or raise it.",
        source=FIGURE,
        expected_at=("paper", "small"),
        note=ANY_SIZE,
        comparisons=tuple(
            # Paper: +0.9, +1.15, +0.4 and +0.6. "Keep": not lower than seeds differ by.
            lead(name, RELU, CLEAN, at_least=-SEED_SPREAD["clean"])
            for name in (SILU, "gelu", "elu", "smooth_relu")
        ),
    ),
    Claim(
        name="silu_leads",
        statement="No other activation is more robust than SiLU.",
        source=f"{FIGURE}; {README}",
        note=SMALL_GAIN,
        comparisons=(
            # README; Softplus: paper, under 200 steps.
            ahead(SILU, "gelu", STRONG, reported=0.4),
            ahead(SILU, "elu", STRONG, reported=1.2),
            ahead(SILU, "smooth_relu", STRONG, reported=1.8),
            ahead(SILU, "softplus", STRONG, reported=2.3),
        ),
    ),
    Claim(
        name="order_of_activations",
        statement="In order of robustness: SiLU, ELU and GELU alike, SmoothReLU, "
        "Softplus, Parametric Softplus, ReLU.",
        source=FIGURE,
        note=ONE_SCALE,
        comparisons=(
            ahead(SILU, "elu", STRONGEST, reported=0.6),
            ahead("elu", "gelu", STRONGEST, reported=0.05),
            ahead("gelu", "elu", STRONGEST, reported=-0.05),
            ahead("gelu", "smooth_relu", STRONGEST, reported=1.35),
            ahead("smooth_relu", "softplus", STRONGEST, reported=0.3),
            ahead("softplus", "parametric_softplus", STRONGEST, reported=1.3),
            ahead("parametric_softplus", RELU, STRONGEST, reported=5.7),
        ),
    ),
    Claim(
        name="negative_outputs_are_not_the_reason",
        statement="The gain does not come from outputs below zero: SmoothReLU has none "
        "and is more robust than ReLU.",
        source=f"{FIGURE}; {README}",
        note="It starts near ReLU, at alpha = 400; short runs need not move it far.",
        comparisons=(ahead("smooth_relu", RELU, STRONG, reported=7.0),),
    ),
    Claim(
        name="no_extra_compute",
        statement="The gain costs no extra computation.",
        source="abstract",
        expected_at=("paper", "small"),
        note="Beside convolutions an activation costs little; on digits of 8 x 8 "
        "pixels that need not be so.",
        comparisons=(
            # No number is given; a tenth is for an exponential in place of a maximum.
            TimeRatio(SILU, RELU, at_most=1.1),
        ),
    ),
    *(
        Claim(
            name=f"{name}_raises_both",
            statement=f"{changed} is more accurate, on clean images and under attack.",
            source=README,
            note=ONE_SCALE,
            comparisons=raises_both(*steps),
        )
        for name, changed, *steps in (
            (
                *("depth", "A deeper ResNet"),
                (SILU, "resnet_101", 3.2, 3.3),
                ("resnet_101", "resnet_152", 1.1, 0.6),
            ),
            (
                *("width", "A wider ResNet"),
                (SILU, "resnext_50_32x4d", 1.4, 0.3),
                ("resnext_50_32x4d", "resnext_50_32x8d", 2.2, 2.6),
            ),
            (
                *("resolution", "A ResNet on larger images"),
                (SILU, "resnet_50_299", 1.0, 1.7),
                ("resnet_50_299", "resnet_50_380", 0.9, 0.2),
            ),
        )
    ),
    Claim(
        name="all_three_gain_most",
        statement="Depth, width and resolution together gain more than each of them.",
        source=README,
        note=ONE_SCALE,
        comparisons=raises_both(
            ("resnet_152", "resnext_152_32x8d_380", 4.0, 5.2),
            ("resnext_50_32x8d", "resnext_152_32x8d_380", 4.7, 6.2),
            ("resnet_50_380", "resnext_152_32x8d_380", 6.4, 7.2),
        ),
    ),
    Claim(
        name="far_larger_networks_gain_too",
        statement="Smooth training carries over to far larger networks: accuracy rises "
        "with the size of EfficientNets, up to L1.",
        source=f"abstract; {README}",
        note=ONE_SCALE,
        comparisons=(
            *(
                ahead(
                    f"efficientnet_{larger}",
                    f"efficientnet_{smaller}",
                    CLEAN,
                    reported=points,
                )
                for (smaller, larger), points in zip(
                    pairwise(("b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "l1")),
                    (3.4, 1.7, 2.8, 2.8, 1.9, 1.4, 0.6, 0.9),  # README
                    strict=True,
                )
            ),
            # Paper: 58.6, and 37.6 by a log that quotes it; half of that is "far".
            lead(
                "efficientnet_l1_enhanced", "efficientnet_b0", STRONGEST, at_least=10.5
            ),
        ),
    ),
    Claim(
        name="more_steps_cost_relu_more",
        statement="More steps of the attack cost ReLU more than SiLU, so that a weak "
        "attack understates the gain: 50 steps after 20.",
        source=README,
        note="20 steps of a quarter of the radius leave little to more of them.",
        # README: 0.6 - 0.3.
        comparisons=(cost_of_steps("pgd_20", STRONG),),
    ),
    Claim(
        name="ten_steps_understate_the_gain",
        statement="More steps of the attack cost ReLU more than SiLU: 50 steps after "
        "10.",
        source=README,
        note="Other scales have no attack of ten steps.",
        # README: 2.2 - 1.1.
        comparisons=(cost_of_steps("pgd_10", STRONG),),
    ),
)
