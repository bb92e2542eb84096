"""The training strategies of Xie and Yuille (2020), and adversarial logit pairing."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from common import backend
from common.attacks import losses
from common.lazy import ops
from common.training import subsets
from common.training.method import Method


@dataclasses.dataclass(frozen=True)
class AdversarialTraining(Method):
    """Training on adversarial images, and on a share of the clean ones beside them.

    The paper's strategies differ in numbers alone: "100% adv + 0% clean" has a clean
    share of 0, "100% adv + 100% clean" of 1, Figure 1 what lies between, and with a
    weight of the pairing it is adversarial logit pairing (Kannan 2018).

    With mixture batch norm the clean images go through the network's first branch and
    the adversarial ones through its last, also while they are crafted. Otherwise all
    make one batch, and its statistics are those of the mixture.

    Attributes:
      attack: crafts the adversarial images, at hard labels.
      clean_share: of the images, that are trained on in clean form too; on each replica
        the nearest whole number of them.
      clean_weight: of a clean image where an adversarial one has 1.
      pairing_weight: of the mean squared difference between the logits of a clean image
        and of its adversarial one.
      label_smoothing: share of the label that is spread over all classes.
      consistent_from: updates after which batch norm uses its moving statistics in
        training as in inference, and moves them no more; None for never.
    """

    uses_branches: ClassVar[bool] = True

    attack: Any
    clean_share: float = 0.0
    clean_weight: float = 1.0
    pairing_weight: float = 0.0
    label_smoothing: float = 0.1
    consistent_from: int | None = None

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          ValueError: a share outside [0, 1], a weight or number of updates that is
            negative, or pairing or a weight of clean images without them.
        """
        if not 0 <= self.clean_share <= 1:
            raise ValueError(
                "clean_share must be in [0, 1]. "
                f"Received: clean_share={self.clean_share}"
            )
        for name in ("clean_weight", "pairing_weight", "consistent_from"):
            if not (getattr(self, name) or 0) >= 0:  # which NaN is not either
                raise ValueError(
                    f"{name} must not be negative. "
                    f"Received: {name}={getattr(self, name)}"
                )
        if self.pairing_weight and not self.clean_share:
            raise ValueError(
                "Logits are paired with those of clean images: set clean_share. "
                f"Received: pairing_weight={self.pairing_weight}"
            )
        if self.clean_weight != 1 and not self.clean_share:
            raise ValueError(
                "clean_weight is that of clean images: set clean_share. "
                f"Received: clean_weight={self.clean_weight}"
            )
        self.check_smoothing(self.label_smoothing)

    @property
    def update_passes(self) -> float:
        """The adversarial batch, and the share of the clean one."""
        return 1 + self.clean_share

    @property
    def attack_passes(self) -> int:
        """Steps of the attack."""
        return self.attack.num_steps

    def check_share(self, num_images: int) -> None:
        """Refuses images of a replica of whose clean ones nothing is left.

        Raises:
          ValueError: the share of them rounds to none.
        """
        if self.clean_share and not self._num_clean(num_images):
            raise ValueError(
                f"A clean_share of {self.clean_share:g} is no image of a replica; "
                "change --strategy, --replicas_per_device or batch_size. Received: "
                f"{num_images} images a replica"
            )

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """One update, on adversarial images and a share of the clean ones.

        Crafting runs batch norm in inference mode, so it moves no statistic.
        """
        images, labels = batch
        adversarial, clean = self.network.branches[-1], self.network.branches[0]
        adv_images = self.attack(
            lambda x: self.network(x, training=False, branch=adversarial),
            images,
            labels,
            seed=seed,
        )
        n, r = images.shape[0], self._num_clean(images.shape[0])
        kept = np.flatnonzero(subsets.evenly(n, r, n))
        mixed_images = ops.concatenate([adv_images, ops.take(images, kept, axis=0)])
        mixed_labels = ops.concatenate([labels, ops.take(labels, kept, axis=0)])
        weights = np.repeat(np.array([1.0, self.clean_weight], np.float32), [n, r])

        def loss() -> Any:
            logits = self.forward(
                mixed_images,
                seed,
                training=self._by_batch(),
                branch=((adversarial, n), (clean, r)) if r else adversarial,
            )
            example_losses = losses.smoothed_cross_entropy(
                mixed_labels, logits, self.label_smoothing
            )
            total = self.mean(weights * example_losses) / weights.mean()
            if self.pairing_weight:
                pairs = ops.take(logits[:n], kept, axis=0) - logits[n:]
                total += self.pairing_weight * self.mean(ops.square(pairs))
            return total + self.l2_penalty(), logits

        (value, logits), g_theta = backend.value_and_gradients(loss, self.theta)
        self.optimizer.apply(g_theta, self.theta)
        return self.metrics(value, logits[:n], labels), state

    def _num_clean(self, num_images: int) -> int:
        """Returns how many of a replica's images are trained on in clean form."""
        return round(self.clean_share * num_images)

    def _by_batch(self) -> Any:
        """Whether batch norm normalises by the batch, and not by moving statistics."""
        if self.consistent_from is None:
            return True
        return self.optimizer.iterations < self.consistent_from
