"""The base of the papers' training algorithms."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable
from typing import Any, ClassVar, Self

from common import backend
from common.attacks import losses
from common.lazy import keras, ops

_NETWORK_STREAM = 2  # of the update's seed; attacks draw from the seed itself


@dataclasses.dataclass(frozen=True)
class Method:
    """A training algorithm: a paper overrides `train_step`, the pseudo-code itself.

    As part of a recipe it is a frozen value of numbers. `build` returns a copy bound to
    what it trains, in these attributes:

      network: `network(images, training=...)`, pixels of 255 to logits.
      static_networks: the trained networks of `sources`, which never change.
      theta: the network's trainable variables.
      optimizer: `optimizer.apply(gradients, theta)` sums the gradients over replicas.

    `num_replays` says how many updates in a row see the same minibatch.
    """

    METRICS: ClassVar[tuple[str, ...]] = ("loss", "accuracy")  # of an update
    uses_branches: ClassVar[bool] = False  # of batch norm, if there are several

    network: ClassVar[Any]  # of the instance that `build` returns, as are the next
    static_networks: ClassVar[tuple[Any, ...]]
    theta: ClassVar[list[Any]]
    optimizer: ClassVar[Any]
    l2: ClassVar[float]
    num_replicas: ClassVar[int]

    def build(
        self,
        network: keras.Model,
        optimizer: Any,
        *,
        l2: float,
        num_replicas: int,
        static_networks: Iterable[keras.Model] = (),
    ) -> Self:
        """Returns a copy bound to a network and an optimizer, which it builds.

        Args:
          network: built.
          optimizer: a Keras optimizer.
          l2: factor of half the squared norm of the kernels.
          num_replicas: how many replicas share each update.
          static_networks: those of `sources`, trained; none where the copy only says
            what is trained, and makes no update.

        Raises:
          ValueError: a network with branches of batch norm that it would not train.
        """
        branches = getattr(network, "branches", ())
        if len(branches) > 1 and not self.uses_branches:
            raise ValueError(
                f"{type(self).__name__} trains one branch of batch norm: give the "
                f"network one, network.norm.branches. Received: branches={branches}"
            )
        optimizer.build(network.trainable_variables)
        bound = copy.copy(self)
        bound.__dict__.update(
            network=network,
            static_networks=tuple(static_networks),
            theta=network.trainable_variables,
            optimizer=optimizer,
            l2=l2,
            num_replicas=num_replicas,
        )
        return bound

    @property
    def sources(self) -> tuple[Any, ...]:
        """Recipes of other networks, which are trained first and asked in training."""
        return ()

    @property
    def num_replays(self) -> int:
        """Updates in a row on the same minibatch."""
        return 1

    @property
    def update_passes(self) -> float:
        """Forward-and-backward passes of a batch per update of the weights."""
        return 1

    @property
    def attack_passes(self) -> float:
        """Forward-and-backward passes of a batch per update that only craft images."""
        return 0

    def check_share(self, num_images: int) -> None:
        """Refuses a replica's number of images that the method cannot train on.

        Raises:
          ValueError: names it.
        """

    def initial_state(self, batch_shape: tuple[int, ...]) -> Any:
        """Returns what the first `train_step` of a replica receives as its state.

        Args:
          batch_shape: (B, H, W, C) of a replica's minibatch.
        """
        del batch_shape
        return ()

    def train_step(self, batch: Any, state: Any, seed: Any) -> tuple[Any, Any]:
        """Updates the weights once.

        Args:
          batch: images float32 [B, H, W, C] in [0, 255] and labels int32 [B].
          state: what the step before returned.
          seed: int64 scalar that differs between updates.

        Returns:
          `self.metrics(...)` and the state of the next step.
        """
        raise TypeError(f"{type(self).__name__} does not define train_step.")

    @staticmethod
    def check_smoothing(label_smoothing: float) -> None:
        """Refuses a share of the label outside [0, 1) with a ValueError."""
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                "label_smoothing must be in [0, 1). "
                f"Received: label_smoothing={label_smoothing}"
            )

    def forward(self, images: Any, seed: Any, **mode: Any) -> Any:
        """Returns the logits of a pass of the update.

        A network that draws, such as one with dropout, says so in `network.draws`, and
        gets a seed of its own.

        Args:
          images: float32 [B, H, W, C] in [0, 255].
          seed: of the update.
          **mode: further arguments of the network; `training` is True by default.
        """
        if getattr(self.network, "draws", False):
            mode["seed"] = backend.fold(seed, _NETWORK_STREAM)
        return self.network(images, **{"training": True, **mode})

    def descend(
        self,
        images: Any,
        labels: Any,
        seed: Any,
        *,
        label_smoothing: float = 0.0,
        **mode: Any,
    ) -> dict[str, Any]:
        """Updates the weights once on the mean cross-entropy of images as they are.

        Args:
          images: float32 [B, H, W, C] in [0, 255].
          labels: int32 [B].
          seed: of the update.
          label_smoothing: share of the label that is spread over all classes.
          **mode: of the network, as for `forward`.

        Returns:
          `self.metrics(...)`.
        """

        def loss() -> Any:
            logits = self.forward(images, seed, **mode)
            example_losses = losses.smoothed_cross_entropy(
                labels, logits, label_smoothing
            )
            return self.mean(example_losses) + self.l2_penalty(), logits

        (value, logits), g_theta = backend.value_and_gradients(loss, self.theta)
        self.optimizer.apply(g_theta, self.theta)
        return self.metrics(value, logits, labels)

    def mean(self, example_losses: Any) -> Any:
        """Returns this replica's share of the mean over the global batch.

        The shares of all replicas sum to the mean; replicas hold equally many examples.
        """
        return ops.mean(example_losses) / self.num_replicas

    def l2_penalty(self) -> Any:
        """Returns this replica's share of `l2 / 2 * sum ||kernel||^2`."""
        if not self.l2:
            return 0.0
        kernels = [v for v in self.theta if v.path.endswith("kernel")]
        squares = [ops.sum(ops.square(ops.cast(v, "float32"))) for v in kernels]
        return self.l2 / 2.0 / self.num_replicas * sum(squares)

    def metrics(self, loss: Any, logits: Any, labels: Any) -> dict[str, Any]:
        """Returns this replica's shares of the loss and the accuracy in percent."""
        correct = ops.equal(ops.cast(ops.argmax(logits, axis=-1), labels.dtype), labels)
        return {
            "loss": loss,
            "accuracy": 100.0 * self.mean(ops.cast(correct, "float32")),
        }
