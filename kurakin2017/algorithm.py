"""Adversarial training at scale, Kurakin et al. (2017), Alg. 1."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.training.mixed import Mixed


@dataclasses.dataclass(frozen=True)
class MixedTraining(Mixed):
    """Alg. 1: k of every m images are replaced by adversarial ones and weigh less.

    The fields, the cost J, and the law of epsilon are those of `Mixed`.
    """

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """One pass of the loop of Alg. 1; its lines are not numbered in the paper.

        Crafting runs batch norm in inference mode, so it moves no statistic. The mixed
        batch then makes one forward pass, and its statistics are those of the mixture.
        """
        images, labels, k = self.adversarial_first(*batch)

        def craft() -> Any:  # X_adv_1 .. X_adv_k, from the current network
            return self.craft(self.network, images[:k], labels[:k], seed=seed)

        mixed, weights = self.mix(images, k, craft)  # lambda of k, 1 of m - k
        # (sum_clean L + lambda sum_adv L) / (m - k + lambda k)
        return self.descend_weighted(mixed, labels, weights=weights, seed=seed), state
