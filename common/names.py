"""Looks a name up; an unknown one is refused with the nearest that is known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any


def lookup(known: Mapping[str, Any], name: str, kind: str) -> Any:
    """Returns `known[name]`, or raises a ValueError that names the nearest."""
    if not isinstance(name, str) or name not in known:
        raise ValueError(unknown(known, str(name), kind))
    return known[name]


def unknown(known: Iterable[str], name: str, kind: str) -> str:
    """Returns the message for a name that is not among the known ones."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.3)
    hint = f"Nearest: {near[0]}" if near else f"Known: {', '.join(names)}"
    return f"Unknown {kind}. Received: {name}. {hint}"
