"""Smooth adversarial training, Xie et al. (2020), and its study of gradients."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.models import activations
from common.training.method import Method


@dataclasses.dataclass(frozen=True)
class SmoothTraining(Method):
    """Training on adversarial images alone; what is smooth is the network's activation.

    In the study of gradients (Table 1) it is ReLU in every forward pass, and either
    backward pass may take the derivative of a smooth function in its place.

    Attributes:
      attack: crafts the adversarial images, at hard labels.
      crafting: derivative of the activation in the attack: `own` or `smooth`.
      update: the same, in the update of the weights.
      label_smoothing: share of the label that is spread over all classes.
    """

    attack: Any
    crafting: str = activations.OWN
    update: str = activations.OWN
    label_smoothing: float = 0.1

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          ValueError: a derivative that does not exist, or a smoothing outside [0, 1).
        """
        activations.check_backward(self.crafting)
        activations.check_backward(self.update)
        self.check_smoothing(self.label_smoothing)

    @property
    def attack_passes(self) -> int:
        """Steps of the attack."""
        return self.attack.num_steps

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """One update on adversarial images.

        Crafting runs batch norm in inference mode, so it moves no statistic.
        """
        images, labels = batch
        adv_images = self.attack(
            lambda x: self.network(x, training=False, backward=self.crafting),
            images,
            labels,
            seed=seed,
        )

        smoothing = self.label_smoothing
        metrics = self.descend(
            adv_images, labels, seed, label_smoothing=smoothing, backward=self.update
        )
        return metrics, state
