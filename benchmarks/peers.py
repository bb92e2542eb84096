"""e. PGD-20 of other libraries beside this suite's, on one network and its images.

It runs where the other libraries are installed, see `requirements-peers.txt`.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks import peer_attacks, records, setting, timing, trained

OURS = "this suite"
BATCH_SIZE = 100
ROUNDS = 5  # a batch each
ON_TENSORFLOW = ("adversarial-robustness-toolbox", "cleverhans", "foolbox", "numpy")
PACKAGES = (*ON_TENSORFLOW, "torch", "torchattacks")


def _torchattacks(
    found: trained.Trained, *, channels_last: bool = False
) -> peer_attacks.Prepared:
    from benchmarks import torch_attacks  # PyTorch may be missing

    return torch_attacks.prepare(found, channels_last=channels_last)


_ON_TENSORFLOW = {
    OURS: peer_attacks.suite,
    "foolbox": peer_attacks.foolbox,
    "foolbox, network compiled": peer_attacks.network_compiled(peer_attacks.foolbox),
    "cleverhans": peer_attacks.cleverhans,
    "cleverhans, attack compiled": peer_attacks.attack_compiled(
        peer_attacks.cleverhans
    ),
    "ART": peer_attacks.art,
    "ART, network compiled": peer_attacks.network_compiled(peer_attacks.art),
}
PEERS: dict[str, Callable[[trained.Trained], peer_attacks.Prepared]] = {
    **{name: peer_attacks.on_tensorflow(b) for name, b in _ON_TENSORFLOW.items()},
    "torchattacks": _torchattacks,
    "torchattacks, channels last": functools.partial(_torchattacks, channels_last=True),
}


def measure(workdir: pathlib.Path) -> tuple[records.Comparison, ...]:
    """Times every library that runs, and counts what is left after each."""
    found = trained.load(workdir, BATCH_SIZE * ROUNDS)
    images = found.images.reshape(ROUNDS, BATCH_SIZE, *found.images.shape[1:])
    labels = found.labels.reshape(ROUNDS, BATCH_SIZE)
    prepared, failures = _prepared(found)
    batches = {
        name: [peer.inputs(*batch) for batch in zip(images, labels, strict=True)]
        for name, peer in prepared.items()
    }
    results: dict[str, dict[int, Any]] = {name: {} for name in prepared}

    def candidate(name: str) -> Callable[[int], None]:
        def run(index: int) -> None:
            results[name][index] = prepared[name].attack(*batches[name][index])

        return run

    samples = timing.interleaved({name: candidate(name) for name in prepared}, ROUNDS)
    counts = {}
    for name, peer in prepared.items():
        adv_images = [peer.pixels(results[name][index]) for index in range(ROUNDS)]
        right = is_right(found.logits_fn, np.concatenate(adv_images), found.labels)
        counts[name] = int(right.sum()), len(right)
    comparison = records.Comparison(
        setting=f"{found.description}; {setting.attack_name(found.attack)}, "
        f"{BATCH_SIZE} images at a time",
        reference=OURS,
        samples=samples,
        passes={name: peer.passes for name, peer in prepared.items()},
        counts=counts,
        failures=failures,
    )
    return (comparison,)


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Returns the versions of the libraries that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def check(adv_images: np.ndarray, images: np.ndarray, epsilon: float) -> None:
    """Refuses images that no attack of this radius may return.

    Args:
      adv_images: float32 [B, H, W, C], what a library returned.
      images: where it began.
      epsilon: pixels of 255.

    Raises:
      ValueError: they are too far from the images, or no pixels.
    """
    change = float(np.abs(adv_images - images).max())
    low, high = float(adv_images.min()), float(adv_images.max())
    if not (change <= epsilon + 1e-3 and low >= -1e-3 and high <= 255 + 1e-3):
        raise ValueError(
            f"The attack must stay within {epsilon:g} of the image and in [0, 255]. "
            f"Received: change={change:g}, min={low:g}, max={high:g}"
        )


def is_right(
    logits_fn: Callable[[Any], Any], images: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Returns bool [B]: images that the TensorFlow network classifies correctly."""
    logits = np.asarray(logits_fn(images.astype(np.float32)))
    return logits.argmax(-1) == labels


def reason(error: Exception) -> str:
    """Returns in one line what a library raised."""
    first, *_ = str(error).strip().split("\n")
    return f"{type(error).__name__}: {first[:400]}"


def _prepared(
    found: trained.Trained,
) -> tuple[dict[str, peer_attacks.Prepared], dict[str, str]]:
    """Returns the libraries that attack a batch, and why the others do not."""
    prepared, failures = {}, {}
    images, labels = found.images[:BATCH_SIZE], found.labels[:BATCH_SIZE]
    for name, prepare in PEERS.items():
        try:
            peer = prepare(found)
            adv_images = peer.pixels(peer.attack(*peer.inputs(images, labels)))
            check(adv_images, images, found.attack.epsilon)
        except Exception as error:  # whatever a library raises is the finding
            if name == OURS:
                raise
            failures[name] = reason(error)
            continue
        prepared[name] = peer
    return prepared, failures
