"""PGD of torchattacks, on the same network in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torchattacks

from benchmarks import peer_attacks, torch_network, trained


def prepare(
    found: trained.Trained, *, channels_last: bool = False
) -> peer_attacks.Prepared:
    """Returns the attack on a copy of the network.

    Args:
      found: the network and its images.
      channels_last: lay kernels and images out in memory as TensorFlow does.

    Raises:
      ValueError: the copy answers differently.
    """
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = torch_network.checked(found, layout)

    def inputs(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        tensors, classes = torch_network.inputs(images, labels)
        return tensors.contiguous(memory_format=layout), classes

    attack = torchattacks.PGD(
        network,
        eps=found.attack.epsilon / 255,
        alpha=found.attack.step_size / 255,
        steps=found.attack.num_steps,
        random_start=True,
    )
    return peer_attacks.Prepared(
        attack, _count(network, attack, found), inputs, _pixels
    )


def _pixels(images: Any) -> np.ndarray:
    return 255 * images.detach().numpy().transpose(0, 2, 3, 1)


def _count(
    network: torch_network.Network, attack: Any, found: trained.Trained
) -> dict[str, int]:
    """Returns the passes of one call on two images."""
    passes = {"forward": 0, "backward": 0}

    def count(kind: str) -> None:
        passes[kind] += 1

    def went_through(_: Any, __: Any, logits: Any) -> None:
        count("forward")
        if logits.requires_grad:
            logits.register_hook(lambda _: count("backward"))

    hook = network.register_forward_hook(went_through)
    attack(*torch_network.inputs(found.images[:2], found.labels[:2]))
    hook.remove()
    return passes
