"""White-box attacks as frozen values: `attack(logits_fn, images, labels, seed=0)`.

An attack is built of parts, each a module here. For example, PGD starts at a random
point of the ball, takes steps along the sign of the gradient, and is projected back:

    pgd = PGD(epsilon=8.0, step_size=2.0, num_steps=20)  # pixels of 255
    adv_images = pgd(lambda images: network(images, training=False), images, labels)

Every attack keeps the contract of `attack.Attack`. Its `rounds` say how many restarts
it has, and how many steps each of them takes. A restart calls `start` once, and then
`proceed`, which takes steps up the function that `ascended` returns. At its end,
`judged` returns the adversarial images. A call runs all restarts. An evaluation does
the same, and drops an image once the attack has reached its goal.

The parts, by kind:

  attack: the contract; `checks` refuses what does not fit.
  losses, cost, objective: what is ascended, at which class.
  starts: where an attack begins.
  steps, halving: the change of the images that follows from a gradient, and step sizes
    that each image halves for itself.
  memory: the iterates that have fooled the network.
  projections: back into the ball, into [0, 255], and onto hyperplanes.
  ascent: the one loop over steps, and `Ascent`, the attack that takes them.
  adapted: what else is evaluated as an attack: clean images, and any function.

The attacks that are made of them are in `gradient_sign`, `random_step`,
`fast_gradient` and `noise` (one step or none), in `iterated`, `pgd`, `apgd`,
`multi_targeted`, `fab` and `square` (many), and in `worst` and `ensembles` (several
attacks). A new one takes the parts that it needs, and says the rest:

>>> import dataclasses
>>> from common.attacks import ascent, attack, objective, starts
>>> @dataclasses.dataclass(frozen=True)
... class NoisyMargin(ascent.Ascent):
...     step_size: float
...     num_steps: int
...
...     @property
...     def rounds(self):
...         return attack.Rounds(self.num_steps)
...
...     @property
...     def length(self):
...         return self.step_size
...
...     def start(self, problem):
...         noise = starts.random_sign(problem.images, self.epsilon, problem.seed)
...         return self.project(problem.images)(problem.images + noise)
...
...     def ascended(self, problem):
...         return objective.objective(problem, loss="margin")
>>> NoisyMargin(epsilon=8.0, step_size=2.0, num_steps=10)
NoisyMargin(epsilon=8.0, step_size=2.0, num_steps=10)
"""

from common.attacks.apgd import APGD
from common.attacks.ensembles import autoattack
from common.attacks.fab import FAB
from common.attacks.fast_gradient import FastEntropy, FastGradL2, FastGradLinf
from common.attacks.gradient_sign import FGSM, FGSMPredicted, StepLL, StepRandom
from common.attacks.iterated import IterBasic, IterLL
from common.attacks.multi_targeted import MultiTargeted
from common.attacks.noise import RandomSign, RandomTruncatedNormal
from common.attacks.pgd import PGD
from common.attacks.random_step import RStepLL
from common.attacks.square import Square
from common.attacks.worst import Worst

__all__ = [
    "APGD",
    "FAB",
    "FGSM",
    "PGD",
    "FGSMPredicted",
    "FastEntropy",
    "FastGradL2",
    "FastGradLinf",
    "IterBasic",
    "IterLL",
    "MultiTargeted",
    "RStepLL",
    "RandomSign",
    "RandomTruncatedNormal",
    "Square",
    "StepLL",
    "StepRandom",
    "Worst",
    "autoattack",
]
