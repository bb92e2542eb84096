"""The qualitative statements of Kurakin et al. (2017), with margins fixed beforehand.

Accuracies are compared in points of percent, on the same test images. What the paper
reports stands beside each margin; its tables are remembered, not read (see
`reported.csv`). A claim says at which scales the paper's effect is expected, and why;
elsewhere it is judged all the same, and does not count as outside.
"""

from __future__ import annotations

from common.results.claims import (
    Claim,
    Difference,
    Leaks,
    RatioDifference,
    TransferDifference,
)
from kurakin2017 import presets, variants

difference = Difference.of  # two sides such as `step_ll clean`

BASELINE, STEP_LL = "baseline", "step_ll"
LEAK_FGSM = "leak_fgsm"
ONE_STEP_AT_16 = tuple(f"{name}_eps16" for name in variants.ONE_STEP)
SIZE = "Larger images or networks than here are part of the statement."

CLAIMS = (
    Claim(
        name="labels_leak",
        statement="A network trained with FGSM at the true label is more accurate "
        "under that attack than on clean images; under attacks that do not use the "
        "label, or use it in many steps, the effect is gone.",
        source="text; memory, Table 3",
        expected_at=("paper", "small"),
        note="Others saw it on CIFAR-10 with a ResNet-110.",
        comparisons=(
            # The direction is the claim, so no margin; paper: +12.1 and +10.4 points.
            difference(f"{LEAK_FGSM} fgsm_eps8", f"{LEAK_FGSM} clean", at_least=0.0),
            difference(f"{LEAK_FGSM} fgsm_eps16", f"{LEAK_FGSM} clean", at_least=0.0),
            *(
                difference(f"{LEAK_FGSM} {name}", f"{LEAK_FGSM} clean", at_most=0.0)
                for name in ("step_ll_eps16", "step_rnd_eps16", "iter_basic_eps16")
            ),
        ),
    ),
    Claim(
        name="labels_of_few_classes_do_not_leak",
        statement="On small images of digits hardly a label leaks: accuracy under FGSM "
        "stays below clean accuracy.",
        source="text, for MNIST",
        expected_at=("digits",),
        note="The paper's data here are MNIST; on larger images labels leak.",
        comparisons=(
            difference(f"{LEAK_FGSM} fgsm_eps16", f"{LEAK_FGSM} clean", at_most=0.0),
            # Paper: 79 of 10,000 at the worst epsilon; 2 % leaves room for 500 images.
            Leaks(LEAK_FGSM, "fgsm_eps16", "step_ll_eps16", at_most=2.0),
        ),
    ),
    Claim(
        name="step_ll_resists_every_one_step_method",
        statement="Training with step l.l. resists every one-step method, those "
        "included that it was not trained on.",
        source="text, Figure 3; memory, Table 5",
        note=SIZE,
        comparisons=tuple(
            # Memory: 4.1 points below clean under FGSM, 3.7 under step l.l.; twice.
            difference(f"{STEP_LL} {name}", f"{STEP_LL} clean", at_least=-10.0)
            for name in ONE_STEP_AT_16
        ),
    ),
    Claim(
        name="step_ll_or_step_rnd_is_best_to_train_with",
        statement="Of all one-step methods, step l.l. and step rnd. are the best to "
        "train with.",
        source="text; memory, Table 5",
        note=SIZE,
        comparisons=tuple(
            # Under FGSM; paper: 17.4 points or more above. FGSM itself leaks, and the
            # two fast grad. methods are not judged under FGSM in the paper.
            difference(
                f"one_step_{best} fgsm_eps16",
                f"one_step_{other} fgsm_eps16",
                at_least=5.0,
            )
            for best in ("step_ll", "step_rnd")
            for other in ("fgsm_pred", "fast_entropy", "random_sign", "random_normal")
        ),
    ),
    Claim(
        name="random_noise_gives_nothing",
        statement="Training with random noise gives no robustness.",
        source="text; memory, Table 5",
        expected_at=("paper", "small"),
        note="Digits withstand these radii unaided, and their runs are too short.",
        comparisons=(
            # Paper: -4.0 points. Two points allow for another seed.
            difference(
                "one_step_random_sign fgsm_eps16",
                "one_step_none fgsm_eps16",
                at_most=2.0,
            ),
            difference(
                "one_step_step_ll fgsm_eps16",
                "one_step_random_sign fgsm_eps16",
                at_least=5.0,
            ),
        ),
    ),
    Claim(
        name="no_robustness_to_iterative_attacks",
        statement="Training with step l.l. gives hardly any robustness to iterative "
        "attacks.",
        source="text; memory, Table 2",
        note="Small networks that have not mastered the one-step attack may resist "
        "several steps too.",
        comparisons=(
            # Paper: +0.8 and -2.7 points.
            difference(
                f"{STEP_LL} iter_ll_eps16", f"{BASELINE} iter_ll_eps16", at_most=5.0
            ),
            difference(
                f"{STEP_LL} iter_basic_eps16",
                f"{BASELINE} iter_basic_eps16",
                at_most=5.0,
            ),
        ),
    ),
    Claim(
        name="iterative_training_does_not_help",
        statement="Training on iterative examples lowers clean accuracy and gives no "
        "robustness to iterative attacks, at this size of the network.",
        source="text",
        note="Later work contradicts it on smaller images; it is a statement about "
        "Inception v3 on ImageNet.",
        comparisons=(
            # The direction is the claim: no number is given.
            difference("iter_ll clean", f"{BASELINE} clean", at_most=0.0),
            difference(
                "iter_ll iter_basic_eps16", f"{BASELINE} iter_basic_eps16", at_most=5.0
            ),
        ),
    ),
    Claim(
        name="clean_accuracy_falls_slightly",
        statement="Adversarial training costs a little clean accuracy, less than a "
        "point.",
        source="text",
        note="The text itself says that small data that overfit gain instead.",
        comparisons=(
            # Paper: 0.8. Half a point more for another seed.
            difference(f"{BASELINE} clean", f"{STEP_LL} clean", at_least=0.0),
            difference(f"{BASELINE} clean", f"{STEP_LL} clean", at_most=1.5),
        ),
    ),
    Claim(
        name="capacity_helps_adversarial_training",
        statement="The wider the network, the nearer to 1 the ratio of accuracy under "
        "one-step attacks to clean accuracy after adversarial training.",
        source="text, Figure 1",
        note=SIZE,
        comparisons=tuple(
            # The direction is the claim: the figure's numbers are not known.
            RatioDifference(
                (f"width_{wide:g}_step_ll", "step_ll_eps16", "clean"),
                (f"width_{narrow:g}_step_ll", "step_ll_eps16", "clean"),
                at_least=0.0,
            )
            for narrow, wide in ((0.5, 1.0), (1.0, 2.0))
        ),
    ),
    Claim(
        name="fixed_epsilon_is_robust_near_it_only",
        statement="Training at one epsilon gives robustness near that epsilon only; an "
        "epsilon drawn for every image mends that.",
        source="text",
        note=SIZE,
        comparisons=(
            # The direction is the claim: no number is given.
            difference(
                f"{STEP_LL} step_ll_eps8", "fixed_epsilon step_ll_eps8", at_least=0.0
            ),
        ),
    ),
    Claim(
        name="more_adversarial_images_trade_clean_accuracy",
        statement="The more of the minibatch is adversarial, the higher the accuracy "
        "under attack and the lower on clean images; beyond half of it little is won.",
        source="text; memory, Table 8",
        expected_at=("paper", "small"),
        note="A trade within one minibatch, which any size should show.",
        comparisons=(
            # Paper: +4.9, +0.4 and -1.8 points; little is two.
            difference("k_16 step_ll_eps16", "k_8 step_ll_eps16", at_least=0.0),
            difference("k_32 step_ll_eps16", "k_16 step_ll_eps16", at_most=2.0),
            difference("k_32 clean", "k_8 clean", at_most=0.0),
        ),
    ),
    Claim(
        name="a_short_delay_does_no_harm",
        statement="It does not matter whether adversarial training starts at once or "
        "after 10k updates; after 40k, accuracy at a large epsilon suffers.",
        source="text",
        note="Runs of this length have no room for delays of such shares.",
        comparisons=(
            # Paper: at most 0.2 points of clean accuracy; one allows for another seed.
            difference("delay_0k clean", f"{STEP_LL} clean", at_least=-1.0),
            difference("delay_0k clean", f"{STEP_LL} clean", at_most=1.0),
            # Paper: up to 4 points.
            difference(
                f"{STEP_LL} step_ll_eps16", "delay_40k step_ll_eps16", at_least=0.0
            ),
        ),
    ),
    Claim(
        name="weak_attacks_transfer_best",
        statement="FGSM images transfer most and iter. l.l. images least; all transfer "
        "more as epsilon grows.",
        source="text; memory, Table 4",
        expected_at=("paper", "small"),
        note="Two networks that differ in their seed are enough to see it.",
        comparisons=(
            # The direction is the claim; paper: 56, 46 and 13 % from A to B.
            TransferDifference(
                (BASELINE, "fgsm_eps16_to_B"),
                (BASELINE, "iter_basic_eps16_to_B"),
                at_least=0.0,
            ),
            TransferDifference(
                (BASELINE, "iter_basic_eps16_to_B"),
                (BASELINE, "iter_ll_eps16_to_B"),
                at_least=0.0,
            ),
            *(
                TransferDifference(
                    (BASELINE, f"{name}_eps16_to_B"),
                    (BASELINE, f"{name}_eps8_to_B"),
                    at_least=0.0,
                )
                for name in presets.TRANSFERRED
            ),
        ),
    ),
    Claim(
        name="smooth_activations_trade_one_step_for_iterative",
        statement="Bounded or strongly decaying activations cost clean and one-step "
        "accuracy, and raise accuracy under some iterative attacks.",
        source="text, Appendix D; memory, Table 7",
        note=SIZE,
        comparisons=(
            # The direction is the claim; paper: 3.0, 2.2, 12.6, 9.7 and -3.4 points.
            difference(f"{STEP_LL} clean", "tanh clean", at_least=0.0),
            difference(f"{STEP_LL} clean", "relu_decay_0.1 clean", at_least=0.0),
            difference(f"{STEP_LL} step_ll_eps16", "tanh step_ll_eps16", at_least=0.0),
            difference(
                f"{STEP_LL} step_ll_eps16",
                "relu_decay_0.1 step_ll_eps16",
                at_least=0.0,
            ),
            difference(
                f"{STEP_LL} iter_ll_eps8", "relu_decay_0.1 iter_ll_eps8", at_most=0.0
            ),
        ),
    ),
)
