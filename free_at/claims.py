"""The Free paper's qualitative statements, as checks with margins fixed beforehand.

Accuracies are compared in points of percent, on the same test images. The difference
that the paper reports stands beside each margin. Free m=10 is trained at scale `paper`
alone, so it has a claim of its own, and every scale answers the same question in the
others on CIFAR-10; those on CIFAR-100 and ImageNet are of scale `paper` alone.

Scale `small` judges every claim about accuracy on CIFAR-10, except that of m=10, which
it does not train, and one of ours in place of that which compares with 7-PGD at eight
times the passes. Networks of two seeds are compared in every pair. Times are those of
seed `TIMED`, whose networks were trained one after the other; those of seed 0 shared
the machine. Three claims are expected at scale `digits`.
"""

from __future__ import annotations

from itertools import pairwise

from common.results.claims import Claim
from common.results.margins import Comparison, difference, gain, time_ratio
from common.seeds import of_seed
from free_at import presets

NATURAL, PGD_7 = "cifar10_natural", "cifar10_pgd_7"
FREE_2, FREE_4, FREE_8 = "cifar10_free_2", "cifar10_free_4", "cifar10_free_8"
FREE_10 = "cifar10_free_10"
BOTH = {"small": presets.SMALL_SEEDS}
TIMED = 1
README = "author README, table CIFAR-10"
FIGURE = "authors' figure of ResNet-50 on ImageNet"


def imagenet(num_replays: int, epsilon: int, evaluation: str = "") -> tuple[str, str]:
    """Returns a ResNet-50 and an evaluation of it, PGD-50 at its epsilon by default."""
    name = f"imagenet_free_{num_replays}_eps{epsilon}"
    return name, evaluation or f"pgd_50_eps{epsilon}"


def _little(points: float) -> tuple[Comparison, ...]:
    return tuple(
        difference((FREE_8, "pgd_20"), (FREE_8, stronger), at_most=points)
        for stronger in ("pgd_100", "pgd_20_restarts_10")
    )


def _no_longer(seed: int) -> tuple[Comparison, ...]:
    # Paper: at most 1.05. 1.25 leaves room for the gradient of the first convolution's
    # input, and for timer noise.
    natural, *free = (of_seed(n, seed) for n in (NATURAL, FREE_2, FREE_4, FREE_8))
    return tuple(time_ratio(name, natural, at_most=1.25) for name in free)


CLAIMS = (
    Claim(
        name="clean_falls_with_replays",
        statement="At equal updates, clean accuracy falls as m grows.",
        expected_at=("paper", "small"),
        source=README,
        # The direction is the claim, so no margin; paper: 3.56, 3.62, 1.87 points.
        comparisons=(
            gain(NATURAL, FREE_2, "clean", at_least=0.0),
            gain(FREE_2, FREE_4, "clean", at_least=0.0),
            gain(FREE_4, FREE_8, "clean", at_least=0.0),
        ),
        every_seed=BOTH,
    ),
    Claim(
        name="robustness_rises_with_replays",
        statement="Accuracy under PGD-20 rises with m, from 2 to 4 to 8.",
        expected_at=("paper", "small"),
        source="memory, table CIFAR-10; the same with PGD-100 in the author README",
        # The direction is the claim, so no margin; paper: 7.23 and 5.67 points.
        comparisons=(
            gain(FREE_4, FREE_2, "pgd_20", at_least=0.0),
            gain(FREE_8, FREE_4, "pgd_20", at_least=0.0),
        ),
        every_seed=BOTH,
    ),
    Claim(
        name="free_training_gives_robustness",
        statement="Free training makes a network far more robust than natural "
        "training, for every m.",
        expected_at=("paper", "small", "digits"),
        source="memory, table CIFAR-10; the same with PGD-100 in the author README",
        comparisons=tuple(
            # Paper: 33.92, 41.15 and 46.82 points. Half of the least. On digits a
            # pilot with the seeds 1 and 2 had 34 points or more; seed 0 is judged.
            gain(free, NATURAL, "pgd_20", at_least=17.0)
            for free in (FREE_2, FREE_4, FREE_8)
        ),
        every_seed=BOTH,
    ),
    Claim(
        name="replays_cost_no_time",
        statement="Free training takes as long as natural training, for every m.",
        expected_at=("paper", "small"),
        source=README,
        comparisons=_no_longer(seed=0),
        instead={"small": _no_longer(seed=TIMED)},
    ),
    Claim(
        name="free_matches_pgd_7",
        statement="Free m=8 is as robust as 7-PGD training at a fraction of its time.",
        source="memory for PGD-20, author README for the time, table CIFAR-10",
        comparisons=(
            # Paper: +0.98. One point below still is "as robust": seeds differ by that.
            gain(FREE_8, PGD_7, "pgd_20", at_least=-1.0),
            # Paper: 6.9, and 7 to 30 times in the abstract, which speaks of all others'
            # training. 7-PGD needs 8 passes for 1; an attack pass skips the weight
            # gradients, a third of a pass's work, so half of 8 is safe to ask.
            time_ratio(PGD_7, FREE_8, at_least=4.0),
        ),
    ),
    Claim(
        name="free_matches_pgd_7_of_equal_passes",
        statement="With as many images and backward passes, Free m=8 is as robust "
        "under PGD-20 as 7-PGD training.",
        expected_at=("small",),
        source="ours; the paper has eight times as many passes in 7-PGD",
        # The margin of the claim before, which asks for more.
        comparisons=(gain(FREE_8, f"{PGD_7}_short", "pgd_20", at_least=-1.0),),
        every_seed=BOTH,
    ),
    Claim(
        name="no_gradient_masking",
        statement="More steps or restarts take little from Free m=8.",
        expected_at=("paper", "small", "digits"),
        source="memory for PGD-20, author README for the rest, table CIFAR-10",
        # Paper: 0.63 and 0.49 points, at other m up to 0.80; 1.5 is about twice that,
        # for networks whose rates, and with them their spread, differ.
        comparisons=_little(1.5),
        # On digits the seeds 1 to 3 lost 3.2 points or less to restarts; about twice.
        instead={"digits": _little(6.0)},
        every_seed=BOTH,
    ),
    Claim(
        name="margin_loss_is_not_stronger",
        statement="The CW loss finds no more errors of Free m=8 than cross-entropy.",
        expected_at=("paper", "small", "digits"),
        source=README,
        # Paper: +0.41. One point is twice that, with the sign reversed.
        comparisons=(
            difference((FREE_8, "cw_100"), (FREE_8, "pgd_100"), at_least=-1.0),
        ),
        every_seed=BOTH,
    ),
    Claim(
        name="eight_replays_are_enough",
        statement="Ten replays give no more robustness than eight, and less accuracy "
        "on clean images.",
        source=README,
        comparisons=(
            # Paper: -0.40. One point up still is "no more": seeds differ by that.
            gain(FREE_10, FREE_8, "pgd_100", at_most=1.0),
            # The direction is the claim, so no margin; paper: 2.02 points.
            gain(FREE_8, FREE_10, "clean", at_least=0.0),
        ),
    ),
    Claim(
        name="free_beats_pgd_7_on_cifar100",
        statement="On CIFAR-100, Free m=8 is more accurate than 7-PGD training, on "
        "clean images and under PGD-100.",
        source="author README, table CIFAR-100",
        # The direction is the claim, so no margin; paper: 2.26 and 3.06 points.
        comparisons=tuple(
            gain("cifar100_free_8", "cifar100_pgd_7", name, at_least=0.0)
            for name in ("clean", "pgd_100")
        ),
    ),
    Claim(
        name="four_replays_are_best_on_imagenet",
        statement="On ImageNet at epsilon 2, Free m=4 is the most robust.",
        source=FIGURE,
        # The direction is the claim, so no margin; paper: 7.04, 1.53 and 3.37 points.
        comparisons=tuple(
            difference(imagenet(4, 2), imagenet(num_replays, 2), at_least=0.0)
            for num_replays in (2, 6, 8)
        ),
    ),
    Claim(
        name="epsilon_costs_accuracy",
        statement="On ImageNet, a larger epsilon costs Free m=4 accuracy, on clean "
        "images and under attack.",
        source=FIGURE,
        # The direction is the claim; paper, clean: 4.3, 6.4; PGD-50: 11.5, 15.1.
        comparisons=tuple(
            difference(imagenet(4, low, name), imagenet(4, high, name), at_least=0.0)
            for name in ("clean", "")
            for low, high in ((2, 4), (4, 7))
        ),
    ),
    Claim(
        name="two_replays_collapse",
        statement="On ImageNet at epsilon 7, Free m=4 is far more robust than m=2.",
        source=FIGURE,
        # Paper: 16.7 points, m=2 being at 0.0; more than half of them.
        comparisons=(difference(imagenet(4, 7), imagenet(2, 7), at_least=10.0),),
    ),
    Claim(
        name="depth_raises_both",
        statement="On ImageNet, deeper networks are more accurate after Free training, "
        "on clean images and under attack.",
        source="memory, table of deeper networks",
        # The direction is the claim; paper, clean: 3.1, 1.1; PGD-50: 2.6, 1.6. The
        # clean accuracy of ResNet-152 may be a mix-up, see BUILD_NOTES.md.
        comparisons=tuple(
            gain(deeper, network, name, at_least=0.0)
            for name in ("clean", "pgd_50_eps4")
            for network, deeper in pairwise(
                (
                    "imagenet_free_4_eps4",
                    "imagenet_resnet101_free_4_eps4",
                    "imagenet_resnet152_free_4_eps4",
                )
            )
        ),
    ),
    Claim(
        name="pgd_2_is_ahead_on_imagenet",
        statement="On ImageNet, 2-PGD training is more accurate than Free m=4, on "
        "clean images and under attack, and takes more than twice as long.",
        source="memory, table of Free and 2-PGD",
        comparisons=(
            # The direction is the claim; paper: 3.9 and 4.5 points.
            *(
                gain("imagenet_pgd_2_eps4", "imagenet_free_4_eps4", name, at_least=0.0)
                for name in ("clean", "pgd_50_eps4")
            ),
            # Paper: 3.46. Passes: 3 for each of 1.
            time_ratio("imagenet_pgd_2_eps4", "imagenet_free_4_eps4", at_least=2.0),
        ),
    ),
)
