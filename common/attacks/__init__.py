"""White-box attacks as frozen values: `attack(logits_fn, images, labels, seed=0)`.

An attack is built of parts, each a module here. For example, PGD starts at a random
point of the ball, takes steps along the sign of the gradient, and is projected back:

    pgd = PGD(epsilon=8.0, step_size=2.0, num_steps=20)  # pixels of 255
    adv_images = pgd(lambda images: network(images, training=False), images, labels)

The parts, by kind:

  attack: the base class, which says what every attack offers; `checks` refuses what
    does not fit.
  losses, cost, objective: what is ascended, at which class.
  starts: where an attack begins.
  steps: the change of the images that follows from a gradient.
  projections: back into the ball, and into [0, 255].
  ascent: the one loop, and the one step of attacks that take no more.

The attacks that are made of them are in `gradient_sign`, `fast_gradient` and `noise`
(one step), and in `iterated` and `pgd` (many steps).
"""

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
