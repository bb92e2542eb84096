"""Ensemble adversarial training, Tramèr et al. (2018), Sec. 3.4 and 4.2."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from common import backend
from common.lazy import keras, ops
from common.training.mixed import Mixed

_SOURCE_STREAM = 4  # of the update's seed; `Mixed` has 1 to 3


@dataclasses.dataclass(frozen=True)
class EnsembleTraining(Mixed):
    """Adversarial training on images of a network that is drawn for every minibatch.

    It is the network itself or a static one, which is trained already; each is as
    likely. Without static ones this is one-step adversarial training as in Kurakin et
    al. (2017). The other fields, the cost J and the law of epsilon are of `Mixed`.

    Attributes:
      sources: recipes of the static networks.
    """

    sources: tuple[Any, ...] = ()

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """One update (Sec. 4.2), of which the paper has no pseudo-code.

        Crafting runs batch norm in inference mode. The mixed batch makes one forward
        pass, so that its statistics are those of the mixture.
        """
        images, labels, k = self.adversarial_first(*batch)

        def crafted_on(network: keras.Model) -> Callable[[], Any]:
            return lambda: self.craft(network, images[:k], labels[:k], seed=seed)

        def craft() -> Any:  # Step-LL of the network that is drawn
            return ops.switch(self.drawn(seed), [*map(crafted_on, self.networks)])

        mixed, weights = self.mix(images, k, craft)
        return self.descend_weighted(mixed, labels, weights=weights, seed=seed), state

    @property
    def networks(self) -> tuple[keras.Model, ...]:
        """The network itself, and then the static ones.

        Raises:
          ValueError: it was not built with a network for each source.
        """
        if len(self.static_networks) != len(self.sources):
            raise ValueError(
                f"An update asks the trained networks of all {len(self.sources)} "
                f"sources. Received: {len(self.static_networks)} static networks"
            )
        return (self.network, *self.static_networks)

    def drawn(self, seed: Any) -> Any:
        """Returns int32, the place in `networks` that the update's seed draws."""
        draw = backend.uniform((), backend.fold(seed, _SOURCE_STREAM))
        count = 1 + len(self.sources)
        place = ops.cast(ops.floor(draw * count), "int32")
        return ops.minimum(place, count - 1)  # a draw may round up to 1
