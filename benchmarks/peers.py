"""e. PGD-20 of other libraries beside this suite's, on one network and its images.

It runs where the other libraries are installed, see `requirements-peers.txt`.
"""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks import peer_attacks, records, setting, timing, trained

OURS = "this suite"
BATCH_SIZE = 100
ROUNDS = 5  # a batch each
PACKAGES = (
    "adversarial-robustness-toolbox",
    "cleverhans",
    "foolbox",
    "numpy",
    "torch",
    "torchattacks",
)


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
        counts[name] = _correct(found, np.concatenate(adv_images)), len(found.labels)
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


def versions() -> dict[str, str]:
    """Returns the versions of the libraries that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


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
            _check(adv_images, images, found.attack.epsilon)
        except Exception as error:  # whatever a library raises is the finding
            reason = str(error).strip().partition("\n")[0][:200]
            failures[name] = f"{type(error).__name__}: {reason}"
            continue
        prepared[name] = peer
    return prepared, failures


def _check(adv_images: np.ndarray, images: np.ndarray, epsilon: float) -> None:
    change = float(np.abs(adv_images - images).max())
    low, high = float(adv_images.min()), float(adv_images.max())
    if change > epsilon + 1e-3 or low < -1e-3 or high > 255 + 1e-3:
        raise ValueError(
            f"The attack must stay within {epsilon:g} of the image and in [0, 255]. "
            f"Received: change={change:g}, min={low:g}, max={high:g}"
        )


def _correct(found: trained.Trained, adv_images: np.ndarray) -> int:
    """Returns how many images the TensorFlow network still classifies correctly."""
    logits = np.asarray(found.logits_fn(adv_images.astype(np.float32)))
    return int((logits.argmax(-1) == found.labels).sum())
