"""Training times in terms of natural training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.results import measured

NATURAL = ("natural", "baseline")  # last word of the names of natural trainings


def ratio(run: measured.Run, runs: Mapping[str, measured.Run]) -> float | None:
    """Returns training minutes over those of natural training of the same network.

    That is the run `PREFIX_natural`, `PREFIX_baseline`, or either without a prefix,
    with the longest prefix that begins this run's name, on the same data and for as
    many updates; None if there is none, or either has no time.
    """
    prefixes = {
        name.removesuffix(word): natural
        for name, natural in runs.items()
        for word in NATURAL
        if name.endswith(word)
    }
    for prefix in sorted(prefixes, key=len, reverse=True):
        natural = prefixes[prefix]
        if run.name.startswith(prefix) and _work(natural) == _work(run):
            minutes, base = run.training_minutes, natural.training_minutes
            return minutes / base if minutes is not None and base else None
    return None


def _work(run: measured.Run) -> list[Any]:
    """Returns what decides the time of natural training on one machine."""
    made = run.manifest.get("recipe") or {}
    return [made.get(k) for k in ("dataset", "network", "batch_size", "num_steps")]
