"""What an evaluation has found so far, and when it is done with an example."""

from __future__ import annotations

from typing import Any

import numpy as np

from common import recipe as recipes
from common.attacks import adapted
from common.evaluation import judges, record, stream


class Tally:
    """Counts verdicts.

    Attributes:
      attack: whose verdicts they are; clean images and functions as attacks.
      rounds: of the attack.
      outcomes: of the examples that are done, by their index.
      no_gradient: indices of the examples that were right and had no gradient.
      passes: int64 [chunks], images that went through each chunk, over all restarts.
    """

    def __init__(self, attack: Any) -> None:
        """Has found nothing yet.

        Args:
          attack: from `common.attacks`, any callable, or None.
        """
        self.attack = adapted.adapted(attack)
        self.rounds = self.attack.rounds
        self.outcomes: dict[int, record.Outcome] = {}
        self.no_gradient: set[int] = set()
        self.passes = np.zeros(self.rounds.chunks, np.int64)

    @property
    def right(self) -> int:
        """Examples that are done and were right at every judgement."""
        return sum(found.lost == record.NEVER for found in self.outcomes.values())

    def add(
        self, pool: list[stream.Slot], batch: judges.Batch, verdict: judges.Verdict
    ) -> list[stream.Slot]:
        """Notes what a chunk has found, and returns the slots that go on.

        Args:
          pool: the slots of the batch; they are moved on by a chunk.
          batch: that was judged: the pool, filled up.
          verdict: of the batch.
        """
        np.add.at(self.passes, batch.chunks, 1)
        states = [None] * len(pool)
        if self.rounds.chunks > 1:
            states = stream.rows(verdict.fetch(), len(pool))
        judged = zip(verdict.top1, verdict.top5, verdict.hit, strict=True)
        for slot, state, found in zip(pool, states, judged, strict=False):
            slot.chunk += 1
            slot.state = state
            slot.outcome = slot.outcome.after(slot.chunk, *map(bool, found))
            if slot.chunk == self.rounds.chunks:
                slot.restart, slot.chunk, slot.state = slot.restart + 1, 0, None
            if self._is_done(slot):
                self.outcomes[slot.index] = slot.outcome
        return [slot for slot in pool if slot.index not in self.outcomes]

    def record(self, attack: Any, *, num_classes: int, **entries: Any) -> record.Record:
        """Returns the record of the attack, or of one that begins like it.

        Args:
          attack: as it was evaluated, or with fewer chunks of a single restart.
          num_classes: K; of five or fewer there is no top-5.
          **entries: further ones of the record.
        """
        rounds = adapted.adapted(attack).rounds
        outcomes = [self.outcomes[index] for index in range(len(self.outcomes))]
        lost, hit, top5 = map(np.array, zip(*outcomes, strict=True))
        top5 = top5.astype(bool)  # outcomes that were read from a file are integers
        stuck = np.isin(np.arange(len(outcomes)), list(self.no_gradient))
        is_judged_once = rounds.chunks * rounds.restarts == 1
        return record.Record(
            lost > rounds.chunks,
            attack=recipes.to_dict(attack),
            top5=top5 if is_judged_once and num_classes > 5 else None,
            hit=hit <= rounds.chunks if self.attack.is_targeted else None,
            passes=int(self.passes[: rounds.chunks].sum()) * rounds.chunk,
            tally=self,
            no_gradient=None if attack is None else stuck,
            num_classes=num_classes,
            **entries,
        )

    def _is_done(self, slot: stream.Slot) -> bool:
        """Whether the attack has reached its goal, or all its restarts are over."""
        found = slot.outcome
        goal = found.hit if self.attack.is_targeted else found.lost
        return goal < record.NEVER or slot.restart == self.rounds.restarts
