"""The qualitative statements of Xie and Yuille (2020), with margins fixed beforehand.

Accuracies are compared in points of percent, on the same test images. What the paper
reports stands beside each margin, as accuracy under so many steps. A claim says at
which scales the paper's effect is expected, and why; elsewhere it is not judged.
"""

from __future__ import annotations

from itertools import pairwise

from common.results.claims import Claim
from common.results.margins import (
    Comparison,
    difference,
    difference_of_differences,
    gain,
)
from intriguing_at import presets

# The strong attack is of 500 steps: scale `small` can pay for them, and the paper
# prints its three strategies there. What only scale `paper` trains is judged at its
# 2000. On digits 100 find what 500 do.
STRONG, STRONGEST, ON_DIGITS = "pgd_500", "pgd_2000", "pgd_100"
MBN_ADV = "_mbn_adv"  # through the batch norm for adversarial images
ADVERSARIAL, MIXED, MBN = "adversarial", "mixed", "mbn"
EFFICIENTNETS = tuple(f"efficientnet_{size}" for size in presets.JOINT_SIZES)
RESNETS = tuple(f"resnet_{depth}" for depth in presets.ADVPROP_DEPTHS)
SIZE = "What many steps find beyond few depends on the size of images and network."
ANY_SIZE = "No part of the statement depends on size."
CAPACITY = "A small network has little room to serve two domains with the same filters."
ONE_SCALE = "Other scales do not train these networks."
OVER = {"small": presets.SMALL_SEEDS}


def _more_robust(recipe: str, over: str, under: str = STRONG) -> tuple[Comparison, ...]:
    # The direction is the claim.
    return (gain(recipe, over, under, at_least=0.0),)


def _mixture_recovers(under: str = STRONG) -> tuple[Comparison, ...]:
    # The direction is the claim; paper: +17.4 under 2000 steps.
    mixture = (MBN, f"{under}{MBN_ADV}")
    return (difference(mixture, (MIXED, under), at_least=0.0),)


def _each_serves(under: str = STRONG) -> tuple[Comparison, ...]:
    # The direction is the claim: no number is given.
    clean, attacked = (
        ((MBN, name), (MBN, f"{name}{MBN_ADV}")) for name in ("clean", under)
    )
    return (
        difference(*clean, at_least=0.0),
        difference(*reversed(attacked), at_least=0.0),
    )


CLAIMS = (
    Claim(
        name="few_steps_reverse_the_order",
        statement="With one batch norm, training on clean images too looks better "
        "under ten steps of the attack, and is far worse under many.",
        source="iterations figure",
        note=SIZE,
        comparisons=(
            # The direction is the claim; paper: +3.8.
            gain(MIXED, ADVERSARIAL, "pgd_10", at_least=0.0),
            # Paper: +13.0; half of it is "far".
            gain(ADVERSARIAL, MIXED, STRONG, at_least=6.5),
        ),
    ),
    Claim(
        name="adversarial_training_levels_off",
        statement="Trained on adversarial images alone, a network loses little to more "
        "steps.",
        source="iterations figure",
        note=f"{SIZE} In small networks 500 steps take nothing that 100 have left, "
        "however they are trained, so that the claim could not fail there.",
        comparisons=(
            # Paper: 2.1 and 0.4. About twice that, for networks of other accuracies.
            difference((ADVERSARIAL, "pgd_100"), (ADVERSARIAL, STRONG), at_most=4.0),
            difference((ADVERSARIAL, STRONG), (ADVERSARIAL, STRONGEST), at_most=0.8),
        ),
    ),
    Claim(
        name="mixed_training_keeps_falling",
        statement="With one batch norm, a network that is trained on clean images too "
        "loses more to more steps.",
        source="iterations figure",
        note=SIZE,
        comparisons=(
            # The direction is the claim; paper: 9.0 - 2.1 and 5.7 - 0.4.
            *(
                difference_of_differences(
                    ((MIXED, fewer), (MIXED, more)),
                    ((ADVERSARIAL, fewer), (ADVERSARIAL, more)),
                    at_least=0.0,
                )
                for fewer, more in (("pgd_100", STRONG), (STRONG, STRONGEST))
            ),
        ),
    ),
    Claim(
        name="removing_clean_images_raises_robustness",
        statement="With one batch norm, training on adversarial images alone is more "
        "robust than training on clean images too.",
        source="abstract; Figure 1 and iterations figure",
        expected_at=("paper", "small", "digits"),
        note=ANY_SIZE,
        # Paper: +13.0, and +18.3 under 2000 steps.
        comparisons=_more_robust(ADVERSARIAL, MIXED),
        instead={"digits": _more_robust(ADVERSARIAL, MIXED, ON_DIGITS)},
        seeds=OVER,
    ),
    Claim(
        name="removing_clean_images_beats_pairing",
        statement="Removing clean images is worth more than pairing their logits with "
        "those of adversarial ones.",
        source="iterations figure",
        expected_at=("paper", "small"),
        note="No part of the statement depends on size; digits have no pairing.",
        # Paper: +12.3, and +16.2 under 2000 steps.
        comparisons=_more_robust(ADVERSARIAL, "mixed_alp"),
        seeds=OVER,
    ),
    Claim(
        name="pairing_helps_with_one_batch_norm",
        statement="With one batch norm, pairing of logits raises the robustness of "
        "mixed training.",
        source="iterations figure",
        expected_at=("paper", "small"),
        note="No part of the statement depends on size. The paper has it under 2,000 "
        "steps, scale small has 500.",
        comparisons=(
            # The direction is the claim; paper: +2.1.
            gain("mixed_alp", MIXED, STRONGEST, at_least=0.0),
        ),
        instead={"small": _more_robust("mixed_alp", MIXED)},
        seeds=OVER,
    ),
    Claim(
        name="a_fifth_of_clean_images_costs_robustness",
        statement="Even 20 % of the clean images cost robustness.",
        source="Figure 1",
        expected_at=("paper", "small"),
        note="No part of the statement depends on size; digits are too few to tell.",
        # Paper: +7.1 under 2000 steps.
        comparisons=_more_robust(ADVERSARIAL, "share_20"),
        seeds=OVER,
    ),
    Claim(
        name="clean_share_is_not_monotone",
        statement="Robustness does not fall steadily with the share of clean images: "
        "60 % are worse than 40 % and than all of them.",
        source="Figure 1",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; paper: +13.8 and +5.6.
            gain("share_40", "share_60", STRONGEST, at_least=0.0),
            gain(MIXED, "share_60", STRONGEST, at_least=0.0),
        ),
    ),
    Claim(
        name="mixture_recovers_robustness",
        statement="With a batch norm for each kind of image, mixed training is more "
        "robust than with one for both.",
        source="abstract; MBN table and Figure 1",
        expected_at=("paper", "small", "digits"),
        note=ANY_SIZE,
        comparisons=_mixture_recovers(),
        instead={"digits": _mixture_recovers(ON_DIGITS)},
        seeds=OVER,
    ),
    Claim(
        name="mixture_matches_both_specialists",
        statement="With a batch norm for each kind of image, one network is nearly as "
        "robust as if trained on adversarial images alone, and on clean images no "
        "worse than if trained on those alone.",
        source="MBN table",
        note=CAPACITY,
        comparisons=(
            # Paper: -0.9 under 2000 steps; about twice that.
            difference(
                (MBN, f"{STRONG}{MBN_ADV}"), (ADVERSARIAL, STRONG), at_least=-2.0
            ),
            # Paper: +0.4. Half a point below still is no worse: seeds differ by that.
            gain(MBN, "clean", "clean", at_least=-0.5),
        ),
    ),
    Claim(
        name="each_branch_serves_its_images",
        statement="The batch norm for clean images is the better one on those, and the "
        "one for adversarial images under attack.",
        source="README of a public port of AdvProp, for clean images; else ours",
        expected_at=("paper", "small", "digits"),
        note=ANY_SIZE,
        comparisons=_each_serves(),
        instead={"digits": _each_serves(ON_DIGITS)},
        seeds=OVER,
    ),
    Claim(
        name="pairing_hurts_with_mixture",
        statement="With a batch norm for each kind of image, pairing of logits lowers "
        "both accuracies.",
        source="MBN table",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; paper: -0.9 and -3.0.
            gain("mbn_alp", MBN, "clean", at_most=0.0),
            gain("mbn_alp", MBN, f"{STRONGEST}{MBN_ADV}", at_most=0.0),
        ),
    ),
    Claim(
        name="consistent_batch_norm_raises_robustness",
        statement="Batch norm that trains as it tests, at the end, raises robustness.",
        source="abstract; MBN table and depth figure",
        note="Short runs move little in their last tenth, at the lowest rate, and 128 "
        "images estimate the statistics better than the paper's 32.",
        comparisons=(
            # The direction is the claim; paper: +3.0 under 2000 steps.
            gain("consistent", ADVERSARIAL, STRONG, at_least=0.0),
        ),
    ),
    Claim(
        name="group_norm_takes_mixed_training",
        statement="With group norm, which knows no batch, mixed training is more "
        "robust than with one batch norm.",
        source="our reading of a summary, which says that it works",
        note="Small networks learn more slowly with group norm, whatever the images.",
        comparisons=(
            # The direction is the claim: no number is known.
            gain("mixed_group", MIXED, STRONG, at_least=0.0),
        ),
    ),
    Claim(
        name="clean_images_cost_less_with_group_norm",
        statement="Clean images in training cost less robustness with group norm than "
        "with one batch norm.",
        source="our reading of a summary, which says that it works",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim: no number is known.
            difference_of_differences(
                (("adversarial_group", STRONG), ("mixed_group", STRONG)),
                ((ADVERSARIAL, STRONG), (MIXED, STRONG)),
                at_most=0.0,
            ),
        ),
    ),
    Claim(
        name="affine_sets_matter_more_than_statistics",
        statement="Of mixture batch norm, the two sets of factors and offsets matter "
        "more for robustness than the two sets of statistics.",
        source="a later paper on two batch norms, by its abstract",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim: no number is known.
            gain(
                "mbn_shared_statistics",
                "mbn_shared_affine",
                f"{STRONG}{MBN_ADV}",
                at_least=0.0,
            ),
        ),
    ),
    Claim(
        name="depth_pays_under_attack",
        statement="Deeper networks are steadily and much more robust.",
        source="abstract; depth figure",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; paper: +1.6, +0.8, +1.6 and +0.5.
            *(
                gain(deep, shallow, STRONGEST, at_least=0.0)
                for shallow, deep in pairwise(f"consistent_{d}" for d in presets.DEPTHS)
            ),
            # Paper: +4.5; half of it is "much".
            gain("consistent_638", "consistent_152", STRONGEST, at_least=2.2),
        ),
    ),
    Claim(
        name="depth_hardly_pays_on_clean_images",
        statement="Trained on clean images, deeper networks gain little, less than "
        "under attack, and in the end nothing.",
        source="abstract; depth figure",
        note=ONE_SCALE,
        comparisons=(
            # Paper: +0.7, which is half of this.
            gain("clean_638", "clean_152", "clean", at_most=1.4),
            # Paper: -0.1. Half a point more is nothing: seeds differ by that.
            gain("clean_638", "clean_518", "clean", at_most=0.5),
            # The direction is the claim; paper: 4.5 - 0.7.
            difference_of_differences(
                (("consistent_638", STRONGEST), ("consistent_152", STRONGEST)),
                (("clean_638", "clean"), ("clean_152", "clean")),
                at_least=0.0,
            ),
        ),
    ),
    Claim(
        name="advprop_raises_clean_accuracy",
        statement="With a batch norm for each kind of image, adversarial images beside "
        "the clean ones raise the clean accuracy of EfficientNets.",
        source="AdvProp, abstract; the author's talk",
        note=ONE_SCALE,
        comparisons=tuple(
            # The direction is the claim; reported, both with AutoAugment: +0.3, +0.4,
            # +0.2, +0.2, +0.3, +0.6, +0.6 and +0.7, the last in the abstract as well.
            gain(f"advprop_{name}", name, "clean", at_least=0.0)
            for name in EFFICIENTNETS
        ),
    ),
    Claim(
        name="advprop_raises_clean_accuracy_of_resnets",
        statement="With a batch norm for each kind of image, adversarial images beside "
        "the clean ones raise the clean accuracy of ResNets.",
        source="AdvProp, the author's talk",
        note=ONE_SCALE,
        comparisons=tuple(
            # The direction is the claim; reported: +0.4, +0.6, +0.8 and +0.8.
            gain(f"advprop_{name}", name, "clean", at_least=0.0)
            for name in RESNETS
        ),
    ),
    Claim(
        name="advprop_beats_one_batch_norm",
        statement="Against the same attacker, a batch norm for each kind of image is "
        "worth more on clean images than one for both.",
        source="AdvProp, the author's talk",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; reported, with AutoAugment: +0.9, +0.5, +0.6,
            # +0.5, +0.4, +0.5, +0.3 and +0.1; ResNets: +3.6, +2.4, +2.8 and +2.2.
            *(
                gain(
                    f"advprop_efficientnet_{size}{strong}",
                    f"joint_efficientnet_{size}",
                    "clean",
                    at_least=0.0,
                )
                for size in presets.JOINT_SIZES
                for strong in ["_strong" if size in presets.WEAKLY_ATTACKED else ""]
            ),
            *(
                gain(f"advprop_{name}", f"joint_{name}", "clean", at_least=0.0)
                for name in RESNETS
            ),
        ),
    ),
    Claim(
        name="advprop_pays_with_size",
        statement="AdvProp gains more on a large EfficientNet than on a small one.",
        source="AdvProp, abstract; the author's talk",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; reported, all with AutoAugment: 0.7 - 0.3.
            difference_of_differences(
                (("advprop_efficientnet_b7", "clean"), ("efficientnet_b7", "clean")),
                (("advprop_efficientnet_b0", "clean"), ("efficientnet_b0", "clean")),
                at_least=0.0,
            ),
        ),
    ),
)
