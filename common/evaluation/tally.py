"""What an evaluation has found so far, and when it is done with an example."""

from __future__ import annotations

from typing import Any

import numpy as np

from common.evaluation import attackable, judges, plan, record, stream


class Tally:
    """Counts verdicts.

    Attributes:
      outcomes: of the examples that are done, by their index.
      no_gradient: indices of the examples that were right and had no gradient.
      passes: int64 [rounds], images that went through each round of the attack.
    """

    def __init__(self, rounds: plan.Plan, watch: attackable.Watch) -> None:
        """Has found nothing yet.

        Args:
          rounds: of the attack.
          watch: asks for the gradients of examples that stand still.
        """
        self.no_gradient: set[int] = set()
        self._watch = watch
        self.outcomes: dict[int, record.Outcome] = {}
        self.passes = np.zeros(rounds.rounds, np.int64)
        self._plan = rounds

    @property
    def right(self) -> int:
        """Examples that are done and were right in every round."""
        return sum(found.lost == record.NEVER for found in self.outcomes.values())

    def add(
        self, pool: list[stream.Slot], batch: judges.Batch, verdict: judges.Verdict
    ) -> list[stream.Slot]:
        """Notes what a round has found, and returns the slots that go on.

        Args:
          pool: the slots of the batch; they are moved on by a round.
          batch: that was judged: the pool, filled up.
          verdict: of the batch.
        """
        np.add.at(self.passes, batch.rounds, 1)
        indices = np.array([slot.index for slot in pool])
        self.no_gradient.update(stuck(self._watch, indices, batch, verdict))
        images = verdict.images if self._plan.rounds > 1 else [None] * len(pool)
        judged = zip(verdict.top1, verdict.top5, verdict.hit, strict=True)
        for slot, image, found in zip(pool, images, judged, strict=False):
            slot.round += 1
            slot.adv_image = image
            slot.outcome = slot.outcome.after(slot.round, *map(bool, found))
            if slot.round == self._plan.rounds:
                slot.restart, slot.round, slot.adv_image = slot.restart + 1, 0, None
            if self._is_done(slot):
                self.outcomes[slot.index] = slot.outcome
        return [slot for slot in pool if slot.index not in self.outcomes]

    def record(self, attack: Any, *, num_classes: int, **entries: Any) -> record.Record:
        """Returns the record, once all examples are done.

        Args:
          attack: that was evaluated.
          num_classes: K; of five or fewer there is no top-5.
          **entries: further ones of the record.
        """
        outcomes = [self.outcomes[index] for index in range(len(self.outcomes))]
        lost, hit, top5 = zip(*outcomes, strict=True)
        findings = record.Findings(
            np.array(lost, np.int64),
            np.array(hit, np.int64),
            np.array(top5, bool) if num_classes > 5 else None,
            self.passes,
            np.isin(np.arange(len(outcomes)), list(self.no_gradient)),
        )
        return findings.record(attack, num_classes=num_classes, **entries)

    def _is_done(self, slot: stream.Slot) -> bool:
        """Whether the attack has reached its goal, or all its restarts are over."""
        found = slot.outcome
        goal = found.hit if self._plan.is_targeted else found.lost
        return goal < record.NEVER or slot.restart == self._plan.restarts


def stuck(
    watch: attackable.Watch,
    indices: np.ndarray,
    batch: judges.Batch,
    verdict: judges.Verdict,
) -> list[int]:
    """Returns the examples of a batch that stood still for want of a gradient.

    Args:
      watch: of the evaluation.
      indices: int [n], of the examples with which the batch begins.
      batch: that was judged.
      verdict: of the batch.
    """
    still = np.flatnonzero((verdict.still & verdict.top1)[: len(indices)])
    if not still.size:
        return []
    unmoved = watch.unmoved(verdict.images[still], batch.labels[still])
    return indices[still[unmoved]].tolist()
