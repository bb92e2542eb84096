"""The qualitative statements of Tramèr et al. (2018), with margins fixed beforehand.

Accuracies are compared in points of percent, on the same test images; the paper prints
errors, and what it reports stands beside each margin. `NAME_to_TARGET` of a source is
the accuracy of the target on images that were crafted on the source. A claim says at
which scales the paper's effect is expected, and why; other scales show its numbers.
"""

from __future__ import annotations

from common.results.claims import Claim
from common.results.margins import (
    Comparison,
    difference,
    difference_of_differences,
    gain,
    level,
)
from common.seeds import of_seed
from ensemble_at import presets

SEEDS = {  # of each, both
    of_seed("v3adv", seed): of_seed("v3adv_ens4", seed) for seed in (0, *presets.SEEDS)
}
STANDARD = ("v4", "v3", "irv2")  # networks without a defence
ON_DIGITS = ("v4", "v3", "resnet_50")
BOTH = ("paper", "small")
SIZE = "Larger images or networks than here are part of the statement."
LEARNED = (
    "It takes a network that has learned the one-step attack, for which a few passes "
    "are too short."
)


def _hide_nothing(names: tuple[str, ...]) -> tuple[Comparison, ...]:
    return tuple(
        # The direction is the claim; paper: -12.7 points or less.
        difference((name, "step_ll"), (source, f"step_ll_to_{name}"), at_most=0.0)
        for name in names
        for source in names
        if source != name
    )


def _make_weaker_attacks(
    standard: str, defended: str, targets: tuple[str, ...]
) -> tuple[Comparison, ...]:
    return tuple(
        difference(
            (defended, f"step_ll_to_{target}"),
            (standard, f"step_ll_to_{target}"),
            at_least=0.0,
        )
        for target in targets
    )


CLAIMS = (
    Claim(
        name="a_network_resists_the_step_it_trains_on",
        statement="One-step adversarial training lowers the error under white-box "
        "Step-LL.",
        source="Sec. 4.1, Table 1",
        expected_at=(*BOTH, "digits"),
        note="No part of the statement depends on size.",
        comparisons=(
            # Paper: 69.6 - 26.6 and 50.7 - 21.4 points; half.
            gain("v3adv", "v3", "step_ll", at_least=21.0),
            gain("irv2adv", "irv2", "step_ll", at_least=14.0),
        ),
        # A pilot on digits with the seeds 1 and 2 had +30 points or more; a third. The
        # network of kurakin2017 at small had been seen: +14.
        instead={
            "small": tuple(
                gain(name, "v3", "step_ll", at_least=10.0) for name in SEEDS
            ),
            "digits": (gain("v3adv", "v3", "step_ll", at_least=10.0),),
        },
    ),
    Claim(
        name="one_step_training_hides_its_errors",
        statement="After one-step adversarial training, Step-LL on the network itself "
        "finds fewer errors than the same attack on other networks does.",
        source="Sec. 4.1, Table 1",
        note=LEARNED,
        comparisons=tuple(
            # The direction is the claim; paper: +9.7, +9.0 and +8.6 points.
            difference((name, "step_ll"), (source, f"step_ll_to_{name}"), at_least=0.0)
            for name in SEEDS
            for source in STANDARD
        ),
    ),
    Claim(
        name="one_step_training_hides_errors_of_a_larger_network_too",
        statement="The same holds of Inception ResNet v2.",
        source="Sec. 4.1, Table 1",
        note=SIZE,
        comparisons=tuple(
            # The direction is the claim; paper: +9.6, +8.9, +9.2 and +4.3 points.
            difference(
                ("irv2adv", "step_ll"), (source, "step_ll_to_irv2adv"), at_least=0.0
            )
            for source in (*STANDARD, "v3adv")
        ),
    ),
    Claim(
        name="standard_networks_hide_nothing",
        statement="Without a defence it is the other way round: Step-LL on the network "
        "itself finds more errors than on any other.",
        source="Table 1",
        expected_at=(*BOTH, "digits"),
        note="No part of the statement depends on size.",
        comparisons=_hide_nothing(STANDARD),
        instead={"digits": _hide_nothing(ON_DIGITS)},
    ),
    Claim(
        name="a_random_step_first_is_stronger",
        statement="A small random step before the step along the gradient makes a "
        "stronger attack, for networks with and without a defence.",
        source="Sec. 4.1, Table 2",
        expected_at=BOTH,
        note="Digits do not judge it: half of the radius is left for the step, and "
        "coarse images withstand that, so that the random step makes it weaker there.",
        comparisons=tuple(
            # The direction is the claim; paper: +5.6 points or more.
            difference((name, "step_ll"), (name, "r_step_ll"), at_least=0.0)
            for name in (*STANDARD, *SEEDS)
        ),
    ),
    Claim(
        name="a_random_step_breaks_one_step_training",
        statement="The random step costs a network of one-step adversarial training "
        "more accuracy than it costs a standard one.",
        source="Sec. 4.1, Table 2",
        note=LEARNED,
        comparisons=tuple(
            # Paper: 38.2 - 10.4 = +27.8 points; a fifth of it is asked.
            difference_of_differences(
                ((name, "step_ll"), (name, "r_step_ll")),
                (("v3", "step_ll"), ("v3", "r_step_ll")),
                at_least=5.0,
            )
            for name in SEEDS
        ),
    ),
    Claim(
        name="an_ensemble_resists_transferred_attacks",
        statement="Ensemble adversarial training lowers the error under attacks that "
        "are transferred from a network that no training has seen.",
        source="Sec. 4.2, Table 4",
        expected_at=BOTH,
        note="Static networks of three architectures are the method itself, at any "
        "size.",
        comparisons=tuple(
            # The direction is the claim; paper: +7.4 points of the worst of 15.
            difference(
                ("v4", f"{attack}_to_{ensemble}"),
                ("v4", f"{attack}_to_{alone}"),
                at_least=0.0,
            )
            for alone, ensemble in SEEDS.items()
            for attack in ("step_ll", "fgsm")
        ),
    ),
    Claim(
        name="each_ensemble_resists_each_holdout",
        statement="It does so for all three networks, and all attacks transferred from "
        "each holdout.",
        source="Sec. 4.2, Table 4",
        note="Other scales do not train these networks. The paper's numbers are of the "
        "worst attack; that each of them is resisted is our reading.",
        comparisons=tuple(
            # The direction is the claim; paper: 6.8, 7.4 and 7.5 points of the worst.
            difference(
                (holdout, f"{attack}_to_{ensemble}"),
                (holdout, f"{attack}_to_{alone}"),
                at_least=0.0,
            )
            for alone, ensemble in (
                ("v3adv", "v3adv_ens3"),
                ("v3adv", "v3adv_ens4"),
                ("irv2adv", "irv2adv_ens"),
            )
            for holdout in presets.HOLDOUTS
            for attack in presets.BLACK_BOX
        ),
    ),
    Claim(
        name="an_ensemble_is_weaker_against_its_own_step",
        statement="Ensemble adversarial training raises the error under white-box "
        "Step-LL, of which it has seen only a share.",
        source="Sec. 4.2, Table 4",
        expected_at=(*BOTH, "digits"),
        note="Fewer such images are seen, whatever the network's size.",
        comparisons=tuple(
            # The direction is the claim; paper: +16.7 points.
            gain(alone, ensemble, "step_ll", at_least=0.0)
            for alone, ensemble in SEEDS.items()
        ),
        instead={"digits": (gain("v3adv", "v3adv_ens3", "step_ll", at_least=0.0),)},
    ),
    Claim(
        name="the_fewer_own_images_the_weaker",
        statement="The larger the share of static networks, the higher the error under "
        "white-box Step-LL.",
        source="Sec. 4.2, Table 4",
        note="Other scales do not train these networks.",
        comparisons=(
            # The direction is the claim; paper: +3.4, +13.3 and +4.6 points.
            gain("v3adv", "v3adv_ens3", "step_ll", at_least=0.0),
            gain("v3adv_ens3", "v3adv_ens4", "step_ll", at_least=0.0),
            gain("irv2adv", "irv2adv_ens", "step_ll", at_least=0.0),
        ),
    ),
    Claim(
        name="an_ensemble_costs_little_clean_accuracy",
        statement="Ensemble adversarial training is slightly less accurate on clean "
        "images than one-step adversarial training.",
        source="Sec. 4.2, Table 4",
        note="Networks that have not converged may differ for other reasons.",
        comparisons=tuple(
            # Paper: 1.6, 2.2 and 0.4 points; slightly is up to twice the most.
            gain(alone, ensemble, "clean", at_least=0.0, at_most=4.4)
            for alone, ensemble in (
                ("v3adv", "v3adv_ens3"),
                ("v3adv", "v3adv_ens4"),
                ("irv2adv", "irv2adv_ens"),
            )
        ),
    ),
    Claim(
        name="neither_resists_many_steps",
        statement="Neither one-step nor ensemble adversarial training resists Iter-LL "
        "on the network itself.",
        source="Sec. 4.2",
        expected_at=BOTH,
        note="Twenty steps leave a network little that has trained on one. A network "
        "of kurakin2017 at small was known to keep more than is asked here.",
        comparisons=tuple(
            # No number is given. Kurakin et al. leave v3adv 1.5 % (memory); ten is
            # the accuracy of a guess among ten classes.
            level(name, "iter_ll", at_most=10.0)
            for name in (*SEEDS, *SEEDS.values())
        ),
    ),
    Claim(
        name="defended_networks_make_weaker_attacks",
        statement="Attacks crafted on a network of one-step adversarial training are "
        "weaker even against networks without a defence.",
        source="Sec. 4.1, Table 1",
        expected_at=("paper", "digits"),
        note="It shows on digits once the one-step attack is learned, in a pilot with "
        "the seeds 1 and 2; how long that takes on larger images is open.",
        comparisons=(
            # The direction is the claim; paper: +8.1, +7.2, +5.7 and +7.0 points.
            *_make_weaker_attacks("v3", "v3adv", ("v4", "irv2")),
            *_make_weaker_attacks("irv2", "irv2adv", ("v4", "v3")),
        ),
        instead={
            "digits": _make_weaker_attacks("v3", "v3adv", ("v4", "resnet_50")),
        },
    ),
    Claim(
        name="one_step_training_masks_gradients",
        statement="After one-step adversarial training one step reaches less of the "
        "largest loss, in a direction that agrees less with that of many steps, though "
        "the gradient is larger.",
        source="Sec. 4",
        note=LEARNED,
        comparisons=(
            # The direction is the claim; paper: -0.12, -0.09, -0.11 and +0.07.
            *(
                difference(
                    (defended, "masking"),
                    (standard, "masking"),
                    metric="loss_share",
                    at_most=0.0,
                )
                for standard, defended in (("v3", "v3adv"), ("irv2", "irv2adv"))
            ),
            difference(
                ("v3adv", "masking"), ("v3", "masking"), metric="cosine", at_most=0.0
            ),
            difference(
                ("v3adv", "masking"),
                ("v3", "masking"),
                metric="gradient_norm",
                at_least=0.0,
            ),
        ),
    ),
    Claim(
        name="an_ensemble_masks_less",
        statement="Ensemble adversarial training masks gradients less: one step "
        "reaches more of the largest loss.",
        source="Sec. 4.2",
        note=LEARNED,
        comparisons=tuple(
            # The direction is the claim; paper: +0.06, +0.11 and +0.06.
            difference(
                (ensemble, "masking"),
                (alone, "masking"),
                metric="loss_share",
                at_least=0.0,
            )
            for alone, ensemble in (
                ("v3adv", "v3adv_ens3"),
                ("v3adv", "v3adv_ens4"),
                ("irv2adv", "irv2adv_ens"),
            )
        ),
    ),
)
