"""Free adversarial training, Shafahi et al. (2019), Alg. 1, and its baseline 7-PGD."""

from __future__ import annotations

import dataclasses
from typing import Any

from common import backend
from common.attacks import PGD, checks, losses, projections, steps
from common.lazy import ops
from common.training.method import Method


@dataclasses.dataclass(frozen=True)
class FreeTraining(Method):
    """Alg. 1: every minibatch m times, one backward pass for weights and images.

    Attributes:
      num_replays: m, updates on each minibatch. The loop counts them as steps.
      epsilon: radius and step of the perturbation, in pixels of 255.
    """

    num_replays: int = 8
    epsilon: float = 8.0

    def __post_init__(self) -> None:
        checks.check_epsilon(self.epsilon)
        checks.check_count("num_replays", self.num_replays)

    def initial_state(self, batch_shape: tuple[int, ...]) -> Any:
        """Returns delta = 0 (l. 2); it outlives minibatches and epochs."""
        return ops.zeros(batch_shape)

    def train_step(self, batch: Any, delta: Any, seed: Any) -> tuple[Any, Any]:
        """One pass of the inner loop (l. 5 to 11); only the network may draw in it."""
        images, labels = batch

        def loss(delta: Any) -> Any:  # l. 7
            logits = self.forward(projections.pixels(images + delta), seed)
            example_losses = losses.cross_entropy(labels, logits)
            return self.mean(example_losses) + self.l2_penalty(), logits

        (value, logits), (g_theta, g_delta) = backend.value_and_gradients(
            loss, self.theta, delta
        )  # l. 8: one backward pass
        self.optimizer.apply(g_theta, self.theta)  # l. 9
        ascended = delta + steps.sign(g_delta, self.epsilon)  # l. 10
        delta = projections.linf(ascended, self.epsilon)  # l. 11
        return self.metrics(value, logits, labels), delta


@dataclasses.dataclass(frozen=True)
class PGDTraining(Method):
    """K-PGD adversarial training (Madry et al., 2018), the paper's baseline.

    Attributes:
      epsilon: radius, in pixels of 255.
      step_size: length of a step, in pixels of 255.
      num_steps: K.
    """

    epsilon: float = 8.0
    step_size: float = 2.0
    num_steps: int = 7

    def __post_init__(self) -> None:
        PGD(self.epsilon, self.step_size, self.num_steps)  # refuses bad values

    @property
    def attack_passes(self) -> int:
        """K."""
        return self.num_steps

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """One descent of the mean loss at images crafted by PGD from a random start.

        Crafting runs batch norm in inference mode, so it moves no statistic.
        """
        images, labels = batch
        attack = PGD(self.epsilon, self.step_size, self.num_steps)
        adv_images = attack(
            lambda x: self.network(x, training=False), images, labels, seed=seed
        )
        return self.descend(adv_images, labels, seed), state
