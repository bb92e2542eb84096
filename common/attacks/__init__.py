"""White-box attacks as frozen values: `attack(logits_fn, images, labels, seed=0)`."""

from common.attacks.fast_gradient import FastEntropy, FastGradL2, FastGradLinf
from common.attacks.gradient_sign import FGSM, FGSMPredicted, StepLL, StepRandom
from common.attacks.iterated import IterBasic, IterLL
from common.attacks.noise import RandomSign, RandomTruncatedNormal
from common.attacks.pgd import PGD

__all__ = [
    "FGSM",
    "PGD",
    "FGSMPredicted",
    "FastEntropy",
    "FastGradL2",
    "FastGradLinf",
    "IterBasic",
    "IterLL",
    "RandomSign",
    "RandomTruncatedNormal",
    "StepLL",
    "StepRandom",
]
