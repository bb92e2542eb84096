"""AutoAttack by its authors' code, on the same network in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyautoattack
import torch

from benchmarks import torch_network, trained


class Reference:
    """The `standard` version, ready for the test images of a trained network.

    Attributes:
      passes: images that went through a forward and a backward pass, and through a
        forward pass alone, so far.
    """

    def __init__(self, found: trained.Trained, batch_size: int) -> None:
        """Copies the network, with kernels laid out as TensorFlow's.

        Args:
          found: the network, its images, and the attack whose radius counts.
          batch_size: images attacked at a time.

        Raises:
          ValueError: the copy answers differently.
        """
        network = torch_network.checked(found, torch.channels_last)
        self._inputs = torch_network.inputs(found.images, found.labels)
        self._batch_size = batch_size
        self.passes = {"with a gradient": 0, "without": 0}
        network.register_forward_hook(self._count)
        self._attack = pyautoattack.AutoAttack(
            network, eps=found.attack.epsilon / 255, seed=0
        )

    def survived(self) -> np.ndarray:
        """Returns bool [n]: the images on which every attack has failed."""
        images, labels = self._inputs
        _, answers = self._attack.run_standard_evaluation(
            images, labels, batch_size=self._batch_size
        )
        return (answers == labels).numpy()

    def _count(self, _: Any, __: Any, logits: Any) -> None:
        kind = "with a gradient" if logits.requires_grad else "without"
        self.passes[kind] += len(logits)
