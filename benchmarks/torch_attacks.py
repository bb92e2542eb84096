"""PGD of torchattacks, on the same network in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torchattacks

from benchmarks import peer_attacks, torch_network, trained

TOLERANCE = 1e-3  # of the logits


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
    network = torch_network.Network(found.network).eval().requires_grad_(False)
    network = network.to(memory_format=layout)

    def inputs(images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
        tensors, classes = torch_network.inputs(images, labels)
        return tensors.contiguous(memory_format=layout), classes

    _check(network, found)
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


def _check(network: torch_network.Network, found: trained.Trained) -> None:
    images, labels = found.images[:100], found.labels[:100]
    with torch.no_grad():
        logits = network(torch_network.inputs(images, labels)[0]).numpy()
    difference = float(np.abs(logits - np.asarray(found.logits_fn(images))).max())
    if difference > TOLERANCE:
        raise ValueError(
            f"The PyTorch copy must give the logits to {TOLERANCE:g}. "
            f"Received: difference={difference:g}"
        )


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
