"""White-box attacks as frozen values: `attack(logits_fn, images, labels, seed=0)`."""

from common.attacks.gradient_sign import FGSM, IterBasic
from common.attacks.pgd import PGD

__all__ = ["FGSM", "PGD", "IterBasic"]
