"""Minibatches of which some images are replaced by adversarial ones.

What the training algorithms share that mix so: which images are replaced, the epsilon
of each, the cost J that is descended and climbed, and the weighted mean of the losses.

Source: Kurakin 2017, Sec. 3.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from common import backend
from common.attacks import adapted
from common.attacks import cost as costs
from common.lazy import keras, ops
from common.models import logits
from common.training import subsets
from common.training.method import Method

_EPSILON_STREAM, _DROPOUT_STREAM, _ATTACK_STREAM = 1, 2, 3  # of the update's seed


@dataclasses.dataclass(frozen=True)
class Mixed(Method):
    """The base of methods that replace k of every m images, which then weigh less.

    m and k are those of one of the paper's machines. A replica may hold several m, or a
    part of one in which k / m of the images is a whole number.

    Attributes:
      attack: crafts the adversarial images; its epsilon is the largest that is drawn,
        in pixels of 255. None for training without any, where k is 0.
      num_adversarial: k.
      minibatch: m.
      adversarial_weight: lambda, of an adversarial example where a clean one has 1.
      random_epsilon: draw epsilon anew for every image, or take the attack's for all.
      delay: updates on clean images alone before the first adversarial one.
      label_smoothing: share of the label that is spread over all classes.
      auxiliary_weight: of the loss at the network's auxiliary head, if it has one.
      climbs_own_cost: whether the attack climbs the cost that this method descends, as
        in the paper, or the attack's own.
    """

    attack: Any = None
    num_adversarial: int = 16
    minibatch: int = 32
    adversarial_weight: float = 0.3
    random_epsilon: bool = True
    delay: int = 10_000
    label_smoothing: float = 0.1
    auxiliary_weight: float = 0.4
    climbs_own_cost: bool = False

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          ValueError: k is not between 0 and m, or not 0 without an attack; a weight or
            the delay is negative; or no example has a weight.
        """
        if not 0 <= self.num_adversarial <= self.minibatch or self.minibatch < 1:
            raise ValueError(
                f"num_adversarial must be from 0 to minibatch={self.minibatch}, which "
                f"is 1 or more. Received: num_adversarial={self.num_adversarial}"
            )
        if self.num_adversarial and self.attack is None:
            raise ValueError(
                "Without an attack num_adversarial must be 0. "
                f"Received: num_adversarial={self.num_adversarial}"
            )
        for name in ("adversarial_weight", "delay", "auxiliary_weight"):
            if not getattr(self, name) >= 0:  # which NaN is not either
                raise ValueError(
                    f"{name} must not be negative. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.num_adversarial == self.minibatch and not self.adversarial_weight:
            raise ValueError(
                "With num_adversarial equal to minibatch nothing else has a weight. "
                f"Received: adversarial_weight={self.adversarial_weight}"
            )
        self.check_smoothing(self.label_smoothing)

    @property
    def attack_passes(self) -> float:
        """Of the attack's steps, the share k / m that a pass of the batch would be."""
        share = self.num_adversarial / self.minibatch
        return adapted.adapted(self.attack).rounds.num_steps * share

    @property
    def cost(self) -> costs.TrainingCost:
        """J of an example, which is descended, and climbed by the attack."""
        return costs.TrainingCost(self.label_smoothing, self.auxiliary_weight)

    def check_share(self, num_images: int) -> None:
        """Refuses images of a replica that cannot be mixed.

        Raises:
          ValueError: k / m of them is not a whole number.
        """
        if num_images * self.num_adversarial % self.minibatch:
            raise ValueError(
                f"A replica replaces {self.num_adversarial} of every {self.minibatch} "
                "images, which must be a whole number; change --strategy, "
                "--replicas_per_device or batch_size."
                f" Received: {num_images} images a replica"
            )

    def adversarial_first(self, images: Any, labels: Any) -> tuple[Any, Any, int]:
        """Returns the batch with the images to be replaced in front, and their number.

        They are spread evenly over the batch, so that they are the same ones however
        the batch is split over replicas.
        """
        chosen = subsets.evenly(images.shape[0], self.num_adversarial, self.minibatch)
        order = np.argsort(~chosen, kind="stable")
        moved = (ops.take(part, order, axis=0) for part in (images, labels))
        return *moved, int(chosen.sum())

    def mix(self, images: Any, k: int, craft: Callable[[], Any]) -> tuple[Any, Any]:
        """Returns a mixed batch, and the weight of every example.

        Until the delay is over the images stay as they are, and all weigh the same.

        Args:
          images: float32 [B, H, W, C], those that are to be replaced in front.
          k: their number.
          craft: returns adversarial images in their place.

        Returns:
          float32 [B, H, W, C] and float32 [B].
        """
        clean_weights = ops.ones(images.shape[0] - k)
        if not k:
            return images, clean_weights
        started = self.optimizer.iterations >= self.delay
        adv_images = ops.cond(started, craft, lambda: images[:k])
        adv_weights = ops.where(started, self.adversarial_weight, ops.ones(k))
        return (
            ops.concatenate([adv_images, images[k:]]),
            ops.concatenate([adv_weights, clean_weights]),
        )

    def craft(
        self, network: keras.Model, images: Any, labels: Any, *, seed: Any
    ) -> Any:
        """Returns adversarial images of a network in inference mode.

        Each has an epsilon of its own, on the cost that the attack climbs.

        Args:
          network: which is attacked.
          images: float32 [k, H, W, C] in [0, 255].
          labels: int32 [k].
          seed: of the update.
        """
        changes = {}
        if self.random_epsilon:
            largest = self.attack.epsilon
            changes["epsilon"] = random_epsilons(images, seed, largest=largest)
        if self.climbs_own_cost and hasattr(self.attack, "cost"):
            changes["cost"] = self.cost
        attack = dataclasses.replace(self.attack, **changes)
        attack_seed = backend.fold(seed, _ATTACK_STREAM)
        return attack(logits.inference(network), images, labels, seed=attack_seed)

    def descend_weighted(
        self, images: Any, labels: Any, *, weights: Any, seed: Any
    ) -> dict[str, Any]:
        """Updates the weights once on the weighted mean of J, in one forward pass.

        Args:
          images: float32 [B, H, W, C] in [0, 255], mixed.
          labels: int32 [B].
          weights: float32 [B], of the examples.
          seed: of the update.

        Returns:
          `self.metrics(...)`.
        """

        def loss() -> Any:
            heads = self._heads(images, backend.fold(seed, _DROPOUT_STREAM))
            example_losses = self.cost(labels, heads)
            weighted = self.mean(weights * example_losses) / ops.mean(weights)
            return weighted + self.l2_penalty(), heads[0]

        (value, answers), g_theta = backend.value_and_gradients(loss, self.theta)
        self.optimizer.apply(g_theta, self.theta)
        return self.metrics(value, answers, labels)

    def _heads(self, images: Any, seed: Any) -> tuple[Any, ...]:
        """Returns the logits of every head in training mode."""
        if hasattr(self.network, "heads"):
            return self.network.heads(images, training=True, seed=seed)
        return (self.forward(images, seed),)


def random_epsilons(images: Any, seed: Any, *, largest: float) -> Any:
    """Draws |N(0, largest / 2)| truncated to [0, largest], for every image by itself.

    With 16 this is the paper's |N(0, 8)| in [0, 16] (Sec. 3): a normal draw that is cut
    at two standard deviations.

    Args:
      images: float32 [B, H, W, C]; the draw follows from the seed and the image.
      seed: int or int64 scalar.
      largest: in pixels of 255.

    Returns:
      float32 [B], pixels of 255.
    """
    draws = backend.uniform(
        (images.shape[0],),
        backend.fold(seed, _EPSILON_STREAM),
        keys=backend.example_keys(images),
    )
    within = math.erf(2.0 / math.sqrt(2.0))  # P(|z| <= 2) of a standard normal z
    normal = math.sqrt(2.0) * ops.erfinv(draws * within)  # |z|, given |z| <= 2
    return largest / 2.0 * normal
