"""The qualitative statements of Xie and Yuille (2020), with margins fixed beforehand.

Accuracies are compared in points of percent, on the same test images. What the paper
reports stands beside each margin, as accuracy under so many steps. A claim says at
which scales the paper's effect is expected, and why; elsewhere it is judged all the
same, and does not count as outside.
"""

from __future__ import annotations

from common.results.claims import Claim, Difference, DifferenceOfDifferences
from intriguing_at import presets

difference = Difference.of  # two sides such as `mixed clean`

# The strong attack is of 500 steps: every scale can pay for them, and the paper prints
# its three strategies there. What only scale `paper` trains is judged at its 2000.
STRONG, STRONGEST = "pgd_500", "pgd_2000"
MBN_ADV = "_mbn_adv"
ADVERSARIAL, MIXED, MBN = "adversarial", "mixed", "mbn"
RESNETS = tuple(f"resnet_{depth}" for depth in presets.ADVPROP_DEPTHS)
SIZE = "What many steps find beyond few depends on the size of images and network."
ANY_SIZE = "No part of the statement depends on size."
CAPACITY = "A small network has little room to serve two domains with the same filters."
ONE_SCALE = "Other scales do not train these networks."


def fall(name: str, since: str, until: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Returns a side of `DifferenceOfDifferences`: what more steps cost a network."""
    return (name, since), (name, until)


CLAIMS = (
    Claim(
        name="few_steps_reverse_the_order",
        statement="With one batch norm, training on clean images too looks better "
        "under ten steps of the attack, and is far worse under many.",
        source="iterations figure",
        note=SIZE,
        comparisons=(
            # The direction is the claim; paper: +3.8.
            difference(f"{MIXED} pgd_10", f"{ADVERSARIAL} pgd_10", at_least=0.0),
            # Paper: +13.0; half of it is "far".
            difference(f"{ADVERSARIAL} {STRONG}", f"{MIXED} {STRONG}", at_least=6.5),
        ),
    ),
    Claim(
        name="adversarial_training_levels_off",
        statement="Trained on adversarial images alone, a network loses little to more "
        "steps.",
        source="iterations figure",
        expected_at=("paper", "small", "digits"),
        note=ANY_SIZE,
        comparisons=(
            # Paper: 2.1. About twice that, for networks of other accuracies.
            difference(
                f"{ADVERSARIAL} pgd_100", f"{ADVERSARIAL} {STRONG}", at_most=4.0
            ),
        ),
    ),
    Claim(
        name="mixed_training_keeps_falling",
        statement="With one batch norm, a network that is trained on clean images too "
        "loses more to more steps.",
        source="iterations figure",
        note=SIZE,
        comparisons=(
            # The direction is the claim; paper: 9.0 - 2.1.
            DifferenceOfDifferences(
                fall(MIXED, "pgd_100", STRONG),
                fall(ADVERSARIAL, "pgd_100", STRONG),
                at_least=0.0,
            ),
        ),
    ),
    Claim(
        name="removing_clean_images_raises_robustness",
        statement="With one batch norm, training on adversarial images alone is more "
        "robust than training on clean images too.",
        source="abstract; Figure 1 and iterations figure",
        expected_at=("paper", "small"),
        note="No part of the statement depends on size; digits are too few to tell.",
        comparisons=(
            # The direction is the claim; paper: +13.0, and +18.3 under 2000 steps.
            difference(f"{ADVERSARIAL} {STRONG}", f"{MIXED} {STRONG}", at_least=0.0),
        ),
    ),
    Claim(
        name="removing_clean_images_beats_pairing",
        statement="Removing clean images is worth more than pairing their logits with "
        "those of adversarial ones.",
        source="iterations figure",
        note="What pairing is worth depends on its weight and on the number of logits.",
        comparisons=(
            # The direction is the claim; paper: +12.3, and +16.2 under 2000 steps.
            difference(f"{ADVERSARIAL} {STRONG}", f"mixed_alp {STRONG}", at_least=0.0),
        ),
    ),
    Claim(
        name="pairing_helps_with_one_batch_norm",
        statement="With one batch norm, pairing of logits raises the robustness of "
        "mixed training.",
        source="iterations figure",
        note="Judged under 2,000 steps, which other scales do not have.",
        comparisons=(
            # The direction is the claim; paper: +2.1.
            difference(f"mixed_alp {STRONGEST}", f"{MIXED} {STRONGEST}", at_least=0.0),
        ),
    ),
    Claim(
        name="a_fifth_of_clean_images_costs_robustness",
        statement="Even 20 % of the clean images cost robustness.",
        source="Figure 1",
        expected_at=("paper", "small"),
        note="No part of the statement depends on size; digits are too few to tell.",
        comparisons=(
            # The direction is the claim; paper: +7.1 under 2000 steps.
            difference(f"{ADVERSARIAL} {STRONG}", f"share_20 {STRONG}", at_least=0.0),
        ),
    ),
    Claim(
        name="clean_share_is_not_monotone",
        statement="Robustness does not fall steadily with the share of clean images: "
        "60 % are worse than 40 % and than all of them.",
        source="Figure 1",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; paper: +13.8 and +5.6.
            difference(f"share_40 {STRONGEST}", f"share_60 {STRONGEST}", at_least=0.0),
            difference(f"{MIXED} {STRONGEST}", f"share_60 {STRONGEST}", at_least=0.0),
        ),
    ),
    Claim(
        name="mixture_recovers_robustness",
        statement="With a batch norm for each kind of image, mixed training is more "
        "robust than with one for both.",
        source="abstract; MBN table and Figure 1",
        expected_at=("paper", "small"),
        note="No part of the statement depends on size; digits are too few to tell.",
        comparisons=(
            # The direction is the claim; paper: +17.4 under 2000 steps.
            difference(f"{MBN} {STRONG}{MBN_ADV}", f"{MIXED} {STRONG}", at_least=0.0),
        ),
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
                f"{MBN} {STRONG}{MBN_ADV}", f"{ADVERSARIAL} {STRONG}", at_least=-2.0
            ),
            # Paper: +0.4. Half a point below still is no worse: seeds differ by that.
            difference(f"{MBN} clean", "clean clean", at_least=-0.5),
        ),
    ),
    Claim(
        name="each_branch_serves_its_images",
        statement="The batch norm for clean images is the better one on those, and the "
        "one for adversarial images under attack.",
        source="README of a public port of AdvProp, for clean images",
        expected_at=("paper", "small", "digits"),
        note=ANY_SIZE,
        comparisons=(
            # The direction is the claim: no number is given.
            difference(f"{MBN} clean", f"{MBN} clean{MBN_ADV}", at_least=0.0),
            difference(f"{MBN} {STRONG}{MBN_ADV}", f"{MBN} {STRONG}", at_least=0.0),
        ),
    ),
    Claim(
        name="pairing_hurts_with_mixture",
        statement="With a batch norm for each kind of image, pairing of logits lowers "
        "both accuracies.",
        source="MBN table",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim; paper: -0.9 and -3.0.
            difference("mbn_alp clean", f"{MBN} clean", at_most=0.0),
            difference(
                f"mbn_alp {STRONGEST}{MBN_ADV}",
                f"{MBN} {STRONGEST}{MBN_ADV}",
                at_most=0.0,
            ),
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
            difference(f"consistent {STRONG}", f"{ADVERSARIAL} {STRONG}", at_least=0.0),
        ),
    ),
    Claim(
        name="group_norm_takes_mixed_training",
        statement="With group norm, which knows no batch, mixed training is more "
        "robust than with one batch norm.",
        source="a summary of the paper",
        note="Small networks learn more slowly with group norm, whatever the images.",
        comparisons=(
            # The direction is the claim: no number is known.
            difference(f"mixed_group {STRONG}", f"{MIXED} {STRONG}", at_least=0.0),
        ),
    ),
    Claim(
        name="clean_images_cost_less_with_group_norm",
        statement="Clean images in training cost less robustness with group norm than "
        "with one batch norm.",
        source="a summary of the paper",
        note=ONE_SCALE,
        comparisons=(
            # The direction is the claim: no number is known.
            DifferenceOfDifferences(
                (("adversarial_group", STRONG), ("mixed_group", STRONG)),
                ((ADVERSARIAL, STRONG), (MIXED, STRONG)),
                at_most=0.0,
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
                difference(
                    f"consistent_{deep} {STRONGEST}",
                    f"consistent_{shallow} {STRONGEST}",
                    at_least=0.0,
                )
                for shallow, deep in zip(
                    presets.DEPTHS[:-1], presets.DEPTHS[1:], strict=True
                )
            ),
            # Paper: +4.5; half of it is "much".
            difference(
                f"consistent_638 {STRONGEST}",
                f"consistent_152 {STRONGEST}",
                at_least=2.2,
            ),
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
            difference("clean_638 clean", "clean_152 clean", at_most=1.4),
            # Paper: -0.1. Half a point more is nothing: seeds differ by that.
            difference("clean_638 clean", "clean_518 clean", at_most=0.5),
            # The direction is the claim; paper: 4.5 - 0.7.
            DifferenceOfDifferences(
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
            difference(f"advprop_{name} clean", f"{name} clean", at_least=0.0)
            for name in (f"efficientnet_{size}" for size in presets.JOINT_SIZES)
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
            difference(f"advprop_{name} clean", f"{name} clean", at_least=0.0)
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
                difference(
                    f"advprop_efficientnet_{size}{strong} clean",
                    f"joint_efficientnet_{size} clean",
                    at_least=0.0,
                )
                for size in presets.JOINT_SIZES
                for strong in ["_strong" if size in presets.WEAKLY_ATTACKED else ""]
            ),
            *(
                difference(f"advprop_{name} clean", f"joint_{name} clean", at_least=0.0)
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
            DifferenceOfDifferences(
                (("advprop_efficientnet_b7", "clean"), ("efficientnet_b7", "clean")),
                (("advprop_efficientnet_b0", "clean"), ("efficientnet_b0", "clean")),
                at_least=0.0,
            ),
        ),
    ),
)
