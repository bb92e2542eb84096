"""Training times in terms of natural training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.results import measured


def ratio(run: measured.Run, runs: Mapping[str, measured.Run]) -> float | None:
    """Returns training minutes over those of natural training of the same network.

    That is the first run that trains on clean images alone, on the same data and for as
    many updates; None if there is none, or either has no time.
    """
    for natural in runs.values():
        if _is_natural(natural) and _work(natural) == _work(run):
            minutes, base = run.training_minutes, natural.training_minutes
            return minutes / base if minutes is not None and base else None
    return None


def _is_natural(run: measured.Run) -> bool:
    """Whether the method of the run's recipe sees no adversarial image."""
    method = (run.manifest.get("recipe") or {}).get("method") or {}
    return method.get("type") == "NaturalTraining" or (
        method.get("num_adversarial") == 0  # of mixed training
    )


def _work(run: measured.Run) -> list[Any]:
    """Returns what decides the time of natural training on one machine."""
    made = run.manifest.get("recipe") or {}
    return [made.get(k) for k in ("dataset", "network", "batch_size", "num_steps")]
