"""Recipes that train a network of anybody's further, made of a few numbers.

What suits the training of a network that is good on clean images is not what suits one
from random weights: the rate is lower, and there are fewer passes over the data.

  Jeddi 2020: "A Simple Fine-tuning Is All You Need", arXiv 2012.13628: ten passes of
    adversarial training make a natural network robust; from memory.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from common import attacks
from common.attacks import checks
from common.data.dataset import Dataset
from common.foreign import tuning
from common.foreign.parts import Adopted
from common.recipe import Recipe
from common.training import optimizers, schedules


@dataclasses.dataclass(frozen=True)
class Plan:
    """How long and how fast a network is trained.

    Attributes:
      epochs: passes over the data that the updates would make if each had images of
        its own. Free training uses every minibatch several times, and so sees the data
        less often; it costs as much.
      steps: updates, in place of the epochs; 0 for these.
      batch_size: images per update.
      rate: the first learning rate; a tenth of it from the middle on, and a hundredth
        in the last quarter.
      l2: factor of half the squared norm of the kernels in the loss.
      crop: pixels on each side of an image, before a random crop of its size.
      flip: whether half of the training images are flipped left to right.
      seed: of order, augmentation, noise and random starts.
    """

    epochs: float = 10.0  # Jeddi 2020
    steps: int = 0
    batch_size: int = 128  # not stated; ours
    rate: float = 0.01  # not stated; ours
    l2: float = 2e-4  # the Free paper's code
    crop: int = 0
    flip: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 0 or not 0 < self.epochs < math.inf:
            raise ValueError(
                "epochs must be positive, and so must steps, where they are said. "
                f"Received: epochs={self.epochs}, steps={self.steps}"
            )
        checks.check_count("batch_size", self.batch_size)
        if not 0 < self.rate < math.inf:
            raise ValueError(f"rate must be positive. Received: rate={self.rate}")

    def recipe(self, network: Adopted, dataset: Dataset, method: Any) -> Recipe:
        """Returns the recipe: SGD with momentum and two drops of the rate."""
        replays = method.num_replays
        wanted = self.steps or self.epochs * dataset.num_train / self.batch_size
        minibatches = math.ceil(wanted / replays)
        drops = [max(1, minibatches // 2), max(2, minibatches * 3 // 4)]
        every = max(1, minibatches // 10) * replays
        epsilon = tuning.epsilon_of(method)
        return Recipe(
            dataset=dataset,
            network=network,
            method=method,
            optimizer=optimizers.Momentum(0.9),
            schedule=schedules.PiecewiseConstant(
                boundaries=tuple(drop * replays for drop in drops),
                values=(self.rate, self.rate / 10, self.rate / 100),
            ),
            batch_size=self.batch_size,
            num_steps=self.steps or minibatches * replays,
            l2=self.l2,
            probe=attacks.PGD(epsilon, epsilon / 4, num_steps=5) if epsilon else None,
            probe_every=every,
            checkpoint_every=every,
            seed=self.seed,
        )
