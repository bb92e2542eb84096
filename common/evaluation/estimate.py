"""How long an evaluation will still take, from what it has done so far."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence

from common.attacks import attack as attacks
from common.attacks import worst
from common.evaluation import stream, tally

BACKWARD = 2.0  # forward passes that one with its backward pass takes


class Estimate:
    """Seconds that are left, if all images that wait now survive.

    An image that is not read yet is expected to cost as much as those that were read:
    what they took so far, and what those that wait would take to the end. What was
    compiled on the way counts as if it came again, so the first answers are too large.
    """

    def __init__(self, found: tally.Tally, total: int | None) -> None:
        """Begins to count here.

        Args:
          found: of the evaluation.
          total: images of the dataset; None where it does not tell.
        """
        self._found, self._total = found, total
        self._chunks = [cost(part.rounds) for part in found.parts]
        self._after = after(found.parts)
        self._begin = self._done(), time.perf_counter()

    def __call__(self, slots: Iterable[stream.Slot], read: int) -> float | None:
        """Returns seconds, or None where the dataset does not tell its length.

        Args:
          slots: of the examples that wait.
          read: examples that were read, at least 1.
        """
        if self._total is None:
            return None
        waiting, spent = sum(map(self._of, slots)), self._done()
        unread = max(self._total - read, 0) * (spent + waiting) / read
        done, begin = self._begin
        return (waiting + unread) * (time.perf_counter() - begin) / (spent - done)

    def _of(self, slot: stream.Slot) -> float:
        """Returns what an example costs from where it is to the end."""
        behind = slot.restart * self._found.rounds[slot.part].chunks + slot.chunk
        return self._after[slot.part] - behind * self._chunks[slot.part]

    def _done(self) -> float:
        return float(self._found.passes.sum(axis=-1) @ self._chunks)


def cost(rounds: attacks.Rounds) -> float:
    """Returns forward passes of a chunk, with the one in which it is judged."""
    return 1.0 + rounds.chunk * (BACKWARD * rounds.gradients + rounds.forwards)


def after(parts: Sequence[attacks.Attack]) -> list[float]:
    """Returns forward passes of an image that survives, from each part to the end."""

    def further(costs: float, part: attacks.Attack) -> float:
        if isinstance(part, worst.Nearest):
            return part.share * costs + (1.0 - part.share) * cost_of(parts[-1])
        return costs + cost_of(part)

    def cost_of(part: attacks.Attack) -> float:
        rounds = part.rounds
        return rounds.restarts * rounds.chunks * cost(rounds)

    sums = itertools.accumulate(reversed(parts), further, initial=0.0)
    return list(sums)[:0:-1]
