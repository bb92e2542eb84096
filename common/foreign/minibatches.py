"""Whether a network from elsewhere can be trained with batch norm in training mode.

In training, batch norm normalises by the minibatch; in inference, by the statistics
that came with the network. In files that were made from quantised networks, batch norm
is folded into the convolutions, and its statistics are 0 and 1. Training changes the
function of such a network, even at a rate of zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from common.data.dataset import Dataset
from common.foreign.parts import Adopted

NUM_IMAGES = 256
LOST = 20.0  # points; minibatches of 16 cost a sound network a few


def doubts(
    network: Adopted, dataset: Dataset, *, batch_size: int, data_dir: str | None
) -> list[str]:
    """Returns what to say of a network that minibatches normalise otherwise.

    Args:
      network: of which a copy is asked, with the activations that it came with.
      dataset: whose training images are asked.
      batch_size: images that are normalised together.
      data_dir: of TFDS.

    Returns:
      A sentence, or nothing.
    """
    images, labels = dataset.train_slice(NUM_IMAGES, data_dir=data_dir)
    every = max(1, len(labels) // batch_size)  # minibatches, spread as the images are
    minibatches = [(images[i::every], labels[i::every]) for i in range(every)]
    made = network.as_it_came().network()
    own, by_minibatch = (
        sum(_right(made, *some, training=training) for some in minibatches)
        for training in (False, True)
    )
    if own - by_minibatch <= LOST / 100 * len(labels):
        return []
    return [
        f"As it came, the network has {own} of {len(labels)} training images right, "
        f"and {by_minibatch} where batch norm takes the statistics of minibatches of "
        f"{batch_size}, as it does in training. So training will make another network "
        "of it. Its batch norms may be folded into its convolutions, or minibatches "
        "too small; keep batch norm as it is with ?frozen=batch_norm, and take a small "
        "--rate"
    ]


def _right(network: Any, images: Any, labels: Any, *, training: bool) -> int:
    """Returns how many images a network has right in a mode."""
    logits = np.asarray(network(images, training=training, seed=0))
    return int((logits.argmax(-1) == labels).sum())
