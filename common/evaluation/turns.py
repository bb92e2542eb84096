"""Which of the examples under attack are judged next."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from common.attacks import attack as attacks
from common.attacks import worst
from common.evaluation import stream


class Pool:
    """Examples under attack, in the order of the dataset.

    Those whose parts of the attack are of one kind can share a batch. As soon as there
    is a full batch of them, they are judged: those first that are furthest on, so that
    few wait. Only where no batch is full are further examples read. Those that are in a
    part `Nearest` wait for all others.

    Attributes:
      slots: of all examples that wait.
    """

    def __init__(
        self,
        parts: Sequence[attacks.Attack],
        examples: stream.Examples,
        size: int,
        slots: list[stream.Slot],
        *,
        replicas: int = 1,
    ) -> None:
        """Begins with the slots of an earlier session.

        Args:
          parts: of the attack.
          examples: from which the pool is filled up.
          size: of a full batch.
          slots: with which to begin.
          replicas: by which batches divide.
        """
        self.slots = slots
        self._examples, self._size, self._replicas = examples, size, replicas
        kinds = [_company(part) for part in parts]
        gates = [isinstance(part, worst.Nearest) for part in parts]
        self._gates = [place for place, is_gate in enumerate(gates) if is_gate]
        self._groups = [  # a gate waits for all before it, so it has its own
            place if place in self._gates else kinds.index(kind)
            for place, kind in enumerate(kinds)
        ]

    def next(self) -> list[stream.Slot]:
        """Returns the slots of the next batch, from 1 to its size; none at the end."""
        waiting: dict[int, list[stream.Slot]] = {}
        for slot in self.slots:
            waiting.setdefault(self._groups[slot.part], []).append(slot)
        full = [
            group
            for group, slots in waiting.items()
            if len(slots) >= self._size and group not in self._gates
        ]
        if full:
            return waiting[max(full)][: self._size]
        first = waiting.pop(0, [])
        fresh = self._examples.take(self._size - len(first))
        self.slots += fresh
        if first or fresh:
            return first + fresh
        return self._fitting(waiting[min(waiting)]) if waiting else []

    def _fitting(self, slots: list[stream.Slot]) -> list[stream.Slot]:
        """Returns slots for a batch that is not filled up by more than half of them.

        The others wait. Examples of an attack of one part are judged all at once.
        """
        if slots[0].part in self._gates:
            return slots
        filled = stream.filled(len(slots), self._size, self._replicas)
        sizes = stream.sizes(self._size, self._replicas)
        below = max((size for size in sizes if size <= len(slots)), default=0)
        is_full_enough = 2 * filled <= 3 * len(slots) or not below
        return slots if is_full_enough else slots[:below]

    def drop(self, done: Collection[int]) -> None:
        """Lets examples go whose indices are in `done`."""
        self.slots = [slot for slot in self.slots if slot.index not in done]


def _company(part: attacks.Attack) -> tuple[attacks.Attack, int]:
    """Returns what parts have in common that can share a batch."""
    return part.kind if part.per_image else part, part.rounds.chunk
