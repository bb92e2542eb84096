"""Updates in PyTorch as its users write them, on a copy of a recipe's network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks import setting, torch_network
from common.recipe import Recipe
from common.training.natural import NaturalTraining
from free_at.algorithm import FreeTraining, PGDTraining

TOLERANCE = 1e-3  # of the logits after an update


class Learner:
    """A copy of a network, channels last, with an optimizer and one minibatch.

    Attributes:
      network: in training mode.
      images: float32 [B, C, H, W] in [0, 1].
      labels: int64 [B].
      delta: of Free training, the perturbation of the images.
    """

    def __init__(self, recipe: Recipe, network: Any) -> None:
        """Copies the weights.

        Args:
          recipe: of natural, Free or PGD training, with `optimizers.Momentum`.
          network: of the recipe, built.
        """
        layout = torch.channels_last
        self.network = torch_network.Network(network).to(memory_format=layout)
        batch = setting.random_batch(recipe, recipe.batch_size)
        images, self.labels = torch_network.inputs(*map(np.asarray, batch))
        self.images = images.contiguous(memory_format=layout)
        self.delta = torch.zeros_like(self.images)
        decayed: dict[bool, list[Any]] = {True: [], False: []}
        for name, weight in self.network.weights.items():
            decayed[name.endswith("kernel")].append(weight)
        self._optimizer = torch.optim.SGD(
            [
                {"params": decayed[True], "weight_decay": recipe.l2},
                {"params": decayed[False]},
            ],
            lr=recipe.schedule.values[0],
            momentum=recipe.optimizer.momentum,
        )

    def loss(self, images: Any) -> Any:
        """Returns the mean cross-entropy of the logits of images."""
        return functional.cross_entropy(self.network(images), self.labels)

    def descend(self, images: Any) -> float:
        """Updates the weights on images; returns the loss before that."""
        loss = self.loss(images)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def check(self, network: Any) -> None:
        """Refuses weights that differ from those of the suite's network.

        Args:
          network: after as many updates.

        Raises:
          ValueError: it answers differently.
        """
        self.network.eval()
        with torch.no_grad():
            logits = self.network(self.images).numpy()
        self.network.train()
        images = 255.0 * self.images.numpy().transpose(0, 2, 3, 1)
        difference = float(np.abs(logits - np.asarray(network(images))).max())
        if difference > TOLERANCE:
            raise ValueError(
                f"After updates the logits must agree to {TOLERANCE:g}. "
                f"Received: difference={difference:g}"
            )


def natural(learner: Learner, method: NaturalTraining) -> float:
    """Does an update on the images as they are; returns the loss."""
    del method
    return learner.descend(learner.images)


def free(learner: Learner, method: FreeTraining) -> float:
    """Does a replay: one backward pass for the weights and the perturbation."""
    delta, radius = learner.delta.requires_grad_(), method.epsilon / 255
    loss = learner.descend((learner.images + delta).clamp(0, 1))
    ascended = delta.detach() + radius * delta.grad.sign()
    learner.delta = ascended.clamp(-radius, radius)
    return loss


def pgd(learner: Learner, method: PGDTraining) -> float:
    """Does an update on images that PGD has crafted in inference mode."""
    images, radius = learner.images, method.epsilon / 255
    low, high = (images - radius).clamp(min=0), (images + radius).clamp(max=1)
    noise = torch.empty_like(images).uniform_(-radius, radius)
    adv_images = (images + noise).clamp(0, 1)
    learner.network.eval()
    for _ in range(method.num_steps):
        adv_images.requires_grad_()
        (gradient,) = torch.autograd.grad(learner.loss(adv_images), adv_images)
        moved = adv_images.detach() + method.step_size / 255 * gradient.sign()
        adv_images = moved.clamp(low, high)
    learner.network.train()
    return learner.descend(adv_images)


UPDATES: dict[type, Callable[[Learner, Any], float]] = {
    NaturalTraining: natural,
    FreeTraining: free,
    PGDTraining: pgd,
}


def repeated(learner: Learner, recipe: Recipe, *, updates: int) -> Callable[[int], Any]:
    """Returns what does some updates; as `replay.repeated`."""
    update, method = UPDATES[type(recipe.method)], recipe.method

    def run(_: int) -> float:
        for _ in range(updates):
            loss = update(learner, method)
        return loss

    return run
